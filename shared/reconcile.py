"""Comparing what a source said with what its reader heard, day by day.

A receipt is believed for its signature. Whoever stole a reader's key could confirm what was never heard,
and whoever wrote to a database could alter what was: neither shows in any queue. So both sides of each pair
sum up their days, from what they keep themselves: grievance, number in its stream and digest of every
event. Each night the worker sends its readers the sums of the last week; `minqing reconcile` reads both
databases and names the single events.

Not compared: the last minutes, which may still be on their way; and what has no receipt yet, which the
reader may have or not. The source names those places, and both sides leave them out.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import Column, Connection, Date, DateTime, Table, Text, text

from shared import heartbeat, telemetry, wire
from shared.database import METADATA

DIVERGENCE = Table(
    "divergence",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("said", Text, nullable=False),
    Column("heard", Text, nullable=False),
    Column("found_at", DateTime(timezone=True), nullable=False),
)

DAYS = 7  # compared each night, so that a night that was lost is made up for by the next
REST = timedelta(minutes=5)  # longer than any transaction that says or hears something
NIGHT = time(2)  # when the worker tells its readers, in the county's time
MOST_UNSETTLED = 1000  # places named for one day; a day with more is left to the alarms of the outbox

Place = tuple[str, int]  # a grievance, and a number in its stream
Events = Mapping[Place, str]  # the digest of what was said there


@dataclass(frozen=True)
class Said:
    """What a source said to one reader on one day: what a receipt settled, and the places of the rest."""

    settled: Events
    unsettled: frozenset[Place]


@dataclass(frozen=True)
class Difference:
    """The places of single events that two sides do not agree about."""

    unheard: tuple[Place, ...]  # settled at the source, not heard by the reader
    unsaid: tuple[Place, ...]  # heard by the reader, never said by the source
    altered: tuple[Place, ...]

    def __bool__(self) -> bool:
        return bool(self.unheard or self.unsaid or self.altered)


# ------------------------------------------------------------------------------------------ the rules


def summary(events: Events) -> str:
    """How many events there are, and one SHA-256 over all of them: equal only if they are."""
    lines = (f"{subject} {sequence} {digest}\n" for (subject, sequence), digest in sorted(events.items()))
    return f"{len(events)} {hashlib.sha256(''.join(lines).encode()).hexdigest()}"


def difference(said: Events, heard: Events) -> Difference:
    """Name the single events in which two sides differ."""
    return Difference(
        unheard=tuple(sorted(said.keys() - heard.keys())),
        unsaid=tuple(sorted(heard.keys() - said.keys())),
        altered=tuple(place for place in sorted(said.keys() & heard.keys()) if said[place] != heard[place]),
    )


def without(heard: Events, unsettled: Collection[Place]) -> Events:
    """What was heard, except in those places."""
    return {place: digest for place, digest in heard.items() if place not in unsettled}


def days(until: datetime, count: int) -> list[date]:
    """The last `count` days in UTC, the oldest first; the last, that of `until`, may be unfinished."""
    last = until.astimezone(UTC).date()
    return [last - timedelta(days=n) for n in reversed(range(count))]


def due(last: datetime, now: datetime, zone: tzinfo) -> bool:
    """Whether a night has begun since `last`, so that the days are to be compared again."""
    local = now.astimezone(zone)
    night = datetime.combine(local.date(), NIGHT, zone)
    return last < (night if night <= local else night - timedelta(days=1))


# --------------------------------------------------------------------------------- what each side has

NOW = text("SELECT now()")
SAID = text(
    """
    SELECT subject, sequence, payload, state IN ('pending', 'sent') AS unsettled FROM outbox
    WHERE dest = :other AND created_at >= :start AND created_at < :end
    """
)
# What was received and has no effect yet is kept nowhere but at its source: it does not count as heard.
HEARD = text(
    """
    SELECT subject, sequence, digest FROM inbox
    WHERE source = :other AND said_at >= :start AND said_at < :end AND status <> 'received'
    """
)


def limit(tx: Connection) -> datetime:
    """Up to which moment, by the source's database, days are compared now."""
    now: datetime = tx.execute(NOW).scalar_one()
    return now - REST


def said(tx: Connection, dest: str, day: date, until: datetime) -> Said:
    """What this service said to `dest` on a day, before `until`. Wants a transaction, read in portions."""
    settled: dict[Place, str] = {}
    unsettled: set[Place] = set()
    for row in _rows(tx, SAID, dest, _span(day, until)):
        if row.unsettled:
            unsettled.add((row.subject, row.sequence))
        else:
            settled[row.subject, row.sequence] = wire.digest(wire.parse(row.payload))
    return Said(settled, frozenset(unsettled))


def heard(tx: Connection, source: str, day: date, until: datetime) -> Events:
    """What this service heard of what `source` said on a day, before `until`. Wants a transaction."""
    rows = _rows(tx, HEARD, source, _span(day, until))
    return {(row.subject, row.sequence): row.digest for row in rows}


def _rows(tx: Connection, query: Any, other: str, span: tuple[datetime, datetime]) -> Iterable[Any]:
    values = {"other": other, "start": span[0], "end": span[1]}
    return tx.execute(query, values, execution_options={"yield_per": 1000})


def _span(day: date, until: datetime) -> tuple[datetime, datetime]:
    start = datetime.combine(day, time(), UTC)
    return start, min(start + timedelta(days=1), until)


# ---------------------------------------------------------------------------------------- every night

TOLD = text("SELECT at, now() AS now FROM heartbeat WHERE of = 'digests'")
LAST = text("SELECT at FROM heartbeat WHERE of = :of")
TAKE_TURN = text("UPDATE heartbeat SET at = now() WHERE of = 'digests' AND at = :at")
NOTE = text(
    """
    INSERT INTO divergence (source, day, said, heard) VALUES (:source, :day, :said, :heard)
    ON CONFLICT (source, day) DO UPDATE SET said = excluded.said, heard = excluded.heard
    """
)
FORGET = text("DELETE FROM divergence WHERE source = :source AND day = :day")


def compared(source: str) -> str:
    """The name of the sign of life that a comparison with `source` gives."""
    return f"compared {source}"


def take_turn(tx: Connection, sources: Iterable[str], zone: tzinfo) -> bool:
    """Whether the readers are to be told now, once a night, whichever worker asks first.

    In a database that is asked for the first time there is nothing to compare: the count of nights begins.
    """
    told = tx.execute(TOLD).one_or_none()
    if told is None:
        for of in ("digests", *map(compared, sources)):
            heartbeat.beat(tx, of)
        return False
    return due(told.at, told.now, zone) and tx.execute(TAKE_TURN, {"at": told.at}).rowcount == 1


def digests(tx: Connection, dest: str) -> dict[str, Any]:
    """What `dest` is told to compare with: the body of a frame of kind `digests`."""
    until = limit(tx)
    told = {day: said(tx, dest, day, until) for day in days(until, DAYS)}
    return {
        "until": until,
        "days": [
            {"day": day, "said": summary(of_day.settled), "unsettled": sorted(of_day.unsettled)}
            for day, of_day in told.items()
            if len(of_day.unsettled) <= MOST_UNSETTLED
        ],
    }


def compare(tx: Connection, source: str, body: Mapping[str, Any]) -> None:
    """Compare what `source` tells of its days with our own, and note on which we do not agree.

    What was told before our last comparison is put aside: an old frame, put on our list again, would hide
    what was found since, and pass for a sign of life.
    """
    until = datetime.fromisoformat(body["until"])
    last = tx.execute(LAST, {"of": compared(source)}).scalar_one_or_none()
    if last is not None and until + REST < last:
        telemetry.log.warning("days told before", source=source, until=body["until"])
        return
    for told in body["days"]:
        day = date.fromisoformat(told["day"])
        unsettled = {(subject, sequence) for subject, sequence in told["unsettled"]}
        ours = summary(without(heard(tx, source, day, until), unsettled))
        if not note(tx, source, day, said=told["said"], heard=ours):
            telemetry.log.critical(
                "divergence", source=source, day=told["day"], said=told["said"], heard=ours
            )
    heartbeat.beat(tx, compared(source))


def note(tx: Connection, source: str, day: date, *, said: str, heard: str) -> bool:
    """Keep a day on which two summaries differ; forget it once they agree. Returns whether they do."""
    values = {"source": source, "day": day}
    if said == heard:
        tx.execute(FORGET, values)
    else:
        tx.execute(NOTE, values | {"said": said, "heard": heard})
    return said == heard


def divergent_days(tx: Connection) -> int:
    """On how many days a source and this service do not agree."""
    return int(tx.execute(text("SELECT count(*) FROM divergence")).scalar_one())


# ------------------------------------------------------------------------------------------- the cure

SEND_AGAIN = text(
    """
    UPDATE outbox SET state = 'sent', next_at = now()
    WHERE dest = :dest AND subject = :subject AND sequence = :sequence AND state IN ('confirmed', 'discarded')
    """
)


def send_again(tx: Connection, dest: str, places: Iterable[Place]) -> None:
    """Take receipts for events that were not heard as not given: they are sent until they are.

    Safe to do too often: a reader that had the effect knows it by its position.
    """
    for subject, sequence in places:
        tx.execute(SEND_AGAIN, {"dest": dest, "subject": subject, "sequence": sequence})
