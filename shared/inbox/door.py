"""A service's message door: each event applied exactly once and in order.

The tries are counted and committed *before* a handler runs, so that an event that kills the process is
counted too. The effect, the row and the position in the stream are one transaction; only after its commit
does a receipt go back.

New events are applied as one batch, with what was held for them; a handler takes those of its type
together. If anything fails, and whenever an event comes again, each is tried alone: a bad event stops what
follows it in its grievance, nothing else.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from shared import database, delivery, telemetry, wire
from shared.contracts import Event
from shared.delivery import Decision
from shared.inbox import rows
from shared.problems import Problem
from shared.service import Service
from shared.wire import Envelope, Unreadable

Handler = Callable[[Service, Connection, Sequence[Any]], None]  # of events of one type, one a grievance
Consumes = Mapping[type[Event], Handler]
Arrived = Mapping[tuple[str, int], Envelope]  # by subject and sequence
Decided = Mapping[Decision, list[Envelope]]

GAP = "more than {} events before it are missing"


@dataclass
class Receipt:
    """What goes back to one source: the ids of events that have their effect; parked ones, with why; and
    those that two persons gave up."""

    applied: list[str] = field(default_factory=list)
    parked: dict[str, str] = field(default_factory=dict)
    discarded: list[str] = field(default_factory=list)

    def add(self, id_: str, status: str, reason: str) -> None:
        """Tell what became of an event, by the status of its row."""
        if status == "parked":
            self.parked[id_] = reason
        elif status == "discarded":
            self.discarded.append(id_)
        elif status == "applied":
            self.applied.append(id_)


@dataclass(frozen=True)
class Door:
    """Which handler applies which event. `interrupted` are tries that the database's absence ended."""

    service: Service
    consumes: Consumes
    interrupted: set[str] = field(default_factory=set)

    def accept(self, source: str, envelopes: Sequence[Envelope]) -> Receipt:
        """Apply what has not been applied; hold what is early; park what cannot be.

        Raises only when the database is down: then nothing is receipted and all of it comes again.
        """
        receipt = Receipt()
        arrived = {rows.place(e): e for e in sorted(envelopes, key=rows.place)}
        new, again = self._note(source, arrived, receipt)
        try:
            self._apply(source, new, receipt, with_held=True)
        except Exception as error:
            if database.is_away(error):
                raise
            telemetry.log.info("batch failed, trying each alone", error=repr(error))
            again = new + again
        for envelope in again:
            self._apply_alone(envelope, receipt)
        return receipt

    def drain(self) -> dict[str, Receipt]:
        """Go on where a person decided: give up what was discarded, apply what was held. By source."""
        receipts: dict[str, Receipt] = defaultdict(Receipt)
        with self.service.transaction() as tx:
            for gone in rows.give_up(tx):
                receipts[gone.source].discarded.append(str(gone.event_id))
        while any([self._apply_alone(ready, receipts[ready.source]) for ready in self._ready()]):
            pass  # each one applied may have made its successor ready
        return receipts

    def _ready(self) -> list[Envelope]:
        with self.service.transaction() as tx:
            return rows.ready(tx)

    def _note(self, source: str, arrived: Arrived, receipt: Receipt) -> tuple[list[Envelope], list[Envelope]]:
        """Write down what arrived, committed. Returns what is new, and what was tried before in vain."""
        if not arrived:
            return [], []
        with self.service.transaction() as tx:
            places = rows.note(tx, arrived.values())
            new = [arrived[place] for place in places]
            known = rows.known(tx, source, [e for place, e in arrived.items() if place not in places])
        return sorted(new, key=rows.place), _unsettled(known, arrived, receipt)

    def _apply(
        self, source: str, envelopes: Sequence[Envelope], receipt: Receipt, *, with_held: bool
    ) -> Sequence[Envelope]:
        """Apply a batch in one transaction; returns, and adds to the receipt, what has its effect now.

        An event that had it before, by its place in the stream, is settled again and changes nothing.
        """
        if not envelopes:
            return []
        with self.service.transaction() as tx:
            positions = rows.lock(tx, source, {e.subject for e in envelopes})
            held = rows.held(tx, source, positions) if with_held else []
            decided = _decided(positions, sorted([*envelopes, *held], key=rows.place))
            for batch in _batches(decided[Decision.APPLY]):
                self._handle(tx, batch)
            done = sorted(decided[Decision.APPLY] + decided[Decision.DUPLICATE], key=rows.place)
            rows.settle(tx, source, done)
            rows.hold(tx, decided[Decision.HOLD])
        receipt.applied += [envelope.id for envelope in done]
        for envelope in decided[Decision.REFUSE]:
            self._park(envelope, "gap-too-large", GAP.format(delivery.MOST_HELD), receipt)
        return done

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
            return bool(self._apply(envelope.source, [envelope], receipt, with_held=False))
        except Exception as error:
            if database.is_away(error):
                self.interrupted.add(envelope.id)
                raise
            telemetry.log.warning("event failed", id=envelope.id, type=envelope.type, error=repr(error))
            if reason := _parking_reason(error, attempts):
                self._park(envelope, reason, repr(error), receipt)
        return False

    def _count(self, envelope: Envelope) -> int:
        """Count one more try, committed before it is made. One that was interrupted was counted already."""
        with self.service.transaction() as tx:
            attempts = rows.count(tx, envelope, 0 if envelope.id in self.interrupted else 1)
        self.interrupted.discard(envelope.id)
        return attempts

    def _park(self, envelope: Envelope, reason: str, error: str, receipt: Receipt) -> None:
        with self.service.transaction() as tx:
            parked = rows.park(tx, envelope, reason, error)
        if parked:
            telemetry.log.error(
                "event parked", id=envelope.id, type=envelope.type, reason=reason, error=error
            )
            receipt.parked[envelope.id] = reason


def _parking_reason(error: Exception, attempts: int) -> str | None:
    """Why an event that failed is parked: trying again would not help, or was tried often enough."""
    if isinstance(error, Unreadable):
        return error.reason
    if isinstance(error, Problem):
        return "rule-violated"
    return "handler-error" if attempts >= delivery.MAX_ATTEMPTS else None


def _decided(positions: Mapping[str, int], envelopes: Iterable[Envelope]) -> Decided:
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


def _unsettled(known: Iterable[Any], arrived: Arrived, receipt: Receipt) -> list[Envelope]:
    """Sort out events seen before: settled ones are receipted again, those still to be applied returned."""
    again = []
    for row in known:
        envelope = arrived[row.subject, row.sequence]
        if (str(row.event_id), row.digest) != (envelope.id, wire.digest(envelope.data)):
            telemetry.log.critical("divergence", id=envelope.id, kept=str(row.event_id), subject=row.subject)
        receipt.add(envelope.id, row.status, row.reason)
        if row.status == "received":
            again.append(envelope)
    return sorted(again, key=rows.place)
