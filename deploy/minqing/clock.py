"""The suite's clock, which replays set: every service adds the seconds in one file (`shared.clock`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from deploy.minqing import suite
from shared.clock import Clock


class Hands:
    """The hands of a suite's clock, in the past. They only ever move forward, up to the present."""

    def __init__(self, file: Path, start: datetime) -> None:
        self.file = file
        self.offset = (start - datetime.now(UTC)).total_seconds()
        self._write()

    def now(self) -> datetime:
        """Return what time it is in the suite."""
        return Clock(self.file).now()

    def move(self, to: datetime) -> None:
        """Make it `to`, unless it is later already."""
        self.offset = min(max(self.offset, (to - datetime.now(UTC)).total_seconds()), 0.0)
        self._write()

    def _write(self) -> None:
        suite.write_private(self.file, str(self.offset))  # whole or not at all: an empty file means now


@contextmanager
def past(file: Path, start: datetime) -> Iterator[Hands]:
    """Give the hands, set to `start`; afterwards, however the block ends, it is the real time again."""
    try:
        yield Hands(file, start)
    finally:
        reset(file)


def reset(file: Path) -> None:
    """Make it the real time."""
    suite.write_private(file, "0")
