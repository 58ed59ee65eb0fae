"""Intake's message door: what routing and oversight say becomes what the petitioner reads."""

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
    TaskAccepted,
)
from shared.inbox import Consumes
from shared.service import Service


def on_case_triaged(_: Service, tx: Connection, event: CaseTriaged) -> None:
    """A person looks at where the grievance belongs."""
    store.move(tx, event.number, "triage")
    store.add_step(tx, event.number, Step("case.triaged", None, {}, event.triaged_at))


def on_case_assigned(_: Service, tx: Connection, event: CaseAssigned) -> None:
    """Departments are responsible now."""
    store.move(tx, event.number, "assigned", (event.lead, event.cooperating))
    store.add_step(tx, event.number, Step("case.assigned", event.lead, {}, event.assigned_at))


def on_task_accepted(_: Service, tx: Connection, event: TaskAccepted) -> None:
    """A department took its part."""
    store.move(tx, event.number, "accepted")
    store.add_step(tx, event.number, Step("task.accepted", event.department, {}, event.accepted_at))


def on_case_explained(_: Service, tx: Connection, event: CaseExplained) -> None:
    """The lead said who does what."""
    words = {"explanation": event.explanation}
    store.add_step(tx, event.number, Step("case.explained", event.department, words, event.explained_at))


def on_case_answered(_: Service, tx: Connection, event: CaseAnswered) -> None:
    """The written answer."""
    words = {"outcome": event.outcome, "facts": event.facts, "opinion": event.opinion, "basis": event.basis}
    store.move(tx, event.number, "answered")
    store.add_step(tx, event.number, Step("case.answered", event.department, words, event.answered_at))


def on_deadline_set(_: Service, tx: Connection, event: DeadlineSet) -> None:
    """A date the petitioner may hold a department to."""
    kept = Deadline(event.deadline, event.clock, event.department, event.due_at, "running")
    store.set_deadline(tx, event.number, kept)


def on_deadline_met(_: Service, tx: Connection, event: DeadlineMet) -> None:
    """It was kept, or done late."""
    state = "late" if event.late else "met"
    kept = Deadline(event.deadline, event.clock, event.department, event.due_at, state)
    store.set_deadline(tx, event.number, kept)


def on_deadline_missed(_: Service, tx: Connection, event: DeadlineMissed) -> None:
    """It passed and nothing happened."""
    kept = Deadline(event.deadline, event.clock, event.department, event.due_at, "missed")
    store.set_deadline(tx, event.number, kept)
    words = {"clock": event.clock}
    store.add_step(tx, event.number, Step("deadline.missed", event.department, words, event.due_at))


def on_notice_published(_: Service, tx: Connection, event: NoticePublished) -> None:
    """The department was named in public."""
    words = {"notice": event.notice, "rung": event.rung, "clock": event.clock}
    store.add_step(tx, event.number, Step("notice.published", event.department, words, event.published_at))


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
}
