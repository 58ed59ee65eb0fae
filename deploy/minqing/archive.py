"""The write-ahead log kept beside the backups, so that any later moment can be restored.

PostgreSQL hands every finished piece (*segment*, 16 MB, at least one a minute while anything is written) to
`deploy/archive.sh`, which keeps it in the folder that the link `archive` among the servers' files leads to.
The first backup makes the link; before, nothing is kept.
"""

import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import deploy
from deploy.minqing import account

SCRIPT = Path(deploy.__file__).with_name("archive.sh")
LINK = "archive"
SEGMENT = 16 << 20  # bytes, as initdb makes them
PER_FILE = (1 << 32) // SEGMENT
TIMEOUT = 60  # seconds after which an unfinished segment is handed over: what a lost disk can cost


def settings(home: Path) -> list[str]:
    """Return PostgreSQL's settings to keep its log, for the server whose files lie in `home`."""
    _forget_empty(home / LINK)
    script = home / SCRIPT.name
    shutil.copyfile(SCRIPT, script)  # where the servers' account can read it
    account.give(script)
    command = f"/bin/sh {_quoted(script)} {_quoted(home / LINK)} %p %f"
    return ["archive_mode=on", f"archive_timeout={TIMEOUT}", f"archive_command={command}"]


def restoring(folders: Iterable[Path]) -> str:
    """Return PostgreSQL's restore_command: gives a segment from the first folder that has it.

    A folder is an archive, or the `pg_wal` of a database that can still be read.
    """
    found = []
    for folder in map(_quoted, folders):
        found.append(f"{{ test -f {folder}/%f.gz && gzip -dc {folder}/%f.gz > %p; }}")
        found.append(f"{{ test -f {folder}/%f && cp {folder}/%f %p; }}")
    return " || ".join(found)


@contextmanager
def leading(home: Path, folder: Path) -> Iterator[None]:
    """Keep the log in `folder` from now on, unless the block, which makes a backup there, fails."""
    link, part = home / LINK, home / f"{LINK}.part"
    before = link.readlink() if link.is_symlink() else None
    folder.mkdir(exist_ok=True)
    account.give(folder)
    _lead(link, folder, part)
    try:
        yield
    except BaseException:
        link.unlink()
        if before is not None:
            _lead(link, before, part)
        raise


def _lead(link: Path, folder: Path, part: Path) -> None:
    part.unlink(missing_ok=True)
    part.symlink_to(folder)
    part.replace(link)


def _forget_empty(link: Path) -> None:
    """Keep no log where a first backup was begun and never finished. A disk that is away is another thing."""
    if link.exists() and not list(link.resolve().parent.glob("*/backup.json")):
        link.unlink()


def segment(timeline: int, lsn: str) -> str:
    """Return the name of the segment that holds a place in the log, such as `0/3000028`."""
    high, low = (int(part, 16) for part in lsn.split("/"))
    return f"{timeline:08X}{high:08X}{low // SEGMENT:08X}"


def covered(folder: Path, last: str, ended: datetime) -> datetime:
    """Return up to when the log is kept without a gap, for a backup that ended then in the segment `last`."""
    while (kept := folder / f"{last}.gz").exists():
        ended = max(ended, datetime.fromtimestamp(kept.stat().st_mtime, UTC))
        last = following(last)
    return ended


def following(name: str) -> str:
    """Return the name of the next segment."""
    high, low = int(name[8:16], 16), int(name[16:], 16) + 1
    return f"{name[:8]}{high + low // PER_FILE:08X}{low % PER_FILE:08X}"


def prune(programs: Path, folder: Path, oldest: str) -> None:
    """Delete what is older than the segment `oldest`, with which the oldest backup begins."""
    command: Sequence[str] = [str(programs / "bin/pg_archivecleanup"), "-x", ".gz", str(folder), oldest]
    subprocess.run(command, check=True, capture_output=True, **account.identity())


def _quoted(path: Path) -> str:
    return shlex.quote(str(path)).replace("%", "%%")
