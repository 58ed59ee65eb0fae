"""The inbox's statements. They work on arrays, so that a batch costs as many round trips as one event."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, text, tuple_, update

from shared import database, wire
from shared.inbox.tables import INBOX
from shared.wire import Envelope

NOTED = ("source", "subject", "sequence", "event_id", "type", "digest", "said_at", "status", "attempts")
NOTE = f"""
    {database.insert_rows("inbox", NOTED)}
    ON CONFLICT (source, subject, sequence) DO NOTHING RETURNING subject, sequence
"""
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
    SELECT i.body FROM inbox AS i LEFT JOIN stream_position AS p USING (source, subject)
    WHERE i.status = 'held' AND i.sequence = coalesce(p.n, 0) + 1 LIMIT 100
    """
)
# What two persons gave up, as soon as it is its turn: the stream goes on behind it.
GIVE_UP = text(
    """
    WITH gone AS (
        UPDATE inbox AS i SET status = 'discarded', settled_at = now(), body = NULL
        FROM discard AS d
        WHERE d.event_id = i.event_id AND d.confirmed_at IS NOT NULL AND i.status = 'parked'
          AND i.sequence = 1 + coalesce((
              SELECT n FROM stream_position AS p WHERE p.source = i.source AND p.subject = i.subject
          ), 0)
        RETURNING i.source, i.subject, i.sequence, i.event_id
    ), moved AS (
        INSERT INTO stream_position (source, subject, n) SELECT source, subject, sequence FROM gone
        ON CONFLICT (source, subject) DO UPDATE SET n = excluded.n
    )
    SELECT source, event_id FROM gone
    """
)


def note(tx: Connection, envelopes: Iterable[Envelope]) -> set[tuple[str, int]]:
    """Write down what arrived; returns the places, by subject and sequence, of what is new."""
    noted = tx.exec_driver_sql(NOTE, database.rows(map(_row, envelopes)))
    return {(row.subject, row.sequence) for row in noted}


def known(tx: Connection, source: str, envelopes: Sequence[Envelope]) -> Sequence[Row[Any]]:
    """The rows of events that were noted before."""
    if not envelopes:
        return []
    places = tuple_(INBOX.c.subject, INBOX.c.sequence).in_([place(e) for e in envelopes])
    return tx.execute(select(INBOX).where(INBOX.c.source == source, places)).all()


def lock(tx: Connection, source: str, subjects: set[str]) -> dict[str, int]:
    """The position of each stream, its row locked: one writer per grievance, in one order, so no deadlock."""
    values = {"source": source, "subjects": sorted(subjects)}
    tx.execute(LOCK_NEW, values)
    return {row.subject: row.n for row in tx.execute(LOCK, values)}


def held(tx: Connection, source: str, subjects: Iterable[str]) -> list[Envelope]:
    """What waits in these streams for its turn."""
    found = select(INBOX.c.body).where(
        INBOX.c.status == "held", INBOX.c.source == source, INBOX.c.subject.in_(list(subjects))
    )
    return [stored(row.body) for row in tx.execute(found)]


def ready(tx: Connection) -> list[Envelope]:
    """Held events whose turn it is."""
    return [stored(row.body) for row in tx.execute(READY)]


def settle(tx: Connection, source: str, done: Sequence[Envelope]) -> None:
    """Write that events, in their order, have their effect, and how far each stream was applied."""
    if done:
        subjects, sequences = [e.subject for e in done], [e.sequence for e in done]
        tx.execute(SETTLE, {"source": source, "subjects": subjects, "sequences": sequences})
        heads = {e.subject: e.sequence for e in done}  # they are in order, so the highest stays
        tx.execute(ADVANCE, {"source": source, "subjects": list(heads), "sequences": list(heads.values())})


def hold(tx: Connection, early: Iterable[Envelope]) -> None:
    """Keep what came early until its predecessors were applied."""
    for envelope in early:
        tx.execute(update(INBOX).where(is_(envelope)).values(status="held", body=envelope.dump()))


def park(tx: Connection, envelope: Envelope, reason: str, error: str) -> bool:
    """Set an event aside with its reason; False if another worker has settled it meanwhile."""
    values = {"status": "parked", "reason": reason, "error": error, "body": envelope.dump()}
    waiting = is_(envelope) & INBOX.c.status.in_(["received", "held"])
    return tx.execute(update(INBOX).where(waiting).values(values)).rowcount == 1


def count(tx: Connection, envelope: Envelope, tries: int) -> int:
    """Add to the tries of an event; returns how many there were."""
    counted = update(INBOX).where(is_(envelope)).values(attempts=INBOX.c.attempts + tries)
    return int(tx.execute(counted.returning(INBOX.c.attempts)).scalar_one())


def give_up(tx: Connection) -> Sequence[Row[Any]]:
    """Discard what two persons gave up and whose turn it is; returns source and event of each."""
    return tx.execute(GIVE_UP).all()


def place(envelope: Envelope) -> tuple[str, int]:
    """Where an event stands among those of its source."""
    return envelope.subject, envelope.sequence


def stored(body: Mapping[str, Any]) -> Envelope:
    """The envelope that a held or parked row keeps."""
    return wire.envelope(body, body["source"])


def is_(envelope: Envelope) -> ColumnElement[bool]:
    """The condition of its row."""
    return (
        (INBOX.c.source == envelope.source)
        & (INBOX.c.subject == envelope.subject)
        & (INBOX.c.sequence == envelope.sequence)
    )


def _row(envelope: Envelope) -> dict[str, Any]:
    return {
        "source": envelope.source,
        "subject": envelope.subject,
        "sequence": envelope.sequence,
        "event_id": envelope.id,
        "type": envelope.type,
        "digest": wire.digest(envelope.data),
        "said_at": envelope.time,
        "status": "received",
        "attempts": 1,
    }
