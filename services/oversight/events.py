"""Oversight's message door: what happened, and the passing of time, become deadlines and notices."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from sqlalchemy import Connection

from services.oversight import domain
from services.oversight.domain import Case, Deadline, Milestone
from services.oversight.store import cases, deadlines, notices
from services.oversight.store.cases import Cases, Milestones
from shared import contracts, outbox
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


class _Case(NamedTuple):
    """A case, all its milestones, and its deadlines as they were last computed."""

    case: Case
    milestones: Sequence[Milestone]
    kept: Sequence[Deadline]


def on_grievance_registered(service: Service, tx: Connection, events: Sequence[GrievanceRegistered]) -> None:
    """Cases to watch, whether or not routing has spoken of them before."""
    new = {e.number: [Milestone(None, "received", e.received_at)] for e in events}
    _follow(service, tx, cases.register(tx, *events), new, GrievanceRegistered)


def on_case_triaged(_: Service, tx: Connection, events: Sequence[CaseTriaged]) -> None:
    """It waits for a person; the clock of forwarding runs on."""
    cases.note(tx, {e.number: [Milestone(None, "triaged", e.triaged_at)] for e in events})


def on_case_assigned(service: Service, tx: Connection, events: Sequence[CaseAssigned]) -> None:
    """Departments owe something from now on."""
    new = {
        e.number: [
            *(Milestone(department, "assigned", e.assigned_at) for department in (e.lead, *e.cooperating)),
            Milestone(e.lead, "leading", e.assigned_at),
        ]
        for e in events
    }
    _follow(service, tx, cases.assign(tx, *events), new, CaseAssigned)


def on_task_accepted(service: Service, tx: Connection, events: Sequence[TaskAccepted]) -> None:
    """The notice of acceptance was given; handling begins."""
    new = {e.number: [Milestone(e.department, "accepted", e.accepted_at)] for e in events}
    _follow(service, tx, cases.lock(tx, new), new, TaskAccepted)


def on_task_objected(service: Service, tx: Connection, events: Sequence[TaskObjected]) -> None:
    """The department used its right."""
    new = {e.number: [Milestone(e.department, "objected", e.objected_at)] for e in events}
    _follow(service, tx, cases.lock(tx, new), new, TaskObjected)


def on_task_withdrawn(service: Service, tx: Connection, events: Sequence[TaskWithdrawn]) -> None:
    """The department owes nothing more."""
    new = {e.number: [Milestone(e.department, "withdrawn", e.withdrawn_at)] for e in events}
    _follow(service, tx, cases.lock(tx, new), new, TaskWithdrawn)


def on_task_designated(service: Service, tx: Connection, events: Sequence[TaskDesignated]) -> None:
    """The objection was refused; its clocks never stopped (M9)."""
    new = {e.number: [Milestone(e.department, "designated", e.designated_at)] for e in events}
    _follow(service, tx, cases.lock(tx, new), new, TaskDesignated)


def on_task_progressed(_: Service, tx: Connection, events: Sequence[TaskProgressed]) -> None:
    """A sign of work; it meets no deadline."""
    cases.note(tx, {e.number: [Milestone(e.department, "progressed", e.progressed_at)] for e in events})


def on_case_explained(service: Service, tx: Connection, events: Sequence[CaseExplained]) -> None:
    """The petitioners were told who does what."""
    new = {e.number: [Milestone(e.department, "explained", e.explained_at)] for e in events}
    _follow(service, tx, cases.lock(tx, new), new, CaseExplained)


def on_task_answered(service: Service, tx: Connection, events: Sequence[TaskAnswered]) -> None:
    """A department did its part."""
    new = {e.number: [Milestone(e.department, "answered", e.answered_at)] for e in events}
    _follow(service, tx, cases.lock(tx, new), new, TaskAnswered)


def on_case_answered(service: Service, tx: Connection, events: Sequence[CaseAnswered]) -> None:
    """The whole case was answered in writing."""
    new = {e.number: [Milestone(None, "case_answered", e.answered_at)] for e in events}
    _follow(service, tx, cases.answer(tx, *events), new, CaseAnswered)


def on_tick(service: Service) -> None:
    """Compute again what another version of the county computed, then see what has been missed."""
    for work in (_compute_again, _let_time_pass):
        for _ in range(CHUNKS):
            if work(service) < CHUNK:
                break


def _follow(service: Service, tx: Connection, of: Cases, new: Milestones, because: type[Event]) -> None:
    """Note what is new of some cases, derive their deadlines anew, keep what changed and tell of it."""
    known = cases.note(tx, new)
    kept = deadlines.kept(tx, [number for number in new if len(known[number]) > len(new[number])])
    _keep(service, tx, [_Case(of[n], known[n], kept.get(n, [])) for n in new], contracts.name(because))


def _keep(service: Service, tx: Connection, derived: Iterable[_Case], reason: str) -> None:
    clocks, now = service.county.clocks.values(), service.now()
    changes = [
        change
        for case, known, kept in derived
        for change in domain.changes(kept, domain.deadlines(case, known, clocks, service.calendar), now)
    ]
    deadlines.keep(tx, changes, service.county.version, reason, now)
    outbox.add(tx, *chain.from_iterable(domain.news(change, now) for change in changes))


def _compute_again(service: Service) -> int:
    """Follow the present county for a chunk of cases; returns how many there were."""
    version = service.county.version
    with service.transaction() as tx:
        numbers = deadlines.outdated(tx, version, CHUNK)
        if numbers:
            of, known = cases.lock(tx, numbers), cases.note(tx, dict.fromkeys(numbers, ()))
            kept = deadlines.kept(tx, numbers)
            _keep(service, tx, [_Case(of[n], known[n], kept[n]) for n in numbers], "county.changed")
            deadlines.computed(tx, numbers, version)
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
        outbox.add(tx, *(domain.served(notice) for notice in issued))
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
