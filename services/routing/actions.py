"""What both doors of routing do, the API and the pages: triage, read ledgers, act on tasks."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from services.routing import domain, store
from services.routing.domain import Act, Answer, Case, Change, Decision, Entry, Line, Task
from shared import idempotency, numbers, outbox
from shared.idempotency import Request
from shared.identity.model import Caller
from shared.policy import Reach
from shared.problems import NotFound
from shared.service import Service

Move = Callable[[Case, Act], Change]


@dataclass(frozen=True)
class Sheet:
    """A task as its department sees it: with the case, its entries, and until when it may object."""

    case: Case
    task: Task
    entries: tuple[Entry, ...]
    objection_until: datetime | None


def waiting(service: Service, caller: Caller, page: int) -> tuple[int, list[Case]]:
    """One page of the triage queue, as far as the caller may see it, and how many wait there."""
    reach = service.reach(caller, "triage.read")
    with service.reading(caller) as tx:
        return store.waiting(tx, reach, page)


def waiting_case(service: Service, caller: Caller, number: str) -> Case:
    """One case that waits in triage; NotFound if it does not, or is not for the caller to see."""
    reach = service.reach(caller, "triage.read")
    with service.reading(caller) as tx:
        case = _reached(reach, store.get(tx, numbers.parse(number)))
    if case.state != "triage":
        raise NotFound
    return case


def decide(service: Service, caller: Caller, number: str, decision: Decision) -> Case:
    """Assign a case that waits in triage. Refuses as `domain.reassign` and `waiting_case` do."""
    reach, act = service.reach(caller, "triage.decide"), Act("", caller.responsible, service.now())
    with service.transaction(caller) as tx:
        case = _reached(reach, store.locked(tx, numbers.parse(number)))
        return _keep(tx, case, domain.reassign(case, decision, service.county, act))


def ledger(
    service: Service, caller: Caller, department: str | None, state: str | None, page: int
) -> tuple[int, list[Line]]:
    """One page of the tasks that the caller may see: of one department, or of all."""
    wanted = store.Ledger(service.reach(caller, "task.read"), department, state, page)
    with service.reading(caller) as tx:
        return store.ledger(tx, wanted)


def sheet(service: Service, caller: Caller, task_id: str) -> Sheet:
    """One task with its ledger, if the caller may see it; NotFound in any other case."""
    reach, (number, department) = service.reach(caller, "task.read"), _parsed(task_id)
    with service.reading(caller) as tx:
        case = _reached(reach, store.get(tx, number), department)
        return _sheet(service, tx, case, department)


def act(service: Service, caller: Caller, task_id: str, move: Move, request: Request | None = None) -> Sheet:
    """Make a move with the caller's own task; state, entry and events are committed together.

    With a `request`, a retry of it changes nothing and gives the task as it stands.
    """
    reach, (number, department) = service.reach(caller, "task.act"), _parsed(task_id)
    with service.transaction(caller) as tx:
        case = _reached(reach, store.locked(tx, number), department)
        act = Act(department, caller.responsible, service.now())
        if request is None or _first(tx, request, act):
            case = _keep(tx, case, move(case, act))
        return _sheet(service, tx, case, department)


def object_to(service: Service, caller: Caller, task_id: str, reason: str) -> Sheet:
    """Object to being assigned, within the county's time for it (M9)."""

    def move(case: Case, act: Act) -> Change:
        until = domain.objection_until(case.task(act.department), service.county, service.calendar)
        local = until and until.astimezone(service.calendar.timezone)
        return domain.object_to(case, act, reason, local)

    return act(service, caller, task_id, move)


def progress(service: Service, caller: Caller, task_id: str, note: str, key: str | None) -> Sheet:
    """Write a progress note, once for this key if there is one."""
    body = hashlib.sha256(f"{task_id}\n{note}".encode()).digest()
    request = None if key is None else Request(caller.responsible, idempotency.checked(key), body)
    return act(service, caller, task_id, lambda case, act: domain.progress(case, act, note), request)


def answer(service: Service, caller: Caller, task_id: str, given: Answer) -> Sheet:
    """Answer for the caller's part; the lead for the whole case."""
    return act(service, caller, task_id, lambda case, act: domain.answer(case, act, given, service.county))


def _parsed(task_id: str) -> tuple[str, str]:
    """Number and department of a task's id, the number however it was typed."""
    number, _, department = task_id.rpartition(".")
    return numbers.parse(number), department


def _reached(reach: Reach, case: Case | None, department: str | None = None) -> Case:
    """The case, if there is one and the caller reaches it, or this department's task in it; else NotFound."""
    if case is None or not reach.holds(domain.facts(case, department)):
        raise NotFound
    return case


def _first(tx: Connection, request: Request, act: Act) -> bool:
    """Whether this request is no retry. The case is locked, so no two acts on it have the same time."""
    now = act.at.isoformat()
    return idempotency.claim(tx, request, now) == now


def _keep(tx: Connection, before: Case, change: Change) -> Case:
    store.keep(tx, before, change)
    outbox.add(tx, *change.events)
    return change.case


def _sheet(service: Service, tx: Connection, case: Case, department: str) -> Sheet:
    task = case.task(department)
    until = domain.objection_until(task, service.county, service.calendar)
    return Sheet(case, task, tuple(store.entries(tx, case.number, department)), until)
