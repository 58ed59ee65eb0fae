"""`python -m tests.faults.sabotage NAME MODULE …`: run a worker with one protection of delivery removed.

The product knows nothing of this. What each of these loses, doubles or lets in, the checker has to find.
"""

import runpy
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kombu import Exchange, Queue
from sqlalchemy import Connection, func, select, update

from shared import bus, delivery, keyring, outbox
from shared.bus import Bus
from shared.delivery import Decision
from shared.inbox import Receipt, door
from shared.outbox import OUTBOX
from shared.worker import Worker
from tests.world import NAMES

COMMIT = 0.4  # seconds between a receipt and its commit


def no_dedup() -> None:
    """What comes again is applied again: neither its row nor its position is looked at."""

    def all_again(known: Sequence[Any], arrived: door.Arrived, _: Receipt) -> list[Any]:
        return [arrived[row.subject, row.sequence] for row in known]

    door._unsettled = all_again
    _decide({Decision.DUPLICATE: Decision.APPLY})


def no_hold() -> None:
    """What comes early is applied at once."""
    _decide({Decision.HOLD: Decision.APPLY})


def _decide(instead: Mapping[Decision, Decision]) -> None:
    decide = delivery.decide

    def decided(position: int, sequence: int) -> Decision:
        decision = decide(position, sequence)
        return instead.get(decision, decision)

    delivery.decide = decided


def confirmed_on_publish() -> None:
    """What was given to the broker counts as delivered."""
    take = outbox.take

    def confirm(tx: Connection, dest: str, *given: Any, **more: Any) -> Sequence[Any]:
        rows = take(tx, dest, *given, **more)
        ids = [row.event_id for row in rows]
        published = update(OUTBOX).where(OUTBOX.c.event_id.in_(ids), OUTBOX.c.dest == dest)
        tx.execute(published.values(state="confirmed", confirmed_at=func.now()))
        return rows

    outbox.take = confirm


def relay_by_last_serial() -> None:
    """New events are those with a higher serial than the last one that was seen."""
    seen: dict[str, int] = {}

    taken = outbox._take

    def beyond(tx: Connection, dest: str, batch: int, *, resend: bool) -> Sequence[Any]:
        if dest not in seen:
            sent = select(func.coalesce(func.max(OUTBOX.c.serial), 0)).where(
                OUTBOX.c.dest == dest, OUTBOX.c.state != "pending"
            )
            seen[dest] = tx.execute(sent).scalar_one()
        new = (OUTBOX.c.state == "pending") & (OUTBOX.c.serial > seen[dest])
        condition = new | outbox._due if resend else new
        rows = tx.execute(taken(condition), {"to": dest, "limit": batch}).all()
        seen[dest] = max([seen[dest], *(row.serial for row in rows)])
        return sorted(rows, key=lambda row: int(row.serial))

    outbox.take = beyond


def named_exchange() -> None:
    """Messages go to an exchange that lists are bound to, and the binding is a key in Redis."""
    exchange = Exchange("minqing", "direct")
    connect = Bus._connect

    def bind(self: Bus) -> Any:
        connection = connect(self)
        for name in NAMES:
            Queue(bus.queue(name), exchange, routing_key=bus.queue(name))(
                connection.default_channel
            ).declare()
        return connection

    def publish(self: Bus, to: str, frame: dict[str, Any]) -> None:
        with self._connected():
            self.producer.publish(frame, exchange=exchange, routing_key=bus.queue(to), serializer="json")

    Bus._connect, Bus.publish = bind, publish


def receipt_before_commit() -> None:
    """A receipt goes out when an event has arrived, and then it is applied."""
    events = Worker._events

    def receipted(self: Worker, frames: Sequence[Any]) -> Any:
        found = events(self, frames)
        for source, envelopes in found.items():
            self._send_receipt(source, Receipt([envelope.id for envelope in envelopes]))
        time.sleep(COMMIT if found else 0)
        return found

    Worker._events = receipted


def no_signature_check() -> None:
    """Whoever knows the form of a frame is believed."""
    keyring.Signer.check = lambda *_: None


SABOTAGES: Mapping[str, Callable[[], None]] = {
    "no-dedup": no_dedup,
    "confirmed-on-publish": confirmed_on_publish,
    "named-exchange": named_exchange,
    "receipt-before-commit": receipt_before_commit,
    "no-hold": no_hold,
    "relay-by-last-serial": relay_by_last_serial,
    "no-signature-check": no_signature_check,
}

if __name__ == "__main__":
    SABOTAGES[sys.argv[1]]()
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
