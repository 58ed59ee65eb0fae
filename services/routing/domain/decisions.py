"""How a case gets its departments: by a rule at once, or by a person from triage, once or again. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime

from services.routing.domain.cases import (
    CASE_MOVES,
    TASK_MOVES,
    Act,
    Case,
    Change,
    Entry,
    Task,
    moved,
    with_tasks,
)
from services.routing.domain.rules import Assignment, Triage, decide
from shared.contracts import (
    CaseAssigned,
    CaseTriaged,
    GrievanceRegistered,
    TaskDesignated,
    TaskWithdrawn,
)
from shared.county.model import County, Text
from shared.problems import Fault, Invalid

RULE = "rule"  # who decided, when no person did
PERSON = "person"  # the rule of an assignment that a person made


SETTLED: Mapping[str, type[TaskWithdrawn] | type[TaskDesignated]] = {
    "task.withdrawn": TaskWithdrawn,
    "task.designated": TaskDesignated,
}


@dataclass(frozen=True)
class Decision:
    """What a person decides in triage: the whole assignment, with a written reason."""

    lead: str
    cooperating: tuple[str, ...]
    reason: str


def route(event: GrievanceRegistered, county: County, now: datetime) -> Change:
    """Open the case of a grievance: assigned by the county's rules, or waiting in triage (M7)."""
    case = _opened(event)
    decided = decide(case, county)
    if isinstance(decided, Triage):
        return _triaged(case, decided.reason, now)
    return _assigned(case, decided, county, Act("", RULE, now))


def reassign(case: Case, decision: Decision, county: County, act: Act) -> Change:
    """Assign a case that waits in triage as a person decided (M7), settling every objection (M9).

    Departments that drop out are withdrawn, an objecting one that is named is designated, and what was
    answered stays. Refuses (Invalid) unknown or repeated departments and the accused, and (Conflict) a case
    that does not wait.
    """
    moved(CASE_MOVES, case.state, "assign")
    faults = list(_faults(case, decision, county))
    if faults:
        raise Invalid(faults=faults)
    reason = Text(decision.reason, decision.reason)
    return _assigned(case, Assignment(decision.lead, decision.cooperating, PERSON, reason, ()), county, act)


def _opened(event: GrievanceRegistered) -> Case:
    shared = {field.name for field in fields(Case)} & {field.name for field in fields(event)}
    return Case(**{name: getattr(event, name) for name in shared})


def _triaged(case: Case, reason: str, now: datetime) -> Change:
    waiting = replace(case, state=moved(CASE_MOVES, case.state, "triage"), waits=reason, triaged_at=now)
    return Change(waiting, (), (CaseTriaged(case.number, reason, now),))


def _faults(case: Case, decision: Decision, county: County) -> Iterator[Fault]:
    named = [("lead", decision.lead), *(("cooperating", each) for each in decision.cooperating)]
    for field, department in named:
        if department not in county.departments:
            yield Fault(
                field, f"县名录中没有“{department}”", f"“{department}” is not in the county directory"
            )
        elif department == case.accused:
            yield Fault(
                field, "检举控告不得交被检举单位办理", "An accusation never goes to the unit it accuses"
            )
    if len({department for _, department in named}) < len(named):
        yield Fault("cooperating", "同一单位只能列一次", "A department is named only once")


def _assigned(case: Case, chosen: Assignment, county: County, act: Act) -> Change:
    tasks = tuple(_tasks(case, chosen, act.at))
    after = replace(
        with_tasks(case, tasks),
        state=moved(CASE_MOVES, case.state, "assign"),
        lead=chosen.lead,
        rule=chosen.rule,
        reason=chosen.reason,
        words=chosen.words,
        decided_by=act.by,
        county_version=county.version,
        assigned_at=act.at,
        handovers=case.handovers + _handed_over(case, chosen, tasks),
    )
    news = [(task, _news(case, task)) for task in tasks]
    entries = tuple(_entry(task, what, chosen, act) for task, what in news if what)
    settled = [(task, SETTLED[what]) for task, what in news if what in SETTLED]
    told = tuple(said(case.number, task.department, chosen.reason.zh, act.at) for task, said in settled)
    return Change(after, entries, (*told, _said(after, act.at)))


def _tasks(case: Case, chosen: Assignment, at: datetime) -> Iterator[Task]:
    """The task of every department, named now or before, as the new assignment leaves it."""
    roles = {chosen.lead: "lead"} | dict.fromkeys(chosen.cooperating, "cooperating")
    before = {task.department: task for task in case.tasks}
    for department, role in roles.items():
        task = before.get(department)
        yield _named(task, role, at) if task else Task(case.number, department, role, "assigned", at)
    for task in case.tasks:
        if task.department not in roles:
            yield replace(task, state=moved(TASK_MOVES, task.state, "drop"))


def _named(task: Task, role: str, at: datetime) -> Task:
    """A department's task when it is named again; after a withdrawal its time begins anew."""
    since = at if task.state == "withdrawn" else task.assigned_at
    return replace(task, role=role, state=moved(TASK_MOVES, task.state, role), assigned_at=since)


def _handed_over(case: Case, chosen: Assignment, tasks: tuple[Task, ...]) -> bool:
    """Whether the case went from one department to another: a new lead, or one that dropped out."""
    dropped = any(_news(case, task) == "task.withdrawn" for task in tasks)
    return dropped or case.lead not in (None, chosen.lead)


def _news(case: Case, task: Task) -> str:
    """What a decision is to a department, as its ledger names it; empty if it had dropped out before."""
    before = next((each.state for each in case.tasks if each.department == task.department), None)
    if task.state == "withdrawn":
        return "task.withdrawn" if before != "withdrawn" else ""
    return "task.designated" if before == "objected" else "case.assigned"


def _entry(task: Task, what: str, chosen: Assignment, act: Act) -> Entry:
    reason = {"reason": chosen.reason.zh, "reason_en": chosen.reason.en}
    words = {"role": task.role, "rule": chosen.rule, **reason}
    return Entry(task.number, task.department, what, words, act.at, act.by)


def _said(case: Case, at: datetime) -> CaseAssigned:
    return CaseAssigned(
        number=case.number,
        kind=case.kind,
        lead=case.lead or "",
        cooperating=case.cooperating,
        rule=case.rule or "",
        reason=case.reason.zh if case.reason else "",
        decided_by=case.decided_by or "",
        county_version=case.county_version or "",
        assigned_at=at,
    )
