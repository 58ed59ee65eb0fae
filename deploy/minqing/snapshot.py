"""Taking a backup of a running suite: `backup` and `restore` do."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import make_url

from deploy.minqing import (
    account,
    archive,
    backups,
    databases,
    figures,
    place,
    postgres,
    program,
    servers,
    suite,
)
from deploy.minqing.backups import Backup
from deploy.minqing.place import Place
from deploy.minqing.servers import Servers
from deploy.minqing.trouble import Trouble, say
from shared import database, heartbeat, incarnation


@dataclass(frozen=True)
class Source:
    """What is backed up: a suite's folder, the place of its servers' files, and its servers, running."""

    data: Path
    ground: Place
    running: Servers


def found(data: Path) -> Source:
    """Return the suite that runs on `data`. Refuses one that is down, or whose PostgreSQL is not ours."""
    require_ours()
    url = make_url(suite.find(data).database_urls()["intake"])
    ground = place.make(data, say, durable=True)
    if not (ground.home / "postgres").exists() or url.port is None:
        raise _not_ours()
    known = servers.passwords(data / "passwords.json")
    if not postgres.answers(url.port, known["postgres"]):
        raise Trouble("系统未在运行，请先 minqing up", f"Nothing runs on {data}. Run minqing up first.")
    return Source(data, ground, Servers(postgres.url(url.port, known["postgres"]), "", known, ()))


def require_ours() -> None:
    """Refuse where the environment names the databases, as in a container: their files are not ours."""
    if databases.given():
        raise _not_ours()


def _not_ours() -> Trouble:
    return Trouble(
        "这套系统的 PostgreSQL 不由 minqing up 启动，请用它自己的备份与恢复方法（见 docs/operations.md）",
        "minqing up did not start this PostgreSQL: use its own means, see docs/operations.md",
    )


def take(source: Source, folder: Path, *, with_secrets: bool = False) -> Backup:
    """Make a backup in `folder`, whole and checked or not at all; the log is kept there from now on."""
    with backups.lock(folder):
        for left in folder.glob("*.part"):
            shutil.rmtree(left)
        began = datetime.now(UTC)
        part = folder / f"{began.strftime(backups.NAME)}.part"
        part.mkdir()
        account.give(part)
        with archive.leading(source.ground.home, folder / backups.WAL):
            made = _take(source, part, began)
            if with_secrets:
                _copy_secrets(source.data, part / "secrets")
            made.save(part)
            part.rename(folder / made.name)
    return made


def _take(source: Source, part: Path, began: datetime) -> Backup:
    counted = figures.take(source.running.service_urls())
    say("正在备份 ……", "Backing up ...")
    quick = [] if source.ground.durable else ["--no-sync"]
    run(source, "pg_basebackup", "--pgdata", str(part / "base"), "--checkpoint=fast", "--progress", *quick)
    say("正在校验 ……", "Checking every file ...")
    run(source, "pg_verifybackup", "--quiet", str(part / "base"))
    timeline, first, last = backups.span(part / "base/backup_manifest")
    life, ended = _asked(source)
    return Backup(
        began_at=began.isoformat(),
        ended_at=ended.isoformat(),
        size=sum(file.stat().st_size for file in (part / "base").rglob("*") if file.is_file()),
        postgres=(part / "base/PG_VERSION").read_text().strip(),
        timeline=timeline,
        first_lsn=first,
        last_lsn=last,
        incarnation=life,
        figures=counted,
        keys=fingerprints(source.data / "secrets"),
    )


def run(source: Source, name: str, *words: str) -> None:
    """Run one of PostgreSQL's programs as the servers' account; what it says goes to the person."""
    url = make_url(source.running.admin_url)
    address = {"PGHOST": url.host or "", "PGPORT": str(url.port), "PGUSER": postgres.SUPERUSER}
    command: Sequence[str] = [str(postgres.install(source.ground) / "bin" / name), *words]
    done = subprocess.run(
        command,
        cwd=source.ground.home,
        env={**os.environ, **address, "PGPASSWORD": source.running.passwords["postgres"]},
        check=False,
        preexec_fn=program.end_with_parent,  # a backup that nobody waits for would be in the next one's way
        **account.identity(),
    )
    if done.returncode:
        raise Trouble(f"{name} 失败，原因见上", f"{name} failed, see above")


def _asked(source: Source) -> tuple[int, datetime]:
    """Return the databases' incarnation, and what time it is there now that the backup has ended."""
    with databases.opened(source.running.url("intake", "intake")) as tx:
        return incarnation.get(tx), database.now(tx)


def prune(source: Source, folder: Path, keep: int) -> None:
    """Delete all backups but the newest `keep`, and the log that none of the others needs."""
    kept = backups.listed(folder)
    for old in kept[:-keep]:
        part = folder / f"{old.name}.part"
        (folder / old.name).rename(part)  # half deleted, it must not look whole
        shutil.rmtree(part)
    oldest = min((each.first_segment for each in kept[-keep:]), key=lambda segment: segment[8:])
    archive.prune(postgres.install(source.ground), folder / backups.WAL, oldest)


def note(running: Servers, what: str) -> None:
    """Leave a sign of life in each service's database."""
    for url in running.service_urls().values():
        with databases.opened(url) as tx:
            heartbeat.beat(tx, what)


def fingerprints(secrets: Path) -> Mapping[str, str]:
    """Return the SHA-256 of each key file, by its name."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(secrets.iterdir())}


def _copy_secrets(data: Path, to: Path) -> None:
    shutil.copytree(data / "secrets", to)
    shutil.copy2(data / "passwords.json", to)
    to.chmod(0o700)
