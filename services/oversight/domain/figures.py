"""The dashboard and its figures (M17): overdue first, and rates only where they say something."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.oversight.domain.cases import Deadline
from shared.calendar import Calendar
from shared.county.model import Length

SMALLEST_SAMPLE = 10  # deadlines due below which a department is not ranked
SOON = Length(3, "working_days")
MONTHS = 12  # that figures of receipt go back, this month included


@dataclass(frozen=True)
class Owed(Deadline):
    """A deadline with what its readers need to know of the case, and how many days late it is or was."""

    missed_at: datetime | None
    kind: str
    summary: str
    place: str | None
    days_late: int


@dataclass(frozen=True)
class Tally:
    """What a department owed: duties that run, that are overdue, and that it met in time or late."""

    department: str
    running: int
    overdue: int
    met: int
    late: int

    @property
    def due(self) -> int:
        """How many had to be met by now, or were met: the denominator of the rate."""
        return self.overdue + self.met + self.late

    @property
    def on_time_rate(self) -> float | None:
        """The share of those due that was met in time; None where nothing was due."""
        return round(self.met / self.due, 4) if self.due else None


@dataclass(frozen=True)
class Dashboard:
    """What supervisors see, as it stood `at`. Receipts are counted from `since`, in batches and persons.

    `to_decide` counts the notices whose publication or withdrawal waits for a supervisor.
    """

    at: datetime
    since: datetime
    overdue_total: int
    overdue: Sequence[Owed]
    due_soon: Sequence[Owed]
    ranked: Sequence[Tally]
    unranked: Sequence[Tally]
    offices: Sequence[Any]
    months: Sequence[Any]
    repair: dict[str, int]
    to_decide: int


def ranked(tallies: Sequence[Tally]) -> list[Tally]:
    """The departments with enough due to be compared, the least punctual first."""
    enough = [tally for tally in tallies if tally.due >= SMALLEST_SAMPLE]
    return sorted(enough, key=lambda tally: (tally.on_time_rate, -tally.overdue, tally.department))


def unranked(tallies: Sequence[Tally]) -> list[Tally]:
    """The departments with too little due to be compared, by name: a rate of two would say nothing."""
    return [tally for tally in tallies if tally.due < SMALLEST_SAMPLE]


def soon(now: datetime, calendar: Calendar) -> datetime:
    """Until when a deadline is due soon."""
    return calendar.add(now, SOON)


def figures_since(now: datetime, calendar: Calendar) -> datetime:
    """The beginning of the first month that figures of receipt count."""
    local = now.astimezone(calendar.timezone)
    year, month = divmod(local.year * MONTHS + local.month - MONTHS, MONTHS)
    return local.replace(year=year, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0)
