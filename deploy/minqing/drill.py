"""A restore that is only tried: beside the running suite, in a temporary place, and looked at closely."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from deploy.minqing import account, backups, figures, later, snapshot, soundness
from deploy.minqing.backups import Backup
from deploy.minqing.later import Act
from deploy.minqing.recovery import Plan
from deploy.minqing.snapshot import Source
from deploy.minqing.trouble import Trouble, say
from shared import migrations

SETTINGS = ("archive_mode=off", "fsync=off", "shared_buffers=32MB")


@dataclass(frozen=True)
class Result:
    """What a drill found: its faults, what came later, how long it took, and how many seconds of work a
    disk lost now would have cost.
    """

    faults: list[str]
    acts: list[Act]
    seconds: float
    exposed: float


def run(source: Source, folder: Path, chosen: Backup, at: datetime | None) -> Result:
    """Restore `chosen` to a moment beside the running suite, and check everything; leaves nothing behind."""
    covered = chosen.covered(folder)
    if at is not None and at > covered:
        raise backups.outside(folder, at, chosen.ended, covered)
    began = time.monotonic()
    with _temporary(source) as place:
        plan = Plan(source.ground, place / "drill", folder, chosen, at, settings=SETTINGS)
        with _restored(plan, source) as copy:
            seconds, reached = time.monotonic() - began, plan.reached(copy.running)
            say(f"已恢复到 {backups.local(reached)}，正在检查 ……", "Restored to then; looking at it ...")
            acts = later.between(source.running.service_urls(), copy.running.service_urls(), reached)
            faults = _faults(copy, chosen)
    exposed = datetime.now(UTC) - max(reached, covered)
    return Result(faults, acts, seconds, exposed.total_seconds())


@contextmanager
def _restored(plan: Plan, source: Source) -> Iterator[Source]:
    """Give the restored copy of a suite, running."""
    running = plan.run(source.data)
    try:
        yield replace(source, running=running)
    finally:
        running.stop()


def _faults(copy: Source, chosen: Backup) -> list[str]:
    """Name everything that is wrong with a restored copy."""
    urls = copy.running.service_urls()
    faults = figures.missed(chosen.figures, figures.take(urls))
    faults += soundness.streams(urls)
    faults += soundness.sealed(urls["intake"], copy.data / "secrets")
    try:
        snapshot.run(copy, "pg_amcheck", "--all", "--install-missing")
    except Trouble as error:
        faults.append(error.message)
    for database in migrations.HISTORIES:
        owner = "oversight" if database == "identity" else database
        migrations.upgrade(database, copy.running.url(owner, database))
    return faults


@contextmanager
def _temporary(source: Source) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="drill-", dir=source.ground.home))
    account.give(place)
    try:
        yield place
    finally:
        shutil.rmtree(place)
