"""Who does what when in a replay. Pure."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any, NamedTuple

from shared.calendar import Calendar
from shared.county.model import Length

SOON = (5.0, 40.0)  # minutes
OFFICE = (6.5, 15.5)  # hours before midnight: from 17:30 back to 8:30


class Who(NamedTuple):
    """A role and its department or office, as an access key has them. `n` tells colleagues apart."""

    role: str
    of: str | None = None
    n: int = 1


@dataclass(frozen=True)
class Act:
    """A request that somebody makes at a certain moment. `patient`: refused, it is made again later."""

    at: datetime
    who: Who
    service: str
    path: str
    body: Mapping[str, Any]
    patient: bool = False
    tries: int = 1


@dataclass
class Agenda:
    """What is still to be done."""

    waiting: list[tuple[datetime, int, Act]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def add(self, acts: Iterable[Act]) -> None:
        """Put acts where they belong in time."""
        for act in acts:
            heapq.heappush(self.waiting, (act.at, next(self.numbers), act))

    def until(self, moment: datetime) -> Iterator[Act]:
        """Take what is to be done before `moment`, in order of time; more may be added meanwhile."""
        while self.waiting and self.waiting[0][0] < moment:
            yield heapq.heappop(self.waiting)[2]


def later(calendar: Calendar, start: datetime, days: int, chance: Random) -> datetime:
    """Return a moment in the office hours of a working day, `days` after `start`; with 0, soon after it."""
    if days == 0:
        return start + timedelta(minutes=chance.uniform(*SOON))
    ends = calendar.add(start, Length(days, "working_days"))
    return ends - timedelta(hours=chance.uniform(*OFFICE))
