"""A database made anew from a backup and the log that followed it, beside whatever else there is."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import text

from deploy.minqing import account, archive, backups, databases, postgres, servers
from deploy.minqing.backups import Backup
from deploy.minqing.place import Place
from deploy.minqing.program import Program
from deploy.minqing.servers import Servers
from deploy.minqing.trouble import Trouble, say

LONGEST = 24 * 3600  # seconds that the log may take to be read
ROOM = 100_000_000  # bytes to be free besides the files themselves
REPLAYED = text("SELECT pg_last_xact_replay_timestamp()")
ENDED_EARLY = "recovery ended before configured recovery target was reached"


@dataclass(frozen=True)
class Plan:
    """What is made: the folder of the new database, from which backup (in `source`), up to when (None: as
    late as can be), from which further places the log is read, and with which settings it runs.
    """

    ground: Place
    folder: Path
    source: Path
    backup: Backup
    at: datetime | None
    wal: Sequence[Path] = ()
    settings: Sequence[str] = ()

    def run(self, data: Path) -> Servers:
        """Make it and start it on a free port; `data` is the folder with the passwords of its roles."""
        self._copy()
        known = servers.passwords(data / "passwords.json")
        port = servers.free_port()
        say("正在重放日志 ……", "Applying the log that followed it ...")
        try:
            started = self._start(port, known["postgres"], self.at)
        except Trouble:
            if self.at is None or ENDED_EARLY not in self._log.read_text(errors="replace"):
                raise
            # Nothing more happened before that moment: the end of the log is how it then stood.
            started = self._start(port, known["postgres"], None)
        return Servers(postgres.url(port, known["postgres"]), "", known, (started,))

    def reached(self, running: Servers) -> datetime:
        """Return when the last transaction that was brought back had been committed."""
        with databases.opened(running.admin_url) as tx:
            at: datetime | None = tx.execute(REPLAYED).scalar_one()
        return at or self.backup.ended

    @property
    def _log(self) -> Path:
        return self.ground.logs / f"{self.folder.name}.log"

    def _copy(self) -> None:
        if shutil.disk_usage(self.ground.home).free < self.backup.size + ROOM:
            raise Trouble(
                f"{self.ground.home} 所在磁盘空间不足", f"The disk of {self.ground.home} has too little room"
            )
        shutil.rmtree(self.folder, ignore_errors=True)
        base = self.source / self.backup.name / "base"
        say(f"正在复制备份 {self.backup.name} ……", "Copying the backup ...")
        command = ["cp", "-a", "--reflink=auto", str(base), str(self.folder)]
        if subprocess.run(command, cwd=self.ground.home, check=False, **account.identity()).returncode:
            raise Trouble(
                f"备份复制失败，原因见上；数据库的账户须能读取 {self.source}",
                f"The backup could not be copied, see above. The databases' account must be able to read "
                f"{self.source}",
            )
        postgres.check_version(self.folder, postgres.install(self.ground))
        signal = self.folder / "recovery.signal"
        signal.touch()
        account.give(signal)

    def _start(self, port: int, password: str, at: datetime | None) -> Program:
        self._log.unlink(missing_ok=True)
        server = postgres.make(self.ground, self.folder, port, [*self._recovering(at), *self.settings])
        server = replace(server, name=self.folder.name, log=self._log)
        server.start()
        server.await_ready(lambda: postgres.answers(port, password), LONGEST)
        return server

    def _recovering(self, at: datetime | None) -> list[str]:
        folders = [self.source / backups.WAL, *self.wal]
        settings = [
            f"restore_command={archive.restoring(folders)}",
            "recovery_target_timeline=current",  # of the life that the backup is from
            "recovery_target_action=promote",
            "hot_standby=off",  # so that it answers when it is done
        ]
        return settings if at is None else [*settings, f"recovery_target_time={at.isoformat()}"]
