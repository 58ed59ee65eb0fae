"""Routing's message door: a grievance becomes a case; what oversight serves shows in the ledger."""

from sqlalchemy import Connection

from services.routing import domain, store
from services.routing.domain import Entry
from shared import outbox
from shared.contracts import GrievanceRegistered, NoticePublished, NoticeServed
from shared.inbox import Consumes
from shared.service import Service


def on_grievance_registered(service: Service, tx: Connection, event: GrievanceRegistered) -> None:
    """Decide who answers, or that a person must."""
    opened = domain.route(event, service.county, service.now())
    store.add(tx, opened)
    outbox.add(tx, *opened.events)


def on_notice_served(_: Service, tx: Connection, event: NoticeServed) -> None:
    """Supervision wrote to a department."""
    feedback = {"feedback_due_at": event.feedback_due_at.isoformat()} if event.feedback_due_at else {}
    words = {"notice": event.notice, "rung": event.rung, "clock": event.clock, **feedback}
    at = event.served_at
    store.note(tx, [Entry(event.number, event.department, "notice.served", words, at, "oversight")])


def on_notice_published(_: Service, tx: Connection, event: NoticePublished) -> None:
    """A department was named in public."""
    words = {"notice": event.notice, "rung": event.rung, "clock": event.clock}
    at = event.published_at
    store.note(tx, [Entry(event.number, event.department, "notice.published", words, at, "oversight")])


CONSUMES: Consumes = {
    GrievanceRegistered: on_grievance_registered,
    NoticeServed: on_notice_served,
    NoticePublished: on_notice_published,
}
