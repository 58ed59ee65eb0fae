"""The process beside each service: sends what the outbox holds, applies what arrives, and lets time pass.

One loop, one thread. Each round: listen a moment, apply and answer with receipts, send what waits, and
every second run the service's ticks. The broker or the database may go away at any time; the round then
ends early and the next one starts over from what PostgreSQL remembers.
"""

import signal
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from shared import (
    bus,
    contracts,
    database,
    delivery,
    inbox,
    keyring,
    outbox,
    reconcile,
    service,
    telemetry,
    wire,
)
from shared.bus import Bus
from shared.inbox import Consumes, Door, Receipt
from shared.service import Service
from shared.wire import Envelope, Frame, Postmark, Unreadable

Tick = Callable[[Service], None]

BATCH = 100  # events in one message
MESSAGES = 20  # messages taken in one round
LISTEN = 0.1  # seconds to wait for the first
PAUSE = 0.5  # seconds after a failed round
TICK = 1.0  # seconds between ticks


class Worker:
    """The worker of one service."""

    def __init__(
        self, given: Service, consumes: Consumes, ticks: Sequence[Tick] = (), listen: float = LISTEN
    ) -> None:
        secrets = given.settings.secrets
        self.service = given
        self.door = Door(given, consumes)
        self.ticks = ticks
        self.listen = listen
        self.postmark = Postmark(keyring.signer(secrets, given.name), keyring.seal(secrets, "bus"))
        self.bus = Bus(given.settings.redis_url or "", given.name)
        self.sources = contracts.sources_of(given.name)
        self.readers = contracts.readers_of(given.name)
        self.epoch: str | None = None
        self.greeted = False
        self.next_tick = 0.0
        self.stopping = False

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; then finish the round and return."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        telemetry.log.info("worker started", sources=self.sources, readers=self.readers)
        while not self.stopping:
            self.round()

    def round(self) -> None:
        """One round of everything; a part that fails is logged and comes again in the next."""
        worked = [self._guard(part) for part in (self._listen, self._relay, self._tick)]
        if not all(worked) and not self.stopping:
            time.sleep(PAUSE)

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _guard(self, part: Callable[[], None]) -> bool:
        try:
            part()
        except (bus.Down, *database.Down) as error:
            telemetry.log.warning("will try again", part=part.__name__, error=str(error).splitlines()[0])
            return False
        return True

    def _listen(self) -> None:
        if not self.greeted:
            self._greet()
        frames = self._opened(self.bus.receive(MESSAGES, self.listen))
        for frame in frames:
            self._hear(frame)
        for source, envelopes in self._events(frames).items():
            self._send_receipt(source, self.door.accept(source, envelopes))

    def _hear(self, frame: Frame) -> None:
        """Do what a frame asks for at once; events are applied together afterwards."""
        if frame.kind == "hello":
            self._reopen(frame.sender)
        elif frame.kind == "receipts":
            self._settle(frame)
        elif frame.kind == "digests":
            self._compare(frame)

    def _greet(self) -> None:
        """Tell the sources that we have just started: what a dead predecessor had taken is to come again."""
        for source in self.sources:
            self._publish(source, "hello", {})
        self.greeted = True

    def _opened(self, messages: Sequence[Any]) -> list[Frame]:
        frames = []
        for message in messages:
            try:
                frames.append(self.postmark.open(message))
            except Unreadable as error:
                self._quarantine(message, error)
        return frames

    def _events(self, frames: Sequence[Frame]) -> dict[str, list[Envelope]]:
        """The envelopes in all event frames, by source."""
        events: dict[str, list[Envelope]] = defaultdict(list)
        for frame in frames:
            for raw in frame.body if frame.kind == "events" else ():
                try:
                    events[frame.sender].append(wire.envelope(raw, frame.sender))
                except Unreadable as error:
                    self._quarantine(raw, error)
        return events

    def _quarantine(self, content: Any, error: Unreadable) -> None:
        with self.service.transaction() as tx:
            inbox.quarantine(tx, content, error)

    def _settle(self, frame: Frame) -> None:
        with self.service.transaction() as tx:
            outbox.settle(tx, frame.sender, frame.body["applied"], frame.body["parked"])

    def _compare(self, frame: Frame) -> None:
        with self.service.transaction() as tx:
            reconcile.compare(tx, frame.sender, frame.body)

    def _send_receipt(self, source: str, receipt: Receipt) -> None:
        if receipt.applied or receipt.parked:
            body = {"applied": receipt.applied, "parked": receipt.parked}
            self._publish(source, "receipts", body)

    def _publish(self, to: str, kind: str, body: Any) -> None:
        self.bus.publish(to, self.postmark.close(to, kind, body))

    def _relay(self) -> None:
        epoch = self.bus.epoch()
        if epoch != self.epoch:
            self._reopen(None)
            self.epoch = epoch
        for dest in self.readers:
            resend = self.bus.backlog(dest) <= delivery.GATE
            while self._send(dest, resend=resend) == BATCH:
                pass

    def _send(self, dest: str, *, resend: bool) -> int:
        """Mark a batch sent, then send it: dying in between costs a delay, never an event."""
        with self.service.transaction() as tx:
            rows = outbox.take(tx, dest, BATCH, resend=resend)
        if rows:
            self._publish(dest, "events", [outbox.envelope(self.service.name, row) for row in rows])
        return len(rows)

    def _reopen(self, dest: str | None) -> None:
        with self.service.transaction() as tx:
            opened = outbox.reopen(tx, dest)
        telemetry.log.info("sending again", dest=dest or "all", rows=opened)

    def _tick(self) -> None:
        if time.monotonic() < self.next_tick:
            return
        self.next_tick = time.monotonic() + TICK
        for source, receipt in self.door.drain().items():
            self._send_receipt(source, receipt)
        self._tell_days()
        for tick in self.ticks:
            tick(self.service)

    def _tell_days(self) -> None:
        """Once a night, tell the readers what we said, so that they compare it with what they heard."""
        with self.service.transaction() as tx:
            if reconcile.take_turn(tx, self.sources, self.service.calendar.timezone):
                self.bus.epoch()  # a broker that is away ends it here: the turn is not taken, nothing is read
                for dest in self.readers:
                    self._publish(dest, "digests", reconcile.digests(tx, dest))


def run(name: str, consumes: Consumes, ticks: Sequence[Tick] = ()) -> None:
    """Start the worker of service `name` from the environment and work until told to stop."""
    telemetry.configure(name, "worker")
    given = service.start(name)
    if given.settings.durable:
        database.require_durable(given.engine)
    Worker(given, consumes, ticks).run()
