"""A case: a grievance, the departments that answer for it, and the moves that are allowed. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared import policy
from shared.contracts import Event
from shared.county.model import Text
from shared.problems import Conflict, NotFound

ROLES = ("lead", "cooperating")  # M8
OUTCOMES = ("solved", "stepwise", "explained", "unreasonable", "withdrawn")  # M11

# state → what may happen → the state after it.
Moves = Mapping[str, Mapping[str, str]]

CASE_MOVES: Moves = {
    "registered": {"assign": "assigned", "triage": "triage"},
    "triage": {"assign": "assigned", "object": "triage"},
    "assigned": {"object": "triage", "answer": "answered"},
    "answered": {},
}

# A department accepts, objects, progresses, explains and answers. A decision names it again, as `lead` or
# as `cooperating`, or drops it: naming it against its objection designates it, and a designated department
# cannot object again (M9). What was answered stays answered, unless the department is to lead now.
TASK_MOVES: Moves = {
    "assigned": {
        "accept": "accepted",
        "object": "objected",
        "explain": "assigned",
        "lead": "assigned",
        "cooperating": "assigned",
        "drop": "withdrawn",
    },
    "objected": {"lead": "designated", "cooperating": "designated", "drop": "withdrawn"},
    "designated": {
        "accept": "accepted",
        "explain": "designated",
        "lead": "designated",
        "cooperating": "designated",
        "drop": "withdrawn",
    },
    "accepted": {
        "progress": "accepted",
        "explain": "accepted",
        "answer": "answered",
        "lead": "accepted",
        "cooperating": "accepted",
        "drop": "withdrawn",
    },
    "answered": {"lead": "accepted", "cooperating": "answered", "drop": "answered"},
    "withdrawn": {"lead": "assigned", "cooperating": "assigned", "drop": "withdrawn"},
}

# How states and moves are called in a refusal.
WORDS: Mapping[str, Text] = {
    "triage": Text("待分派", "waiting in triage"),
    "assigned": Text("待受理", "not accepted yet"),
    "objected": Text("异议处理中", "waiting for a decision on the objection"),
    "designated": Text("已指定承办、待受理", "designated, not accepted yet"),
    "accepted": Text("已受理", "accepted"),
    "answered": Text("已答复", "answered"),
    "withdrawn": Text("已撤回", "withdrawn"),
    "assign": Text("分派", "be assigned"),
    "accept": Text("受理", "be accepted"),
    "object": Text("提出异议", "be objected to"),
    "progress": Text("登记进展", "take progress notes"),
    "explain": Text("公开说明", "be explained"),
    "answer": Text("答复", "be answered"),
}


@dataclass(frozen=True)
class Matter:
    """What a rule looks at. `unit` is the department complained about."""

    kind: str
    category: str | None
    place: str | None
    unit: str | None
    summary: str
    text: str

    @property
    def accused(self) -> str | None:
        """The unit that it accuses (`policy.accused`)."""
        return policy.accused(self.kind, self.unit)


@dataclass(frozen=True)
class Task:
    """One department's part of a case; `objection` is what it last wrote against being assigned."""

    number: str
    department: str
    role: str
    state: str
    assigned_at: datetime
    objection: str | None = None

    @property
    def id(self) -> str:
        """How the task is called in addresses."""
        return f"{self.number}.{self.department}"


@dataclass(frozen=True)
class Case(Matter):
    """A grievance as routing keeps it: the matter, where it stands, who decided what and why.

    `waits` says why it is, or last was, in triage. `handovers` counts the decisions that took it from one
    department to another (M9).
    """

    number: str
    office: str
    channel: str
    urgency: str | None
    petitioners: int
    received_at: datetime
    state: str = "registered"
    waits: str | None = None
    triaged_at: datetime | None = None
    lead: str | None = None
    rule: str | None = None
    reason: Text | None = None
    words: tuple[str, ...] = ()
    decided_by: str | None = None
    county_version: str | None = None
    handovers: int = 0
    assigned_at: datetime | None = None
    explained_by: str | None = None
    answered_at: datetime | None = None
    tasks: tuple[Task, ...] = ()

    @property
    def cooperating(self) -> tuple[str, ...]:
        """The departments that answer for a part."""
        return tuple(t.department for t in self.tasks if t.role == "cooperating" and t.state != "withdrawn")

    def task(self, department: str) -> Task:
        """The task of a department; NotFound if it has none."""
        for task in self.tasks:
            if task.department == department:
                return task
        raise NotFound


@dataclass(frozen=True)
class Entry:
    """One line in a department's ledger (M10): `what` names the event, `by` the key or service behind it."""

    number: str
    department: str
    what: str
    words: Mapping[str, str]
    at: datetime
    by: str


@dataclass(frozen=True)
class Line:
    """A task in the list of a ledger, with the matter in short, how many entries it has and the last one."""

    task: Task
    kind: str
    urgency: str | None
    category: str | None
    place: str | None
    summary: str
    received_at: datetime
    entries: int
    last: Entry | None


@dataclass(frozen=True)
class Act:
    """Who does something (the department, or "" for a person who decides), who answers for it, and when."""

    department: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Change:
    """What an act leads to: the case after it, new ledger entries, and what the other services are told."""

    case: Case
    entries: tuple[Entry, ...]
    events: tuple[Event, ...]


def moved(moves: Moves, state: str, move: str) -> str:
    """The state after a move; Conflict if the lifecycle does not allow it."""
    if move not in moves[state]:
        now, wanted = WORDS[state], WORDS[move]
        raise Conflict(f"当前状态为“{now.zh}”，不能{wanted.zh}", f"It is {now.en}: it cannot {wanted.en}")
    return moves[state][move]


def with_tasks(case: Case, changed: Iterable[Task]) -> Case:
    """The case with these tasks in place of the same departments' earlier ones, new ones at the end."""
    tasks = {task.department: task for task in case.tasks} | {task.department: task for task in changed}
    return replace(case, tasks=tuple(tasks.values()))


def facts(case: Case, department: str | None = None) -> dict[str, str | None]:
    """The fields that rows of the policy go by, of a case or of one department's task in it."""
    return {"department": department, "place": case.place, "accused": case.accused}
