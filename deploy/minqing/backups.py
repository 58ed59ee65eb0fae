"""The backups in a folder, and which of them holds a moment.

<folder>/20261124T105600Z/   base/ the database files, backup.json what it is; secrets/ only if asked for
<folder>/wal/                the write-ahead log since the oldest of them (`archive`)

A backup gets its name when it is whole and checked; before, it is called `….part`.
"""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from deploy.minqing import archive, suite
from deploy.minqing.figures import Figures
from deploy.minqing.trouble import Trouble
from shared.language import ZONE

NAME = "%Y%m%dT%H%M%SZ"
FILE = "backup.json"
WAL = "wal"


@dataclass(frozen=True)
class Backup:
    """One backup: when it began and ended (UTC), its size in bytes, where in the log it stands, and what
    was in it: figures, incarnation, and the SHA-256 of each key file, never a key.
    """

    began_at: str
    ended_at: str
    size: int
    postgres: str
    timeline: int
    first_lsn: str
    last_lsn: str
    incarnation: int
    figures: Figures
    keys: Mapping[str, str]

    @property
    def name(self) -> str:
        """The name of its folder."""
        return datetime.fromisoformat(self.began_at).strftime(NAME)

    @property
    def ended(self) -> datetime:
        """The earliest moment that it can bring back."""
        return datetime.fromisoformat(self.ended_at)

    @property
    def first_segment(self) -> str:
        """The oldest piece of the log that it needs."""
        return archive.segment(self.timeline, self.first_lsn)

    def covered(self, folder: Path) -> datetime:
        """The latest moment that it can bring back with the log kept in `folder`."""
        last = archive.segment(self.timeline, self.last_lsn)
        return archive.covered(folder / WAL, last, self.ended)

    def save(self, folder: Path) -> None:
        """Write it down beside its files."""
        suite.write_private(folder / FILE, json.dumps(asdict(self), indent=1))


def span(manifest: Path) -> tuple[int, str, str]:
    """Return the timeline of a base backup and the places in the log where it begins and ends."""
    (given,) = json.loads(manifest.read_text())["WAL-Ranges"]
    return given["Timeline"], given["Start-LSN"], given["End-LSN"]


def listed(folder: Path) -> list[Backup]:
    """Return the whole backups in `folder`, the oldest first."""
    files = sorted(folder.glob(f"[0-9]*Z/{FILE}"))
    return [Backup(**json.loads(file.read_text())) for file in files]


def find(folder: Path, at: datetime | None, only: str | None = None) -> Backup:
    """Return the backup to restore `at` from: the newest that had ended by then, or the newest (None).

    `only` names the one to look at. Refuses a folder without backups, and a moment before the first, naming
    what is possible.
    """
    found = [backup for backup in listed(folder) if only in (None, backup.name)]
    if not found:
        raise Trouble(
            f"{folder} 中没有完整的备份。请先运行 minqing backup，或用 --from 指定目录。",
            f"There is no whole backup in {folder}. Run minqing backup, or name another with --from.",
        )
    if at is None:
        return found[-1]
    before = [backup for backup in found if backup.ended <= at]
    if not before:
        raise outside(folder, at, found[0].ended, found[-1].covered(folder))
    return before[-1]


def outside(folder: Path, at: datetime, first: datetime, last: datetime) -> Trouble:
    """Return what is said of a moment that cannot be restored."""
    possible = f"{local(first)} … {local(last)}"
    return Trouble(
        f"{folder} 中的备份不含 {local(at)}。可恢复的时间：{possible}",
        f"The backups in {folder} do not hold {local(at)}. Possible (Beijing time): {possible}",
    )


def local(moment: datetime) -> str:
    """Return a moment as people here read it, to the microsecond, so that `--at` takes it back."""
    return moment.astimezone(ZONE).isoformat(" ")


def pair(given: Path) -> tuple[Path, str | None]:
    """Read `--from`: a folder of backups, or one backup in it. Returns the folder and that backup's name."""
    if (given / FILE).exists():
        return given.resolve().parent, given.resolve().name
    return given, None


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold `folder` for ourselves: two backups at once would be in each other's way."""
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Trouble(f"{folder} 正在备份", f"A backup to {folder} is being made already") from error
        yield
