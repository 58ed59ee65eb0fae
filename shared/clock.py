"""What time it is. The only place that asks the machine, apart from the database's own `now()`."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path


@dataclass(frozen=True)
class Clock:
    """The machine's time in UTC, moved by the seconds that stand in `offset_file`, if there is one.

    The file exists so that a demo can replay months in a minute: every process of the suite reads the
    same one. Production sets none.
    """

    offset_file: Path | None = None

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        present = datetime.now(UTC)
        if self.offset_file is None:
            return present
        return present + timedelta(seconds=float(self.offset_file.read_text() or 0))
