"""The disk of the database: how much is free, and the reserve below which nothing new is accepted.

A database whose disk is full stops everything that is under way. So registration stops a little earlier,
and what was registered still finds its way.
"""

import shutil
from pathlib import Path
from typing import NamedTuple

RESERVE_SHARE = 0.05
RESERVE_BYTES = 1_000_000_000


class Space(NamedTuple):
    """Bytes that may still be written to a disk, and its size."""

    free: int
    total: int


def space(folder: Path) -> Space:
    """How much is free on the disk of a folder, for ordinary users."""
    usage = shutil.disk_usage(folder)
    return Space(usage.free, usage.total)


def is_short(space: Space) -> bool:
    """Whether the reserve is reached: less than 5 % or less than 1 GB is free."""
    return space.free < max(RESERVE_BYTES, space.total * RESERVE_SHARE)
