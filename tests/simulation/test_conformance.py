"""The same inputs, given to the specification and to the real outbox and inbox: the same states."""

from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from services.routing import store
from services.routing.domain import Entry
from shared import contracts, delivery, inbox, outbox, wire
from shared.contracts import GrievanceRegistered
from shared.inbox import Door
from shared.problems import Conflict
from shared.service import Service
from tests.shared import said
from tests.shared.said import AT, FIRST, SECOND
from tests.simulation import consumer, producer
from tests.simulation.consumer import Away, Killed, T
from tests.simulation.protocol import crashed
from tests.simulation.state import Envelope, Limits, Moment, Receipt, Say, State
from tests.world import World

LIMITS = Limits(window=4, hold=2)
DESTS = ("oversight", "routing")


class Ended(BaseException):
    """Stands for the end of the process: nobody catches it, and the transaction is lost."""


ILLNESSES: dict[str, BaseException] = {
    "permanent": Conflict(),
    "passing": ZeroDivisionError(),
    "unknown": wire.Unreadable("type-unknown", "of a later version"),
    "fatal": Ended(),
    "cut": OperationalError("", {}, OSError()),
}
ENDS: dict[type[Exception], type[BaseException]] = {Killed: Ended, Away: OperationalError}
EFFECTS = "SELECT number, CAST(words->>'n' AS int) FROM ledger_entry WHERE ledger_entry.n >"
SEEDS, STEPS = 20, 100


def _returned(commits: Generator[Any, None, tuple[State, T]]) -> tuple[State, T | None, Any]:
    """The last state that was committed, what came of it, and what ended it if nothing did."""
    state = None
    try:
        while True:
            state, _ = next(commits)
    except StopIteration as end:
        return (*end.value, None)
    except (Killed, Away) as end:
        assert state is not None
        return crashed(state) if isinstance(end, Killed) else state, None, ENDS[type(end)]


def _sorted(receipt: inbox.Receipt | Receipt) -> tuple[Any, ...]:
    return sorted(receipt.applied), dict(receipt.parked), sorted(receipt.discarded)


class Real:
    """Intake as producer and routing as consumer, on PostgreSQL."""

    def __init__(self, world: World) -> None:
        self.intake, self.routing = world.services["intake"], world.services["routing"]
        self.ill: dict[int, str] = {}
        self.start_again()
        self.run(self.intake, "DELETE FROM outbox")
        self.run(self.intake, "DELETE FROM stream_head")
        self.run(self.routing, "DELETE FROM inbox")
        self.run(self.routing, "DELETE FROM stream_position")
        self.start = self.rows(self.routing, "SELECT coalesce(max(n), 0) FROM ledger_entry")[0][0]

    def start_again(self) -> None:
        """Another process does the work from now on."""
        self.door = Door(self.routing, {GrievanceRegistered: self.handle})

    def run(self, service: Service, statement: str) -> None:
        with service.transaction() as tx:
            tx.execute(text(statement))

    def rows(self, service: Service, query: str) -> list[tuple[Any, ...]]:
        with service.transaction() as tx:
            return [tuple(row) for row in tx.execute(text(query))]

    def handle(self, _: Service, tx: Connection, events: Sequence[GrievanceRegistered]) -> None:
        """The effect is a line in a ledger that has no key; then the event may fail."""
        for event in events:
            n = event.petitioners
            store.note(tx, [Entry(event.number, "test", "effect", {"n": str(n)}, AT, "test")])
            if n in self.ill:
                raise ILLNESSES[self.ill[n]]

    def said(self) -> Any:
        """The outbox, comparable."""
        columns = "event_id::text, dest, subject, sequence, state, attempts, park_reason"
        due = "state NOT IN ('sent', 'parked') OR next_at <= now()"
        return self.rows(self.intake, f"SELECT {columns}, {due} FROM outbox ORDER BY event_id, dest")

    def heard(self) -> Any:
        """The inbox, the positions and the effects, comparable."""
        columns = "subject, sequence, event_id::text, status, attempts, reason"
        queries = (
            f"SELECT {columns} FROM inbox ORDER BY subject, sequence",
            "SELECT subject, n FROM stream_position ORDER BY subject",
            f"{EFFECTS} {self.start} ORDER BY number, ledger_entry.n",
        )
        with self.routing.transaction() as tx:
            return [[tuple(row) for row in tx.execute(text(query))] for query in queries]


class Twins:
    """Every action does the same to both, and compares what they answer."""

    def __init__(self, world: World, chance: Random) -> None:
        self.chance = chance
        self.real = Real(world)
        self.intake, self.routing = State("intake", LIMITS), State("routing", LIMITS)
        self.now = 1.0
        self.ids: list[str] = []  # of the n-th event that was said
        self.travelling: list[wire.Envelope] = []
        self.receipts: list[inbox.Receipt] = []

    def at(self) -> Moment:
        return Moment(self.now, 0.5, {self.ids[n]: illness for n, illness in self.real.ill.items()})

    # --------------------------------------------------------------------------------- as producer

    def say(self) -> None:
        subject, count, first = self.chance.choice([FIRST, SECOND]), self.chance.randint(1, 3), len(self.ids)
        with self.real.intake.transaction() as tx:
            outbox.add(tx, *[said.registered(subject, petitioners=n) for n in range(first, first + count)])
        query = "SELECT event_id::text, serial FROM outbox WHERE dest = 'routing' ORDER BY serial"
        for id_, serial in self.real.rows(self.real.intake, query)[first:]:
            self.ids.append(id_)
            self.intake = producer.say(self.intake, Say(id_, serial, subject, DESTS))

    def say_and_roll_back(self) -> None:
        with pytest.raises(ZeroDivisionError), self.real.intake.transaction() as tx:
            outbox.add(tx, said.registered(FIRST))
            raise ZeroDivisionError

    def take(self) -> None:
        dest, batch = self.chance.choice(("oversight", *["routing"] * 4)), self.chance.randint(1, 5)
        resend = self.chance.random() < 0.8
        with self.real.intake.transaction() as tx:
            rows = outbox.take(tx, dest, batch, resend=resend)
        self.intake, taken = producer.take(self.intake, dest, self.at(), resend=resend, batch=batch)
        assert [(str(row.event_id), row.sequence, row.attempts) for row in rows] == [
            (row.id, row.sequence, row.attempts) for row in taken
        ]
        later = "UPDATE outbox SET next_at = now() + interval '1 hour' WHERE next_at > now()"
        self.real.run(self.real.intake, later)  # however slow it is here, time passes only when it is told
        if dest == "routing":
            self.travelling += [wire.envelope(outbox.envelope("intake", row), "intake") for row in rows]

    def time_passes(self) -> None:
        self.now += 3_600.0
        self.real.run(self.real.intake, "UPDATE outbox SET next_at = now() WHERE state IN ('sent', 'parked')")

    def reopen(self) -> None:
        dest = self.chance.choice([*DESTS, None])
        with self.real.intake.transaction() as tx:
            outbox.reopen(tx, dest)
        self.intake = producer.reopen(self.intake, dest, self.now)

    def settle(self) -> None:
        """A receipt comes, often late; now and then one that does not speak for its sender."""
        if not self.receipts:
            return
        receipt = self.chance.choice((self.receipts, self.receipts[-3:])[self.chance.random() < 0.5])
        self._settle(self.chance.choice(("oversight", *["routing"] * 5)), receipt)

    def _settle(self, dest: str, receipt: inbox.Receipt) -> None:
        with self.real.intake.transaction() as tx:
            outbox.settle(tx, dest, asdict(receipt))
        told = Receipt(tuple(receipt.applied), receipt.parked, tuple(receipt.discarded))
        self.intake = producer.settle(self.intake, dest, told, self.at())

    # --------------------------------------------------------------------------------- as consumer

    def arrive(self) -> None:
        """What was sent arrives in any order, twice, again; mostly what has not had its effect."""
        done = {event.id for event in self.routing.effects}
        fresh = [envelope for envelope in self.travelling if envelope.id not in done]
        pool = fresh if fresh and self.chance.random() < 0.8 else self.travelling
        if not pool:
            return
        near = pool[:6] if self.chance.random() < 0.7 else pool[-6:]
        self._arrive(self.chance.choices(near, k=self.chance.randint(1, 4)))

    def insist(self) -> None:
        """One event that could not be applied comes again and again, as the timer sends it."""
        tried = {row.event.id for row in self.routing.inbox.values() if row.status == "received"}
        for envelope in [each for each in self.travelling if each.id in tried][:1]:
            for _ in range(self.chance.randint(1, delivery.MAX_ATTEMPTS)):
                self._arrive([envelope])

    def _arrive(self, envelopes: list[wire.Envelope]) -> None:
        events = [Envelope(e.id, e.source, e.subject, e.sequence) for e in envelopes]
        self.routing, expected, ended = _returned(consumer.accept(self.routing, "intake", events, self.at()))
        self._compare(lambda: self.real.door.accept("intake", envelopes), expected, ended=ended)

    def drain(self) -> None:
        if {"fatal", "cut"} & {*self.real.ill.values()}:
            return  # what is ready has no order among grievances, so what ends it first is open
        self.routing, expected, ended = _returned(consumer.drain(self.routing, self.at()))
        told = (expected or {}).get("intake", Receipt())
        self._compare(lambda: self.real.door.drain().get("intake", inbox.Receipt()), told, ended=ended)

    def learn(self) -> None:
        """The producer hears all receipts there are, in any order, and sends what is due then."""
        for receipt in self.chance.sample(self.receipts, len(self.receipts)):
            self._settle("routing", receipt)
        self.time_passes()
        self.take()

    def _compare(
        self, do: Callable[[], inbox.Receipt], expected: Receipt | None, *, ended: type[BaseException] | None
    ) -> None:
        if ended is not None or expected is None:
            with pytest.raises(ended or Ended):
                do()
            if ended is Ended:
                self.real.start_again()
            return
        receipt = do()
        self.receipts.append(receipt)
        assert _sorted(receipt) == _sorted(expected)

    def start_again(self) -> None:
        """The process ends and one of a newer version starts, which knows all types."""
        self.real.ill = {n: illness for n, illness in self.real.ill.items() if illness != "unknown"}
        self.real.start_again()
        with self.real.routing.transaction() as tx:
            inbox.retry_known(tx, [contracts.name(GrievanceRegistered)])
        self.routing = consumer.retry_known(crashed(self.routing), self.at())

    def retry(self) -> None:
        """Mostly of what is parked."""
        parked = [row.event.id for row in self.routing.inbox.values() if row.status == "parked"]
        if not self.ids:
            return
        id_ = self.chance.choice(parked or self.ids)
        with self.real.routing.transaction() as tx:
            assert inbox.retry(tx, id_) == bool(parked)
        self.routing = consumer.retry(self.routing, id_)

    def upgrade(self) -> None:
        """Something arrives that only the newer version knows, which starts then."""
        done = {event.id for event in self.routing.effects}
        for envelope in [each for each in self.travelling if each.id not in done][:1]:
            self.real.ill[self.ids.index(envelope.id)] = "unknown"
            self._arrive([envelope])
        self.start_again()

    def discard(self) -> None:
        """Two persons give up what is parked, and see it discarded if it is its turn."""
        parked = [row.event.id for row in self.routing.inbox.values() if row.status == "parked"]
        if asked := [id_ for id_ in parked if id_ not in self.routing.given_up]:
            id_ = self.chance.choice(asked)
            with self.real.routing.transaction() as tx:
                inbox.ask_to_discard(tx, id_, "x", "one")
                inbox.confirm_discard(tx, id_, "another")
            self.routing = consumer.discard(self.routing, id_)
            self.mend()
            self.drain()
            self.settle()

    def repair(self) -> None:
        """What a person does about a parked event: mend, try it again, see it confirmed."""
        self.mend()
        self.retry()
        self.drain()
        self.settle()

    def prune(self) -> None:
        self.real.run(self.real.routing, "DELETE FROM inbox WHERE status = 'applied'")
        self.routing = consumer.prune(self.routing)

    def sicken(self) -> None:
        """One of the events that have not had their effect falls ill."""
        done = {event.id for event in self.routing.effects}
        if healthy := [n for n, id_ in enumerate(self.ids) if id_ not in done]:
            self.real.ill[self.chance.choice(healthy)] = self.chance.choice(sorted(ILLNESSES))

    def mend(self) -> None:
        self.real.ill.clear()

    # ------------------------------------------------------------------------------------ the same

    def compare(self) -> None:
        """After each step, everything that is remembered."""
        self._compare_said()
        self._compare_heard()

    def _compare_said(self) -> None:
        rows = sorted(self.intake.outbox.values(), key=lambda row: (row.id, row.dest))
        expected = [
            (r.id, r.dest, r.subject, r.sequence, r.state, r.attempts, r.reason)
            + (r.state not in ("sent", "parked") or r.next_at <= self.now,)
            for r in rows
        ]
        assert self.real.said() == expected

    def _compare_heard(self) -> None:
        rows = [
            (r.event.subject, r.event.sequence, r.event.id, r.status, r.attempts, r.reason)
            for _, r in sorted(self.routing.inbox.items())
        ]
        positions = sorted((subject, n) for (_, subject), n in self.routing.positions.items())
        effects: dict[str, list[int]] = defaultdict(list)
        for event in self.routing.effects:
            effects[event.subject].append(self.ids.index(event.id))
        ordered = [(subject, n) for subject in sorted(effects) for n in effects[subject]]
        assert self.real.heard() == [rows, positions, ordered]


Action = Callable[[Twins], None]
ACTIONS: dict[Action, int] = {
    Twins.arrive: 6,
    Twins.take: 4,
    Twins.settle: 4,
    Twins.drain: 2,
    Twins.sicken: 4,
    Twins.insist: 2,
    Twins.learn: 1,
    Twins.repair: 1,
    Twins.start_again: 1,
    Twins.upgrade: 1,
    Twins.discard: 1,
    **dict.fromkeys((Twins.say, Twins.say_and_roll_back, Twins.time_passes, Twins.reopen), 1),
    **dict.fromkeys((Twins.retry, Twins.prune, Twins.mend), 1),
}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_real_outbox_and_inbox_do_what_the_specification_says(
    seed: int, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "WINDOW", LIMITS.window)
    monkeypatch.setattr(delivery, "MOST_HELD", LIMITS.hold)
    chance = Random(seed)
    twins = Twins(world, chance)
    often = [usual * chance.choice((0.3, 1, 3)) for usual in ACTIONS.values()]  # each seed is its own weather
    for action in chance.choices([*ACTIONS], often, k=STEPS):
        action(twins)
        twins.compare()
