"""The process beside each service: sends what the outbox holds, applies what arrives, and lets time pass.

One loop, one thread. Each round: listen a moment, apply and answer with receipts, send what waits, and
every second run the service's ticks. The broker or the database may go away at any time; the round then
ends early and the next one starts over from what PostgreSQL remembers.

It watches over itself. Canaries that it sends to itself by way of the broker show that it still hears; a
deaf worker ends, and so does one whose round does not end; whoever started it starts it again. A round in
which everything worked is a sign of life (`heartbeat`).
"""

import faulthandler
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cached_property, partial
from typing import Any

from shared import (
    bus,
    contracts,
    database,
    delivery,
    heartbeat,
    inbox,
    incarnation,
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
BEAT = 5.0  # seconds between signs of life
HUNG = 120  # seconds that a round may take before the process ends itself


class Deaf(Exception):
    """The worker hears nothing although the broker takes what it says; another process will hear."""


class Worker:
    """The worker of one service."""

    def __init__(
        self, given: Service, consumes: Consumes, ticks: Sequence[Tick] = (), listen: float = LISTEN
    ) -> None:
        self.service = given
        self.door = Door(given, consumes)
        self.ticks = ticks
        self.listen = listen
        self.bus = Bus(given.settings.redis_url or "", given.name)
        self.sources = contracts.sources_of(given.name)
        self.readers = contracts.readers_of(given.name)
        self.epoch: str | None = None
        self.greeted = False
        self.next_tick = self.next_canary = self.next_beat = 0.0
        self.unheard = 0  # canaries since anything was heard
        self.stopping = False

    @cached_property
    def postmark(self) -> Postmark:
        """What this process signs with, in the life of the database that it was started in."""
        secrets = self.service.settings.secrets
        with self.service.reading() as connection:
            life = incarnation.get(connection)
        return Postmark(keyring.signer(secrets, self.service.name), keyring.seal(secrets, "bus"), life)

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; then finish the round and return. Raises Deaf."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        telemetry.log.info("worker started", sources=self.sources, readers=self.readers)
        try:
            while not self.stopping:
                faulthandler.dump_traceback_later(HUNG, exit=True)  # unless the next round begins in time
                self.round()
        finally:
            faulthandler.cancel_dump_traceback_later()

    def round(self) -> None:
        """One round of everything; a part that fails is logged and comes again in the next. Raises Deaf."""
        worked = [self._guard(name, part) for name, part in self._parts().items()]
        if all(worked):
            self._guard("beat", self._beat)
        elif not self.stopping:
            time.sleep(PAUSE)
        if delivery.is_deaf(self.unheard):
            raise Deaf(f"{self.unheard} canaries sent, nothing heard")

    def _parts(self) -> dict[str, Callable[[], None]]:
        """What there is to do in this round."""
        now = time.monotonic()
        parts: dict[str, Callable[[], None]] = {"listen": self._listen, "relay": self._relay}
        if now >= self.next_tick:
            self.next_tick = now + TICK
            parts |= {"drain": self._drain, "tell days": self._tell_days}
            parts |= {tick.__name__: partial(tick, self.service) for tick in self.ticks}
        if now >= self.next_canary:
            self.next_canary = now + delivery.CANARY
            parts["sing"] = self._sing
        return parts

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _guard(self, name: str, part: Callable[[], None]) -> bool:
        """Do one part of a round; whether it worked. No failure of one part may stop the others."""
        try:
            part()
        except (bus.Down, *database.Down) as error:
            if isinstance(error, bus.Down):
                self.unheard = 0
            telemetry.log.warning("will try again", part=name, error=str(error).splitlines()[0])
        except Exception:  # noqa: BLE001 - a fault of ours: it is shown, and there is no sign of life
            self.bus.close()
            telemetry.log.critical("part failed", part=name, exc_info=True)
        else:
            return True
        return False

    # Hearing

    def _listen(self) -> None:
        if not self.greeted:
            self._greet()
        messages = self.bus.receive(MESSAGES, self.listen)
        if messages:
            self.unheard = 0
        frames = self._opened(messages)
        for frame in frames:
            if hear := self._hears.get(frame.kind):
                hear(frame)
        for source, envelopes in self._events(frames).items():
            self._send_receipt(source, self.door.accept(source, envelopes))

    def _greet(self) -> None:
        """Begin: events of types that this version knows are tried again, and the sources are told that we
        have just started, so that what a dead predecessor had taken comes again."""
        with self.service.transaction() as tx:
            inbox.retry_known(tx, map(contracts.name, self.door.consumes))
        for source in self.sources:
            self._publish(source, "hello", {})
        self.greeted = True

    def _opened(self, messages: Sequence[Any]) -> list[Frame]:
        """The frames in messages, but for what was said in another life; what is not ours is set aside."""
        frames = []
        for message in messages:
            try:
                frames.append(self.postmark.open(message))
            except Unreadable as error:
                self._quarantine(message, error)
        for stale in (frame for frame in frames if not frame.contemporary):
            telemetry.log.warning("said in another life", sender=stale.sender, frame=stale.kind)
        return [frame for frame in frames if frame.contemporary]

    def _quarantine(self, content: Any, error: Unreadable) -> None:
        with self.service.transaction() as tx:
            inbox.quarantine(tx, content, error)

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

    @cached_property
    def _hears(self) -> dict[str, Callable[[Frame], None]]:
        """What is done with a frame that is no events."""
        return {
            "hello": self._on_hello,
            "receipts": self._on_receipts,
            "canary": self._on_canary,
            "digests": self._on_digests,
        }

    def _on_hello(self, frame: Frame) -> None:
        self._reopen(frame.sender)

    def _on_receipts(self, frame: Frame) -> None:
        with self.service.transaction() as tx:
            outbox.settle(tx, frame.sender, frame.body)

    def _on_canary(self, frame: Frame) -> None:
        if frame.sender != self.service.name:
            with self.service.transaction() as tx:
                heartbeat.beat(tx, f"from {frame.sender}")

    def _on_digests(self, frame: Frame) -> None:
        with self.service.transaction() as tx:
            reconcile.compare(tx, frame.sender, frame.body)

    # Saying

    def _send_receipt(self, source: str, receipt: Receipt) -> None:
        body = asdict(receipt)
        if any(body.values()):
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

    # Watching

    def _drain(self) -> None:
        for source, receipt in self.door.drain().items():
            self._send_receipt(source, receipt)

    def _sing(self) -> None:
        """Send a canary to all who hear us, and to ourselves."""
        for to in (*self.readers, self.service.name):
            self._publish(to, "canary", {})
        self.unheard += 1

    def _beat(self) -> None:
        if time.monotonic() >= self.next_beat:
            self.next_beat = time.monotonic() + BEAT
            with self.service.transaction() as tx:
                heartbeat.beat(tx, "worker")

    def _tell_days(self) -> None:
        """Once a night, tell the readers what we said, so that they compare it with what they heard."""
        with self.service.transaction() as tx:
            if reconcile.take_turn(tx, self.sources, self.service.calendar.timezone):
                self.bus.epoch()  # a broker that is away ends it here: the turn is not taken, nothing is read
                for dest in self.readers:
                    self._publish(dest, "digests", reconcile.digests(tx, dest))


def run(name: str, consumes: Consumes, ticks: Sequence[Tick] = ()) -> None:
    """Start the worker of service `name` from the environment and work until told to stop.

    Ends the process with 1 if it has become deaf.
    """
    telemetry.configure(name, "worker")
    given = service.start(name)
    if given.settings.durable:
        database.require_durable(given.engine)
    try:
        Worker(given, consumes, ticks).run()
    except Deaf as error:
        telemetry.log.critical("deaf", error=str(error))
        sys.exit(1)
