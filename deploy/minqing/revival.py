"""The databases of a suite brought back to an earlier moment, and everything else brought in line with it.

The restored database is made beside the present one, mended, and only then takes its place.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import click

from deploy.minqing import archive, backups, later, postgres, redis, resync, servers, snapshot
from deploy.minqing.backups import Backup
from deploy.minqing.later import Act
from deploy.minqing.place import Place
from deploy.minqing.program import Program
from deploy.minqing.recovery import Plan
from deploy.minqing.servers import Servers
from deploy.minqing.snapshot import Source
from deploy.minqing.trouble import Trouble, say

LEAP = 1000  # numbers left out where the lost ones cannot all be known
SLACK = timedelta(minutes=1)  # between the beginning of a transaction and its end
READ_ONLY = ("default_transaction_read_only=on", "archive_mode=off", "autovacuum=off")


@dataclass(frozen=True)
class Found:
    """How it ended: up to when the databases reach; what came later, as far as is known, and the file that
    lists it; whether all of that is known; where the database is that was there before.
    """

    reached: datetime
    acts: list[Act]
    file: Path
    complete: bool
    aside: Path | None


@dataclass(frozen=True)
class Revival:
    """What is to be done: for the suite on `data`, from a backup in `folder`, to a moment (None: latest)."""

    data: Path
    ground: Place
    folder: Path
    backup: Backup
    at: datetime | None

    def run(self) -> Found:
        """Do it. Whatever fails, fails before anything of the present has been touched."""
        postgres.end_earlier(self.ground)
        postgres.finish_restore(self.ground)
        self._require_covered()
        with archive.leading(self.ground.home, self.folder / backups.WAL), ExitStack() as stack:
            plan = self._plan()
            restored = plan.run(self.data)
            stack.callback(restored.stop)
            restored.create_databases()  # the roles have the passwords of this suite again
            reached = plan.reached(restored)
            acts, complete = self._mend(restored, reached)
            file = self._keep(restored, acts)
        redis.wipe(self.ground)
        return Found(reached, acts, file, complete, self._swap(plan.folder))

    @property
    def _present(self) -> Path:
        return self.ground.home / "postgres"

    def _require_covered(self) -> None:
        """Refuse a moment after the end of the log. What is not kept yet lies in the present database."""
        covered = self.backup.covered(self.folder)
        if self.at is not None and self.at > covered and not self._present.exists():
            raise backups.outside(self.folder, self.at, self.backup.ended, covered)

    def _plan(self) -> Plan:
        wal = (self._present / "pg_wal",) if self._present.exists() else ()
        settings = archive.settings(self.ground.home)
        folder = self.ground.home / "postgres.restored"
        return Plan(self.ground, folder, self.folder, self.backup, self.at, wal, settings)

    def _mend(self, restored: Servers, reached: datetime) -> tuple[list[Act], bool]:
        """Find what came later, begin another life, and let no number be given twice."""
        urls = restored.service_urls()
        with self._before() as before:
            if before is None:
                acts = later.logged(self.ground.logs, urls["intake"], reached)
                lost = [int(number.split("-")[1]) for number in later.registered(acts)]
                used = later.Used(max([*lost, resync.highest(urls)]) + LEAP, {})
            else:
                acts = later.between(before.service_urls(), urls, reached)
                used = later.used(before.service_urls())
        self._require_whole(acts, reached)
        resync.begin(urls)
        resync.report(resync.run(urls))
        later.lift(urls, used)
        return acts, before is not None

    @contextmanager
    def _before(self) -> Iterator[Servers | None]:
        """Give the database that was there, started for reading on another port; None if it cannot be."""
        known, port = servers.passwords(self.data / "passwords.json"), servers.free_port()
        if not (self._present / "global/pg_control").exists():
            yield None
            return
        server = postgres.make(self.ground, self._present, port, READ_ONLY)
        try:
            server.start()
            started = _awaited(server, port, known["postgres"])
            yield Servers(postgres.url(port, known["postgres"]), "", known, (server,)) if started else None
        finally:
            server.stop()

    def _require_whole(self, acts: list[Act], reached: datetime) -> None:
        """Refuse a log with a gap: then something said before the moment was not brought back."""
        if self.at is None:
            return
        end = self.at - SLACK
        missing = [act for act in acts if reached < datetime.fromisoformat(act.at) < end]
        if missing:
            raise Trouble(
                f"日志不完整，最多只能恢复到 {backups.local(reached)}",
                f"The log has a gap: nothing after {backups.local(reached)} (Beijing time) can be restored",
            )

    def _keep(self, restored: Servers, acts: list[Act]) -> Path:
        """Back up the restored database, whose log begins here, and write beside it what came later."""
        source = Source(self.data, self.ground, restored)
        made = snapshot.take(source, self.folder)
        snapshot.note(restored, "backup")
        file = self.folder / made.name / "later.csv"
        later.write(file, acts)
        return file

    def _swap(self, folder: Path) -> Path | None:
        """Let the restored database take the place of the present one, which is kept under another name.

        Should we die in between, the next start finishes it instead of making an empty database.
        """
        restored = folder.rename(self.ground.home / postgres.NEXT)
        aside = None
        if self._present.exists():
            aside = self._present.rename(self.ground.home / f"postgres.before-{int(time.time())}")
        restored.rename(self._present)
        say("恢复的数据库已就位", "The restored database is in place")
        return aside


def _awaited(server: Program, port: int, password: str) -> bool:
    try:
        server.await_ready(lambda: postgres.answers(port, password))
    except Trouble as trouble:
        click.echo(trouble.message, err=True)
        return False
    return True
