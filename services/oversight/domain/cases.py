"""What oversight knows of a case, and what is owed on it."""

from dataclasses import dataclass
from datetime import datetime

# running; missed: it passed and nothing happened; met in time; late: met after it was due; ended: over
# without either, because the department was released or a mere right lapsed.
STATES = ("running", "missed", "met", "late", "ended")
OPEN = ("running", "missed")


@dataclass(frozen=True)
class Case:
    """What clocks ask of a grievance. The kind is None until intake's word of it has arrived."""

    number: str
    kind: str | None
    channel: str | None
    urgency: str | None


@dataclass(frozen=True)
class Milestone:
    """Something that happened to a case, or to one department's task in it.

    The county's clocks name milestones; `leading` (a department became the lead) and `designated` (its
    objection was refused) decide whose clocks run.
    """

    department: str | None
    name: str
    at: datetime


@dataclass(frozen=True)
class Deadline:
    """One deadline: who owes what by when. `id` is `<number>.<department>.<clock>` and stays for ever.

    `duty` and `shown` are its clock's; `ended_at` is when it was met, or was over otherwise.
    """

    id: str
    number: str
    clock: str
    department: str
    started_at: datetime
    due_at: datetime
    ended_at: datetime | None
    state: str
    duty: bool
    shown: bool


@dataclass(frozen=True)
class Change:
    """A deadline as it was kept, None for a new one, and as it is now."""

    before: Deadline | None
    after: Deadline
