"""Whom the servers run as. PostgreSQL refuses to run as root, so root runs them as `nobody`.

`nobody` must then reach the data and the programs: what lies in a private folder (such as /root) is
kept or copied elsewhere, rather than opening that folder.
"""

import os
import pwd
import shutil
import tempfile
from pathlib import Path
from typing import TypedDict

ROOT = os.geteuid() == 0
NAME = "nobody"
OUTSIDE = Path("/var/lib/minqing")  # for the data of a root whose own folder `nobody` cannot reach


class Identity(TypedDict, total=False):
    """What `subprocess.Popen` needs to run something as another user."""

    user: int
    group: int
    extra_groups: list[int]


def identity() -> Identity:
    """Return whom to run a server as: nothing to change unless we are root."""
    if not ROOT:
        return {}
    entry = pwd.getpwnam(NAME)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def home(data: Path, name: str = "servers") -> Path:
    """Return the folder `name` of `data` for the servers' files, made and owned by their account.

    Where that account cannot reach it, `data` holds a link to a folder outside.
    """
    place = data / name
    if not place.exists() and not reachable(place):
        OUTSIDE.mkdir(parents=True, exist_ok=True)
        place.symlink_to(tempfile.mkdtemp(dir=OUTSIDE))
    place.mkdir(exist_ok=True)
    give(place)
    return place.resolve()


def give(path: Path) -> None:
    """Make `path` the account's own, closed to others."""
    path.chmod(0o700 if path.is_dir() else 0o600)
    if ROOT:
        entry = pwd.getpwnam(NAME)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def reachable(path: Path) -> bool:
    """Whether the account can come to `path`: every folder above it lets others pass."""
    above = (parent for parent in path.absolute().parents if parent.exists())
    return not ROOT or all(parent.stat().st_mode & 0o001 for parent in above)


def bring(program: Path, home: Path) -> Path:
    """Return `program` (a file or a folder) where the account can run it: in place, or copied once."""
    if reachable(program):
        return program
    copy = home / f"{program.name}-{int(program.stat().st_mtime)}"  # installed anew, copied anew
    if not copy.exists():
        part = copy.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(program, part)
        part.rename(copy)
    return copy
