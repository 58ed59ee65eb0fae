"""Routing's message door: a grievance becomes a case; what oversight serves shows in the ledger."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain

from sqlalchemy import Connection

from services.routing import domain, store
from services.routing.domain import Entry
from shared import outbox
from shared.contracts import GrievanceRegistered, NoticePublished, NoticeServed, NoticeWithdrawn
from shared.inbox import Consumes
from shared.service import Service

_Notice = NoticeServed | NoticePublished | NoticeWithdrawn


def on_grievance_registered(service: Service, tx: Connection, events: Sequence[GrievanceRegistered]) -> None:
    """Decide who answers, or that a person must."""
    now = service.now()
    opened = [domain.route(event, service.county, now) for event in events]
    store.add(tx, *opened)
    outbox.add(tx, *chain.from_iterable(change.events for change in opened))


def on_notice_served(_: Service, tx: Connection, events: Sequence[NoticeServed]) -> None:
    """Supervision wrote to a department."""
    store.note(tx, [_entry(event, "notice.served", event.served_at, _feedback(event)) for event in events])


def on_notice_published(_: Service, tx: Connection, events: Sequence[NoticePublished]) -> None:
    """A department was named in public."""
    store.note(tx, [_entry(event, "notice.published", event.published_at, {}) for event in events])


def on_notice_withdrawn(_: Service, tx: Connection, events: Sequence[NoticeWithdrawn]) -> None:
    """It is named no more, and why."""
    store.note(
        tx,
        [_entry(event, "notice.withdrawn", event.withdrawn_at, {"reason": event.reason}) for event in events],
    )


def _feedback(event: NoticeServed) -> dict[str, str]:
    return {"feedback_due_at": event.feedback_due_at.isoformat()} if event.feedback_due_at else {}


def _entry(event: _Notice, what: str, at: datetime, words: Mapping[str, str]) -> Entry:
    words = {"notice": event.notice, "rung": event.rung, "clock": event.clock, **words}
    return Entry(event.number, event.department, what, words, at, "oversight")


CONSUMES: Consumes = {
    GrievanceRegistered: on_grievance_registered,
    NoticeServed: on_notice_served,
    NoticePublished: on_notice_published,
    NoticeWithdrawn: on_notice_withdrawn,
}
