"""Intake's message door: what routing and oversight say becomes what the petitioner reads."""

from collections.abc import Sequence

from sqlalchemy import Connection

from services.intake import store
from services.intake.domain import Deadline, Step
from shared.contracts import (
    CaseAnswered,
    CaseAssigned,
    CaseExplained,
    CaseTriaged,
    DeadlineMet,
    DeadlineMissed,
    DeadlineSet,
    NoticePublished,
    NoticeWithdrawn,
    TaskAccepted,
)
from shared.inbox import Consumes
from shared.service import Service


def on_case_triaged(_: Service, tx: Connection, events: Sequence[CaseTriaged]) -> None:
    """A person looks at where the grievance belongs."""
    store.move(tx, [e.number for e in events], "triage")
    store.add_steps(tx, {e.number: Step("case.triaged", None, {}, e.triaged_at) for e in events})


def on_case_assigned(_: Service, tx: Connection, events: Sequence[CaseAssigned]) -> None:
    """Departments are responsible now."""
    store.move(tx, [e.number for e in events], "assigned")
    store.assign(tx, {e.number: (e.lead, e.cooperating) for e in events})
    store.add_steps(tx, {e.number: Step("case.assigned", e.lead, {}, e.assigned_at) for e in events})


def on_task_accepted(_: Service, tx: Connection, events: Sequence[TaskAccepted]) -> None:
    """A department took its part."""
    store.move(tx, [e.number for e in events], "accepted")
    store.add_steps(tx, {e.number: Step("task.accepted", e.department, {}, e.accepted_at) for e in events})


def on_case_explained(_: Service, tx: Connection, events: Sequence[CaseExplained]) -> None:
    """The lead said who does what."""
    steps = {}
    for e in events:
        words = {"explanation": e.explanation}
        steps[e.number] = Step("case.explained", e.department, words, e.explained_at)
    store.add_steps(tx, steps)


def on_case_answered(_: Service, tx: Connection, events: Sequence[CaseAnswered]) -> None:
    """The written answer."""
    steps = {}
    for e in events:
        words = {"outcome": e.outcome, "facts": e.facts, "opinion": e.opinion, "basis": e.basis}
        steps[e.number] = Step("case.answered", e.department, words, e.answered_at)
    store.move(tx, steps, "answered")
    store.add_steps(tx, steps)


def on_deadline_set(_: Service, tx: Connection, events: Sequence[DeadlineSet]) -> None:
    """A date the petitioner may hold a department to."""
    store.set_deadlines(tx, {e.number: _deadline(e, "running") for e in events})


def on_deadline_met(_: Service, tx: Connection, events: Sequence[DeadlineMet]) -> None:
    """It was kept, or done late."""
    store.set_deadlines(tx, {e.number: _deadline(e, "late" if e.late else "met") for e in events})


def on_deadline_missed(_: Service, tx: Connection, events: Sequence[DeadlineMissed]) -> None:
    """It passed and nothing happened."""
    store.set_deadlines(tx, {e.number: _deadline(e, "missed") for e in events})
    steps = {e.number: Step("deadline.missed", e.department, {"clock": e.clock}, e.due_at) for e in events}
    store.add_steps(tx, steps)


def on_notice_published(_: Service, tx: Connection, events: Sequence[NoticePublished]) -> None:
    """The department was named in public."""
    steps = {}
    for e in events:
        words = {"notice": e.notice, "rung": e.rung, "clock": e.clock}
        steps[e.number] = Step("notice.published", e.department, words, e.published_at)
    store.add_steps(tx, steps)


def on_notice_withdrawn(_: Service, tx: Connection, events: Sequence[NoticeWithdrawn]) -> None:
    """The notice was withdrawn, and why."""
    steps = {}
    for e in events:
        words = {"notice": e.notice, "rung": e.rung, "clock": e.clock, "reason": e.reason}
        steps[e.number] = Step("notice.withdrawn", e.department, words, e.withdrawn_at)
    store.add_steps(tx, steps)


def _deadline(told: DeadlineSet | DeadlineMet | DeadlineMissed, state: str) -> Deadline:
    return Deadline(told.deadline, told.clock, told.department, told.due_at, state)


CONSUMES: Consumes = {
    CaseTriaged: on_case_triaged,
    CaseAssigned: on_case_assigned,
    TaskAccepted: on_task_accepted,
    CaseExplained: on_case_explained,
    CaseAnswered: on_case_answered,
    DeadlineSet: on_deadline_set,
    DeadlineMet: on_deadline_met,
    DeadlineMissed: on_deadline_missed,
    NoticePublished: on_notice_published,
    NoticeWithdrawn: on_notice_withdrawn,
}
