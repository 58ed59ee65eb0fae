"""The outbox: what this service says, kept in the transaction that made it true.

`add()` writes an event next to the state it tells of; nothing is published from a request. The worker
later takes rows (`take`), sends them, and a receipt confirms them (`settle`). A row that is not confirmed
is sent again: the broker may lose everything. States: pending → sent → confirmed; or parked when the
consumer could not apply it, of which it is asked again from time to time; or discarded.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Identity,
    Integer,
    Table,
    Text,
    Uuid,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    text,
    update,
)

from shared import contracts, delivery, telemetry, wire
from shared.contracts import READERS, ROUTES, Event
from shared.database import METADATA

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("serial", BigInteger, Identity(), nullable=False),
    Column("event_id", Uuid, primary_key=True),
    Column("dest", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Column("traceparent", Text),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("first_sent_at", DateTime(timezone=True)),
    Column("confirmed_at", DateTime(timezone=True)),
    Column("park_reason", Text),
)

# A statement that keeps events consists of these parts: the events, a row for each and each of its readers;
EVENTS = """
    SELECT * FROM json_to_recordset(%(events)s) AS event (
        place int, event_id uuid, dest text, type text, subject text, payload text, traceparent text
    )
"""
# the end of each stream that they lengthen, which stays locked until the transaction is over, so that the
# numbers have no gaps;
HEADS = """
    INSERT INTO stream_head AS head (dest, subject, n)
    SELECT dest, subject, count(*) FROM event GROUP BY dest, subject ORDER BY dest, subject
    ON CONFLICT (dest, subject) DO UPDATE SET n = head.n + EXCLUDED.n
    RETURNING dest, subject, n
"""
# and the events again with their numbers, in the order of their places.
NUMBERED = """
    INSERT INTO outbox (event_id, dest, type, subject, sequence, payload, traceparent)
    SELECT event_id, dest, type, subject,
           n + 1 - row_number() OVER (PARTITION BY dest, subject ORDER BY place DESC), payload, traceparent
    FROM event JOIN head USING (dest, subject) ORDER BY place
"""
ADD = f"WITH event AS ({EVENTS}), head AS ({HEADS}) {NUMBERED}"


def add(tx: Connection, *events: Event) -> None:
    """Keep events for all their readers (`contracts.ROUTES`), in the caller's transaction, in this order."""
    if events:
        tx.exec_driver_sql(ADD, telling(*events))


def telling(*events: Event) -> dict[str, str]:
    """The parameters of EVENTS."""
    rows = [row for place, event in enumerate(events) for row in _rows(place, event)]
    return {"events": orjson.dumps(rows).decode()}


def _rows(place: int, event: Event) -> Iterator[dict[str, Any]]:
    row = {
        "place": place,
        "event_id": uuid4(),
        "type": contracts.name(type(event)),
        "subject": event.number,
        "payload": wire.write(event),
        "traceparent": telemetry.traceparent(event.number),
    }
    return ({**row, "dest": dest} for dest in READERS[type(event)])


def take(tx: Connection, dest: str, batch: int, *, resend: bool) -> Sequence[Any]:
    """Up to `batch` rows for `dest` to send now, marked sent: new ones, and unconfirmed ones that are due.

    At most WINDOW rows are in flight. What stands behind a parked event of its stream could only be held by
    the reader: it waits, and takes no place in the window. `resend` is False while the destination is busy
    with what it has. Selected by state, never by "serial above the last", which would skip rows committed
    late.
    """
    in_flight = tx.execute(IN_FLIGHT, {"to": dest}).scalar_one()
    limit = min(batch, max(delivery.WINDOW - in_flight, 0))
    rows = tx.execute(TAKE if resend else TAKE_NEW, {"to": dest, "limit": limit}).all()
    return sorted(rows, key=lambda row: int(row.serial))


_waiting = OUTBOX.c.state == "pending"
_due = OUTBOX.c.state.in_(["sent", "parked"]) & (OUTBOX.c.next_at <= func.now())
_before = OUTBOX.alias("before")
_behind_parked = exists().where(
    _before.c.state == "parked",
    _before.c.dest == OUTBOX.c.dest,
    _before.c.subject == OUTBOX.c.subject,
    _before.c.sequence < OUTBOX.c.sequence,
)
_of_dest = (OUTBOX.c.dest == bindparam("to")) & ~_behind_parked  # not "dest": an UPDATE keeps that

IN_FLIGHT = select(func.count()).where(_of_dest, OUTBOX.c.state == "sent", OUTBOX.c.next_at > func.now())

_SECOND = timedelta(seconds=1)
_SPREAD = 0.75 + func.random() / 2
_LONGER = delivery.FIRST_BACKOFF * func.pow(2, func.least(OUTBOX.c.attempts, 10))
_BACKOFF = func.least(_LONGER, delivery.LONGEST_BACKOFF) * _SPREAD * _SECOND
_PARKED = delivery.PARKED_BACKOFF * _SPREAD * _SECOND


def _take(condition: Any) -> Any:
    # A common table is made once; a subquery could be made again for every row, and choose more.
    chosen = (
        select(OUTBOX.c.event_id, OUTBOX.c.dest)
        .where(_of_dest, condition)
        .order_by(OUTBOX.c.serial)
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    parked = OUTBOX.c.state == "parked"
    return (
        update(OUTBOX)
        .where(OUTBOX.c.event_id == chosen.c.event_id, OUTBOX.c.dest == chosen.c.dest)
        .values(
            state=case((parked, "parked"), else_="sent"),
            attempts=OUTBOX.c.attempts + 1,
            first_sent_at=func.coalesce(OUTBOX.c.first_sent_at, func.now()),
            next_at=func.now() + case((parked, _PARKED), else_=_BACKOFF),
        )
        .returning(OUTBOX)
    )


TAKE_NEW = _take(_waiting)
TAKE = _take(or_(_waiting, _due))


def envelope(source: str, row: Any) -> dict[str, Any]:
    """The CloudEvents form of an outbox row."""
    return wire.Envelope(
        id=str(row.event_id),
        source=source,
        type=row.type,
        subject=row.subject,
        sequence=row.sequence,
        time=row.created_at,
        traceparent=row.traceparent,
        data=wire.parse(row.payload),
    ).dump()


def settle(tx: Connection, dest: str, receipt: Mapping[str, Any]) -> None:
    """Note what `dest` says in a receipt (`inbox.Receipt` as JSON): what is applied, parked, discarded.

    Applied and discarded end an event. Ids that are no ids, or not ours, change nothing.
    """
    _end(tx, dest, receipt["applied"], {"state": "confirmed", "confirmed_at": func.now()})
    _end(tx, dest, receipt["discarded"], {"state": "discarded"})
    for id_, reason in receipt["parked"].items():
        again = func.now() + _PARKED
        _end(tx, dest, [id_], {"state": "parked", "park_reason": reason, "next_at": again})


def _end(tx: Connection, dest: str, ids: Iterable[str], values: Mapping[str, Any]) -> None:
    if known := sorted(_ids(ids)):
        open_ = OUTBOX.c.state.in_(["pending", "sent", "parked"])
        ours = OUTBOX.c.event_id.in_(known) & (OUTBOX.c.dest == dest)
        tx.execute(update(OUTBOX).where(ours, open_).values(values))


def _ids(texts: Iterable[str]) -> list[UUID]:
    found = []
    for each in texts:
        try:
            found.append(UUID(each))
        except ValueError:
            telemetry.log.error("no id in a receipt", text=each)
    return found


def reopen(tx: Connection, dest: str | None = None) -> int:
    """Make every unconfirmed row due now: Redis was wiped, or `dest` has just started. Returns how many.

    Parked ones too: the receipt of one that was retried may have been lost.
    """
    condition: ColumnElement[bool] = OUTBOX.c.state.in_(["sent", "parked"])
    if dest is not None:
        condition &= OUTBOX.c.dest == dest
    return tx.execute(update(OUTBOX).where(condition).values(next_at=func.now())).rowcount


_BACKLOG = select(func.count()).select_from(
    select(OUTBOX.c.serial).where(OUTBOX.c.state.in_(["pending", "sent"])).limit(bindparam("most")).subquery()
)


def is_crowded(tx: Connection) -> bool:
    """Whether so much is unconfirmed that bulk work has to wait. Counts no further than that."""
    most = delivery.MOST_BACKLOG
    return int(tx.execute(_BACKLOG, {"most": most}).scalar_one()) >= most


# Two parts, so that each is found by its own index, however long the history is.
WAITING = text(
    """
    SELECT dest,
           count(*) FILTER (WHERE state = 'pending') AS pending,
           count(*) FILTER (WHERE state = 'sent') AS sent,
           count(*) FILTER (WHERE state = 'parked') AS parked,
           count(*) FILTER (WHERE state <> 'parked') AS unconfirmed,
           coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE state <> 'parked')), 0)
               AS oldest_unconfirmed_seconds,
           max(attempts) AS attempts
    FROM (
        SELECT dest, state, attempts, created_at FROM outbox WHERE state IN ('pending', 'sent')
        UNION ALL SELECT dest, state, attempts, created_at FROM outbox WHERE state = 'parked'
    ) AS open GROUP BY dest
    """
)
NOTHING = dict.fromkeys(
    ("pending", "sent", "parked", "unconfirmed", "oldest_unconfirmed_seconds", "attempts"), 0.0
)


def waiting(tx: Connection, dests: Iterable[str]) -> dict[str, dict[str, float]]:
    """What has not ended, for each destination: see WAITING."""
    rows = [row._asdict() for row in tx.execute(WAITING)]
    found = {row.pop("dest"): {name: float(value) for name, value in row.items()} for row in rows}
    return {dest: found.get(dest, NOTHING) for dest in dests}


def figures(tx: Connection) -> dict[str, float]:
    """How much is unconfirmed and parked, and the age in seconds of the oldest unconfirmed row."""
    found = waiting(tx, ROUTES).values()
    return {
        "outbox_unconfirmed": sum(each["unconfirmed"] for each in found),
        "outbox_parked": sum(each["parked"] for each in found),
        "oldest_unconfirmed_seconds": max(each["oldest_unconfirmed_seconds"] for each in found),
    }
