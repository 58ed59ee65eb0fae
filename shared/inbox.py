"""The inbox: what this service heard, each event applied exactly once and in order.

One row per event: received → applied, or held (came early), or parked (cannot be applied, with its
reason), or discarded. The tries are counted and committed *before* a handler runs, so that an event that
kills the process is counted too. The effect, the row and the position in the stream are one transaction;
only after its commit does a receipt go back.

New events are applied as one batch, with what was held for them; a handler takes those of its type
together. If anything fails, and whenever an event comes again, each is tried alone: a bad event stops what
follows it in its grievance, nothing else.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Identity,
    Integer,
    Select,
    Table,
    Text,
    Uuid,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from shared import database, delivery, telemetry, wire
from shared.contracts import Event
from shared.delivery import Decision
from shared.outbox import METADATA
from shared.problems import Problem
from shared.service import Service
from shared.wire import Envelope, Unreadable

Handler = Callable[[Service, Connection, Sequence[Any]], None]  # of events of one type, one a grievance
Consumes = Mapping[type[Event], Handler]

INBOX = Table(
    "inbox",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("type", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text),
    Column("error", Text),
    Column("body", JSONB),
    Column("said_at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("settled_at", DateTime(timezone=True)),
)

POSITION = Table(
    "stream_position",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("n", Integer, nullable=False),
)

QUARANTINE = Table(
    "quarantine",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

DISCARD = Table(
    "discard",
    METADATA,
    Column("event_id", Uuid, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("confirmed_by", Text),
    Column("confirmed_at", DateTime(timezone=True)),
)

Arrived = Mapping[tuple[str, int], Envelope]  # by subject and sequence


@dataclass
class Receipt:
    """What goes back to one source: the ids of events that have their effect, and those parked, with why."""

    applied: list[str] = field(default_factory=list)
    parked: dict[str, str] = field(default_factory=dict)


# The statements below work on arrays, so that a batch costs as many round trips as a single event.
LOCK_NEW = text(
    """
    INSERT INTO stream_position (source, subject, n)
    SELECT :source, subject, 0 FROM unnest(CAST(:subjects AS text[])) AS subject ORDER BY subject
    ON CONFLICT DO NOTHING
    """
)
LOCK = text(
    """
    SELECT subject, n FROM stream_position
    WHERE source = :source AND subject = ANY(CAST(:subjects AS text[])) ORDER BY subject FOR UPDATE
    """
)
ADVANCE = text(
    """
    UPDATE stream_position AS p SET n = new.n
    FROM unnest(CAST(:subjects AS text[]), CAST(:sequences AS int[])) AS new (subject, n)
    WHERE p.source = :source AND p.subject = new.subject AND p.n < new.n
    """
)
SETTLE = text(
    """
    UPDATE inbox AS i SET status = 'applied', settled_at = now(), reason = NULL, body = NULL
    FROM unnest(CAST(:subjects AS text[]), CAST(:sequences AS int[])) AS done (subject, sequence)
    WHERE i.source = :source AND i.subject = done.subject AND i.sequence = done.sequence
    """
)
READY = text(
    """
    SELECT i.body FROM inbox AS i JOIN stream_position AS p USING (source, subject)
    WHERE i.status = 'held' AND i.sequence = p.n + 1 LIMIT 100
    """
)


@dataclass(frozen=True)
class Door:
    """A service's message door: which handler applies which event."""

    service: Service
    consumes: Consumes

    def accept(self, source: str, envelopes: Sequence[Envelope]) -> Receipt:
        """Apply what has not been applied; hold what is early; park what cannot be.

        Raises only when the database is down: then nothing is receipted and all of it comes again.
        """
        receipt = Receipt()
        arrived = {(e.subject, e.sequence): e for e in sorted(envelopes, key=_place)}
        new, again = self._note(source, arrived, receipt)
        try:
            receipt.applied += self._apply(source, new, with_held=True)
        except Exception as error:
            if database.is_away(error):
                raise
            telemetry.log.info("batch failed, trying each alone", error=repr(error))
            again = new + again
        for envelope in again:
            self._apply_alone(envelope, receipt)
        return receipt

    def drain(self) -> dict[str, Receipt]:
        """Apply held events whose predecessors are done; `retry` opens parked ones this way. By source."""
        receipts: dict[str, Receipt] = defaultdict(Receipt)
        while any([self._apply_alone(ready, receipts[ready.source]) for ready in self._ready()]):
            pass  # each one applied may have made its successor ready
        return receipts

    def _ready(self) -> list[Envelope]:
        with self.service.transaction() as tx:
            return [stored(row.body) for row in tx.execute(READY)]

    def _note(self, source: str, arrived: Arrived, receipt: Receipt) -> tuple[list[Envelope], list[Envelope]]:
        """Write down what arrived, committed. Returns what is new, and what was tried before in vain."""
        if not arrived:
            return [], []
        with self.service.transaction() as tx:
            noted = tx.exec_driver_sql(NOTE, database.rows(map(_row, arrived.values()))).all()
            places = {(row.subject, row.sequence) for row in noted}
            new = [arrived[place] for place in places]
            again = [envelope for place, envelope in arrived.items() if place not in places]
            known = tx.execute(_rows(source, again)).all() if again else []
        return sorted(new, key=_place), _unsettled(known, arrived, receipt)

    def _apply(self, source: str, envelopes: Sequence[Envelope], *, with_held: bool) -> list[str]:
        """Apply a batch in one transaction; returns the ids that have their effect now.

        An event that had it before, by its place in the stream, is settled again and changes nothing.
        """
        if not envelopes:
            return []
        with self.service.transaction() as tx:
            positions = _lock(tx, source, {e.subject for e in envelopes})
            held = _held(tx, source, positions) if with_held else []
            decided = _decided(positions, sorted([*envelopes, *held], key=_place))
            for batch in _batches(decided[Decision.APPLY]):
                self._handle(tx, batch)
            done = sorted(decided[Decision.APPLY] + decided[Decision.DUPLICATE], key=_place)
            _keep(tx, source, done, decided[Decision.HOLD])
        return [envelope.id for envelope in done]

    def _handle(self, tx: Connection, batch: Sequence[Envelope]) -> None:
        events = [wire.read(envelope.type, envelope.data) for envelope in batch]
        handler = self.consumes.get(type(events[0]))
        if handler is None:
            raise Unreadable("type-unknown", f"{batch[0].type} is not for {self.service.name}")
        with telemetry.following({envelope.subject: envelope.traceparent for envelope in batch}):
            handler(self.service, tx, events)

    def _apply_alone(self, envelope: Envelope, receipt: Receipt) -> bool:
        """Try one event, counted; park it if that was the last try. Returns whether it has its effect."""
        attempts = self._count(envelope)
        if attempts > delivery.MAX_ATTEMPTS:
            self._park(envelope, "killed-process", "the process ended while applying it", receipt)
            return False
        try:
            applied = self._apply(envelope.source, [envelope], with_held=False)
            receipt.applied += applied
            return bool(applied)
        except Exception as error:
            if database.is_away(error):
                raise
            telemetry.log.warning("event failed", id=envelope.id, type=envelope.type, error=repr(error))
            if reason := _parking_reason(error, attempts):
                self._park(envelope, reason, repr(error), receipt)
        return False

    def _count(self, envelope: Envelope) -> int:
        """Count one more try, committed before it is made."""
        with self.service.transaction() as tx:
            counted = update(INBOX).where(_is(envelope)).values(attempts=INBOX.c.attempts + 1)
            return int(tx.execute(counted.returning(INBOX.c.attempts)).scalar_one())

    def _park(self, envelope: Envelope, reason: str, error: str, receipt: Receipt) -> None:
        """Set an event aside with its reason, unless another worker has applied it meanwhile."""
        values = {"status": "parked", "reason": reason, "error": error, "body": envelope.dump()}
        waiting = _is(envelope) & INBOX.c.status.in_(["received", "held"])
        with self.service.transaction() as tx:
            if tx.execute(update(INBOX).where(waiting).values(values)).rowcount == 0:
                return
        telemetry.log.error("event parked", id=envelope.id, type=envelope.type, reason=reason, error=error)
        receipt.parked[envelope.id] = reason


NOTED = ("source", "subject", "sequence", "event_id", "type", "digest", "said_at", "status", "attempts")
NOTE = f"""
    {database.insert_rows("inbox", NOTED)}
    ON CONFLICT (source, subject, sequence) DO NOTHING RETURNING subject, sequence
"""


def _parking_reason(error: Exception, attempts: int) -> str | None:
    """Why an event that failed is parked: trying again would not help, or was tried often enough."""
    if isinstance(error, Unreadable):
        return error.reason
    if isinstance(error, Problem):
        return "rule-violated"
    return "handler-error" if attempts >= delivery.MAX_ATTEMPTS else None


def _decided(positions: Mapping[str, int], envelopes: Iterable[Envelope]) -> dict[Decision, list[Envelope]]:
    """What is done with each of some envelopes in their order, where those applied move the position on."""
    reached, decided = dict(positions), defaultdict[Decision, list[Envelope]](list)
    for envelope in envelopes:
        decision = delivery.decide(reached[envelope.subject], envelope.sequence)
        if decision is Decision.APPLY:
            reached[envelope.subject] = envelope.sequence
        decided[decision].append(envelope)
    return decided


def _batches(envelopes: Iterable[Envelope]) -> list[list[Envelope]]:
    """Envelopes of one type together, but never two of one grievance, and a grievance's in their order."""
    batches, earlier = defaultdict[tuple[int, str], list[Envelope]](list), Counter[str]()
    for envelope in envelopes:
        batches[earlier[envelope.subject], envelope.type].append(envelope)
        earlier[envelope.subject] += 1
    return [batch for _, batch in sorted(batches.items())]


def _place(envelope: Envelope) -> tuple[str, int]:
    return envelope.subject, envelope.sequence


def _digest(envelope: Envelope) -> str:
    return wire.digest(envelope.data)


def _row(envelope: Envelope) -> dict[str, Any]:
    return {
        "source": envelope.source,
        "subject": envelope.subject,
        "sequence": envelope.sequence,
        "event_id": envelope.id,
        "type": envelope.type,
        "digest": _digest(envelope),
        "said_at": envelope.time,
        "status": "received",
        "attempts": 1,
    }


def _is(envelope: Envelope) -> ColumnElement[bool]:
    return (
        (INBOX.c.source == envelope.source)
        & (INBOX.c.subject == envelope.subject)
        & (INBOX.c.sequence == envelope.sequence)
    )


def _rows(source: str, envelopes: Iterable[Envelope]) -> Select[Any]:
    places = tuple_(INBOX.c.subject, INBOX.c.sequence).in_([_place(e) for e in envelopes])
    return select(INBOX).where(INBOX.c.source == source, places)


def _unsettled(known: Iterable[Any], arrived: Arrived, receipt: Receipt) -> list[Envelope]:
    """Sort out events seen before: settled ones are receipted again, those still to be applied returned."""
    again = []
    for row in known:
        envelope = arrived[row.subject, row.sequence]
        if (str(row.event_id), row.digest) != (envelope.id, _digest(envelope)):
            telemetry.log.critical("divergence", id=envelope.id, kept=str(row.event_id), subject=row.subject)
        if row.status == "received":
            again.append(envelope)
        elif row.status == "parked":
            receipt.parked[envelope.id] = row.reason
        elif row.status in ("applied", "discarded"):
            receipt.applied.append(envelope.id)
    return sorted(again, key=_place)


def _lock(tx: Connection, source: str, subjects: set[str]) -> dict[str, int]:
    """The position of each stream, its row locked: one writer per grievance, in one order, so no deadlock."""
    values = {"source": source, "subjects": sorted(subjects)}
    tx.execute(LOCK_NEW, values)
    return {row.subject: row.n for row in tx.execute(LOCK, values)}


def _held(tx: Connection, source: str, subjects: Iterable[str]) -> list[Envelope]:
    held = select(INBOX.c.body).where(
        INBOX.c.status == "held", INBOX.c.source == source, INBOX.c.subject.in_(list(subjects))
    )
    return [stored(row.body) for row in tx.execute(held)]


def _keep(tx: Connection, source: str, done: Sequence[Envelope], early: Sequence[Envelope]) -> None:
    """Write what became of a batch: its rows, and how far each stream was applied."""
    if done:
        subjects, sequences = [e.subject for e in done], [e.sequence for e in done]
        tx.execute(SETTLE, {"source": source, "subjects": subjects, "sequences": sequences})
        heads = {e.subject: e.sequence for e in done}  # they are in order, so the highest stays
        tx.execute(ADVANCE, {"source": source, "subjects": list(heads), "sequences": list(heads.values())})
    for envelope in early:
        tx.execute(update(INBOX).where(_is(envelope)).values(status="held", body=envelope.dump()))


def stored(body: Mapping[str, Any]) -> Envelope:
    """The envelope that a held or parked row keeps."""
    return wire.envelope(body, body["source"])


def quarantine(tx: Connection, content: Any, error: Unreadable) -> None:
    """Keep what arrived and is none of ours, unapplied, for a person to look at."""
    telemetry.log.critical("quarantined", reason=error.reason, error=_printable(str(error)))
    values = {
        "reason": error.reason,
        "error": _printable(str(error)),
        "content": _printable(str(content)[:100_000]),
    }
    tx.execute(insert(QUARANTINE).values(values))


def _printable(text_: str) -> str:
    """The text with a replacement for what no database keeps: NUL, and halves of characters."""
    return text_.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def parked(tx: Connection) -> Sequence[Any]:
    """All parked events, the oldest first: id, type, grievance, reason, error, when."""
    return tx.execute(select(INBOX).where(INBOX.c.status == "parked").order_by(INBOX.c.received_at)).all()


def retry(tx: Connection, event_id: str) -> bool:
    """Open a parked event again: the worker applies it as soon as it is its turn. False if none is parked."""
    opened = update(INBOX).where(INBOX.c.event_id == event_id, INBOX.c.status == "parked")
    return tx.execute(opened.values(status="held", attempts=0, reason=None)).rowcount == 1


def figures(tx: Connection) -> dict[str, float]:
    """How many events are parked, held, and how many messages are in quarantine."""
    row = tx.execute(
        text(
            """
            SELECT count(*) FILTER (WHERE status = 'parked') AS parked,
                   count(*) FILTER (WHERE status = 'held') AS held,
                   (SELECT count(*) FROM quarantine) AS quarantined
            FROM inbox WHERE status IN ('parked', 'held')
            """
        )
    ).one()
    return {key: float(value) for key, value in row._mapping.items()}
