"""What waits for a person: parked events, and what is none of ours.

A parked event is retried once its cause was mended, or discarded: one person asks, another one confirms
(S17), and the stream goes on without it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from shared import telemetry
from shared.inbox.tables import DISCARD, INBOX, QUARANTINE
from shared.problems import Conflict, NotFound
from shared.wire import Unreadable

FIRST, LATEST = 1_000, 9_000  # messages that are kept in quarantine …
LONGEST = 10_000  # … and characters of one


def parked(tx: Connection) -> Sequence[Row[Any]]:
    """All parked events, the oldest first, each with who asked to discard it and who confirmed."""
    asked = [column for column in DISCARD.c if column.name not in ("event_id", "reason")]
    query = (
        select(INBOX, DISCARD.c.reason.label("discard_reason"), *asked)
        .outerjoin(DISCARD, DISCARD.c.event_id == INBOX.c.event_id)
        .where(INBOX.c.status == "parked")
        .order_by(INBOX.c.received_at)
    )
    return tx.execute(query).all()


def retry(tx: Connection, event_id: str) -> bool:
    """Open a parked event again: the worker applies it as soon as it is its turn. False if none is parked.

    Whoever asked to discard it has to ask anew.
    """
    return _open(tx, INBOX.c.event_id == event_id) == 1


def retry_known(tx: Connection, types: Iterable[str]) -> int:
    """Open what was parked as `type-unknown` and is among `types`, known by now; returns how many."""
    return _open(tx, (INBOX.c.reason == "type-unknown") & INBOX.c.type.in_(list(types)))


def _open(tx: Connection, condition: Any) -> int:
    opened = update(INBOX).where(condition, INBOX.c.status == "parked")
    values = {"status": "held", "attempts": 0, "reason": None}
    events = tx.execute(opened.values(values).returning(INBOX.c.event_id)).scalars().all()
    tx.execute(delete(DISCARD).where(DISCARD.c.event_id.in_(events)))
    return len(events)


def ask_to_discard(tx: Connection, event_id: str, reason: str, person: str) -> None:
    """Ask that a parked event be given up. NotFound if none is parked, Conflict if somebody has asked."""
    if not tx.execute(select(INBOX.c.event_id).where(_parked(event_id))).all():
        raise NotFound("没有这个搁置的事件", "No such event is parked")
    asked = insert(DISCARD).values(event_id=event_id, reason=reason, asked_by=person, asked_at=func.now())
    if not tx.execute(asked.on_conflict_do_nothing().returning(DISCARD.c.event_id)).all():
        raise Conflict("已有人申请丢弃此事件", "Somebody has asked for this already")


def confirm_discard(tx: Connection, event_id: str, person: str) -> None:
    """Give up what another person asked to give up; the worker goes on behind it within a second.

    NotFound if nobody has asked or it is no longer parked; Conflict for the person who asked (S17).
    """
    found = select(DISCARD).join(INBOX, INBOX.c.event_id == DISCARD.c.event_id).where(_parked(event_id))
    asked = tx.execute(found.where(DISCARD.c.confirmed_at.is_(None)).with_for_update(of=DISCARD)).first()
    if asked is None:
        raise NotFound("没有待确认的丢弃申请", "Nobody has asked to discard this")
    if asked.asked_by == person:
        raise Conflict("须由另一人确认", "Another person has to confirm")
    confirmed = update(DISCARD).where(DISCARD.c.event_id == event_id)
    tx.execute(confirmed.values(confirmed_by=person, confirmed_at=func.now()))


def _parked(event_id: str) -> Any:
    return (INBOX.c.event_id == event_id) & (INBOX.c.status == "parked")


def quarantine(tx: Connection, content: Any, error: Unreadable) -> None:
    """Keep what arrived and is none of ours, unapplied, for a person to look at.

    Of very many the first and the latest: whoever can write to Redis must not fill the database's disk.
    """
    telemetry.log.critical("quarantined", reason=error.reason, error=_printable(str(error)))
    values = {
        "reason": error.reason,
        "error": _printable(str(error)),
        "content": _printable(str(content)[:LONGEST]),
    }
    n = tx.execute(insert(QUARANTINE).values(values).returning(QUARANTINE.c.id)).scalar_one()
    tx.execute(delete(QUARANTINE).where(QUARANTINE.c.id > FIRST, QUARANTINE.c.id <= n - LATEST))


def _printable(text_: str) -> str:
    """The text with a replacement for what no database keeps: NUL, and halves of characters."""
    return text_.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def figures(tx: Connection) -> dict[str, float]:
    """How many events are parked, held, and how many messages were ever put into quarantine."""
    row = tx.execute(
        text(
            """
            SELECT count(*) FILTER (WHERE status = 'parked') AS parked,
                   count(*) FILTER (WHERE status = 'held') AS held,
                   (SELECT coalesce(max(id), 0) FROM quarantine) AS quarantined
            FROM inbox WHERE status IN ('parked', 'held')
            """
        )
    ).one()
    return {key: float(value) for key, value in row._mapping.items()}
