"""Every event the services tell each other, and who reads it. Pure.

An event is a fact in the past tense, frozen and flat: ids, not objects. It carries the matter, never
the person: no name, phone, document number or address of a petitioner travels. All times are UTC.
`number` is always the grievance the event belongs to, and so the stream it is ordered in. A task is
known by `number` and `department`: a department has at most one task in a case.
"""

import re
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class GrievanceRegistered:
    """A clerk, a station or a department registered a grievance (M1, M4, M5)."""

    number: str
    kind: str
    office: str
    channel: str
    urgency: str | None
    category: str | None
    place: str | None
    unit: str | None
    petitioners: int
    summary: str
    text: str
    received_at: datetime
    registered_at: datetime


@dataclass(frozen=True)
class CaseTriaged:
    """No rule was sure of a grievance, or a department objected: it waits for a person (M7, M9)."""

    number: str
    reason: str
    triaged_at: datetime


@dataclass(frozen=True)
class CaseAssigned:
    """A rule or a person assigned a grievance to a lead and any cooperating departments (M7, M8).

    Said again, with the whole new assignment, when an objection led to another department. Each
    department named has its own task from then on.
    """

    number: str
    kind: str
    lead: str
    cooperating: tuple[str, ...]
    rule: str
    reason: str
    decided_by: str
    county_version: str
    assigned_at: datetime


@dataclass(frozen=True)
class TaskAccepted:
    """A department accepted its task; the petitioner is told (Art. 23)."""

    number: str
    department: str
    accepted_at: datetime


@dataclass(frozen=True)
class TaskObjected:
    """A department objected in writing to being assigned (M9)."""

    number: str
    department: str
    reason: str
    objected_at: datetime


@dataclass(frozen=True)
class TaskWithdrawn:
    """An objection was upheld: the department owes nothing more on this case (M9)."""

    number: str
    department: str
    reason: str
    withdrawn_at: datetime


@dataclass(frozen=True)
class TaskDesignated:
    """An objection was refused: the department is designated and cannot return the case again (M9)."""

    number: str
    department: str
    reason: str
    designated_at: datetime


@dataclass(frozen=True)
class TaskProgressed:
    """A department wrote progress into its ledger (M10)."""

    number: str
    department: str
    note: str
    progressed_at: datetime


@dataclass(frozen=True)
class CaseExplained:
    """The lead told the petitioners in public who does what on a linked case (M8)."""

    number: str
    department: str
    explanation: str
    explained_at: datetime


@dataclass(frozen=True)
class TaskAnswered:
    """A department answered for its own part (M8)."""

    number: str
    department: str
    answered_at: datetime


@dataclass(frozen=True)
class CaseAnswered:
    """The lead answered the whole case in writing: facts, opinion and its basis (M11, Art. 32)."""

    number: str
    department: str
    outcome: str
    facts: str
    opinion: str
    basis: str
    answered_at: datetime


@dataclass(frozen=True)
class DeadlineSet:
    """Oversight set or moved a deadline that the petitioner may see (M12)."""

    number: str
    deadline: str
    clock: str
    department: str
    due_at: datetime
    set_at: datetime


@dataclass(frozen=True)
class DeadlineMet:
    """What a deadline asked for happened; `late` says whether after it was due (M12)."""

    number: str
    deadline: str
    clock: str
    department: str
    due_at: datetime
    late: bool
    met_at: datetime


@dataclass(frozen=True)
class DeadlineMissed:
    """A deadline passed and nothing happened (M12)."""

    number: str
    deadline: str
    clock: str
    department: str
    due_at: datetime


@dataclass(frozen=True)
class NoticeServed:
    """A rung of the ladder was served on a department: reminder, supervision letter, … (M13)."""

    number: str
    notice: str
    rung: str
    department: str
    clock: str
    due_at: datetime
    feedback_due_at: datetime | None
    served_at: datetime


@dataclass(frozen=True)
class NoticePublished:
    """Two supervisors published an accountability notice for everyone to read (M13, M15)."""

    number: str
    notice: str
    rung: str
    department: str
    clock: str
    due_at: datetime
    published_at: datetime


@dataclass(frozen=True)
class NoticeWithdrawn:
    """Two supervisors withdrew a published notice: it can still be read, with the reason (M13)."""

    number: str
    notice: str
    rung: str
    department: str
    clock: str
    due_at: datetime
    reason: str
    withdrawn_at: datetime


Event = (
    GrievanceRegistered
    | CaseTriaged
    | CaseAssigned
    | TaskAccepted
    | TaskObjected
    | TaskWithdrawn
    | TaskDesignated
    | TaskProgressed
    | CaseExplained
    | TaskAnswered
    | CaseAnswered
    | DeadlineSet
    | DeadlineMet
    | DeadlineMissed
    | NoticeServed
    | NoticePublished
    | NoticeWithdrawn
)

# The map of the suite: who says what, and to whom.
ROUTES: dict[str, dict[type[Event], tuple[str, ...]]] = {
    "intake": {
        GrievanceRegistered: ("oversight", "routing"),
    },
    "routing": {
        CaseTriaged: ("intake", "oversight"),
        CaseAssigned: ("intake", "oversight"),
        TaskAccepted: ("intake", "oversight"),
        TaskObjected: ("oversight",),
        TaskWithdrawn: ("oversight",),
        TaskDesignated: ("oversight",),
        TaskProgressed: ("oversight",),
        CaseExplained: ("intake", "oversight"),
        TaskAnswered: ("oversight",),
        CaseAnswered: ("intake", "oversight"),
    },
    "oversight": {
        DeadlineSet: ("intake",),
        DeadlineMet: ("intake",),
        DeadlineMissed: ("intake",),
        NoticeServed: ("routing",),
        NoticePublished: ("intake", "routing"),
        NoticeWithdrawn: ("intake", "routing"),
    },
}
READERS: dict[type[Event], tuple[str, ...]] = {
    event: readers for said in ROUTES.values() for event, readers in said.items()
}


def name(event: type) -> str:
    """GrievanceRegistered → grievance.registered."""
    return re.sub(r"(?<!^)(?=[A-Z])", ".", event.__name__).lower()


def readers_of(service: str) -> tuple[str, ...]:
    """The services that `service` says something to."""
    return tuple(sorted({reader for readers in ROUTES[service].values() for reader in readers}))


def sources_of(service: str) -> tuple[str, ...]:
    """The services that say something to `service`."""
    return tuple(source for source in sorted(ROUTES) if service in readers_of(source))
