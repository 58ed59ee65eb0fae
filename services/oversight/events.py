"""Oversight's message door: what happened, and the passing of time, become deadlines and notices."""

from itertools import chain

from sqlalchemy import Connection

from services.oversight import domain
from services.oversight.domain import Case, Milestone
from services.oversight.store import cases, deadlines, notices
from shared import outbox, wire
from shared.contracts import (
    CaseAnswered,
    CaseAssigned,
    CaseExplained,
    CaseTriaged,
    Event,
    GrievanceRegistered,
    TaskAccepted,
    TaskAnswered,
    TaskDesignated,
    TaskObjected,
    TaskProgressed,
    TaskWithdrawn,
)
from shared.inbox import Consumes
from shared.service import Service

CHUNK = 100  # deadlines or cases in one transaction of a tick
CHUNKS = 5  # transactions in one tick, so that messages are not kept waiting


def on_grievance_registered(service: Service, tx: Connection, event: GrievanceRegistered) -> None:
    """A case to watch, whether or not routing has spoken of it before."""
    case = cases.register(tx, event)
    _follow(service, tx, case, event, Milestone(None, "received", event.received_at))


def on_case_triaged(_: Service, tx: Connection, event: CaseTriaged) -> None:
    """It waits for a person; the clock of forwarding runs on."""
    cases.note(tx, event.number, [Milestone(None, "triaged", event.triaged_at)])


def on_case_assigned(service: Service, tx: Connection, event: CaseAssigned) -> None:
    """Departments owe something from now on."""
    departments = (event.lead, *event.cooperating)
    case = cases.assign(tx, event)
    milestones = [Milestone(department, "assigned", event.assigned_at) for department in departments]
    _follow(service, tx, case, event, *milestones, Milestone(event.lead, "leading", event.assigned_at))


def on_task_accepted(service: Service, tx: Connection, event: TaskAccepted) -> None:
    """The notice of acceptance was given; handling begins."""
    case = cases.lock(tx, event.number)
    _follow(service, tx, case, event, Milestone(event.department, "accepted", event.accepted_at))


def on_task_objected(service: Service, tx: Connection, event: TaskObjected) -> None:
    """The department used its right."""
    case = cases.lock(tx, event.number)
    _follow(service, tx, case, event, Milestone(event.department, "objected", event.objected_at))


def on_task_withdrawn(service: Service, tx: Connection, event: TaskWithdrawn) -> None:
    """The department owes nothing more."""
    case = cases.lock(tx, event.number)
    _follow(service, tx, case, event, Milestone(event.department, "withdrawn", event.withdrawn_at))


def on_task_designated(service: Service, tx: Connection, event: TaskDesignated) -> None:
    """The objection was refused; its clocks never stopped (M9)."""
    case = cases.lock(tx, event.number)
    _follow(service, tx, case, event, Milestone(event.department, "designated", event.designated_at))


def on_task_progressed(_: Service, tx: Connection, event: TaskProgressed) -> None:
    """A sign of work; it meets no deadline."""
    cases.note(tx, event.number, [Milestone(event.department, "progressed", event.progressed_at)])


def on_case_explained(service: Service, tx: Connection, event: CaseExplained) -> None:
    """The petitioners were told who does what."""
    case = cases.lock(tx, event.number)
    _follow(service, tx, case, event, Milestone(event.department, "explained", event.explained_at))


def on_task_answered(service: Service, tx: Connection, event: TaskAnswered) -> None:
    """A department did its part."""
    case = cases.lock(tx, event.number)
    _follow(service, tx, case, event, Milestone(event.department, "answered", event.answered_at))


def on_case_answered(service: Service, tx: Connection, event: CaseAnswered) -> None:
    """The whole case was answered in writing."""
    case = cases.answer(tx, event)
    _follow(service, tx, case, event, Milestone(None, "case_answered", event.answered_at))


def on_tick(service: Service) -> None:
    """Compute again what another version of the county computed, then see what has been missed."""
    for work in (_compute_again, _let_time_pass):
        for _ in range(CHUNKS):
            if work(service) < CHUNK:
                break


def _follow(service: Service, tx: Connection, case: Case, event: Event, *new: Milestone) -> None:
    """Derive the deadlines anew, keep what changed, tell the petitioner's view."""
    known = cases.note(tx, case.number, new)
    kept = deadlines.kept(tx, case.number) if len(known) > len(new) else []
    derived = domain.deadlines(case, known, service.county.clocks.values(), service.calendar)
    now = service.now()
    changes = domain.changes(kept, derived, now)
    deadlines.keep(tx, changes, service.county.version, wire.name(type(event)), now)
    outbox.add(tx, *chain.from_iterable(domain.news(change, now) for change in changes))


def _compute_again(service: Service) -> int:
    """Follow the present county for a chunk of cases; returns how many there were."""
    version, now = service.county.version, service.now()
    with service.transaction() as tx:
        numbers = deadlines.outdated(tx, version, CHUNK)
        for number in numbers:
            case, known = cases.lock(tx, number), cases.note(tx, number, ())
            derived = domain.deadlines(case, known, service.county.clocks.values(), service.calendar)
            changes = domain.changes(deadlines.kept(tx, number), derived, now)
            deadlines.keep(tx, changes, version, "county.changed", now)
            deadlines.computed(tx, number, version)
            outbox.add(tx, *chain.from_iterable(domain.news(change, now) for change in changes))
    return len(numbers)


def _let_time_pass(service: Service) -> int:
    """Mark what was missed and take the rungs that are due, for a chunk; returns how many there were."""
    county, calendar, now = service.county, service.calendar, service.now()
    with service.transaction() as tx:
        reached = deadlines.reached(tx, now, county.version, CHUNK)
        passages = [domain.passage(standing, county.ladder, calendar, now) for standing in reached]
        deadlines.let_pass(tx, passages, now)
        rungs = sum(len(passage.rungs) for passage in passages)
        first = notices.reserve(tx, domain.year(now, calendar), rungs) if rungs else 0
        issued = notices.issue(tx, domain.notices(passages, first, county, calendar, now))
        outbox.add(tx, *chain.from_iterable(domain.missed(passage) for passage in passages))
        outbox.add(tx, *(domain.told(notice) for notice in issued))
    return len(reached)


CONSUMES: Consumes = {
    GrievanceRegistered: on_grievance_registered,
    CaseTriaged: on_case_triaged,
    CaseAssigned: on_case_assigned,
    TaskAccepted: on_task_accepted,
    TaskObjected: on_task_objected,
    TaskWithdrawn: on_task_withdrawn,
    TaskDesignated: on_task_designated,
    TaskProgressed: on_task_progressed,
    CaseExplained: on_case_explained,
    TaskAnswered: on_task_answered,
    CaseAnswered: on_case_answered,
}
