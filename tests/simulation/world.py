"""Three services and a pipe that cannot be trusted, deterministic: everything that happens is a choice.

An action asks `choose(n)` for a number below n; a seeded generator or hypothesis answers. After each action
`check` looks for what must never be; `heal` ends the troubles and demands that everything said arrives.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from shared import contracts
from tests.simulation import protocol
from tests.simulation.protocol import crashed
from tests.simulation.state import (
    Discard,
    Frame,
    Input,
    Limits,
    Listen,
    Moment,
    Relay,
    Retry,
    Said,
    Say,
    State,
    Tick,
)

Choose = Callable[[int], int]
NAMES = tuple(contracts.ROUTES)
SMALL = Limits(window=3, gate=3, batch=3, hold=4)
QUIET = 60  # rounds of all services in which a healed world must come to rest
ROUND, HOUR = 40.0, 3600.0  # seconds: longer than any backoff, and than parked events wait


class Broken(AssertionError):
    """A promise was broken."""


@dataclass(frozen=True)
class Saved:
    """A backup of all databases, with the serials that were drawn."""

    states: dict[str, State]
    serial: int


@dataclass
class World:
    """The services, the pipe between them, and what has happened so far."""

    limits: Limits = SMALL
    now: float = 0.0
    epoch: int = 1
    serial: int = 0
    said: int = 0
    states: dict[str, State] = field(default_factory=dict)
    queues: dict[str, list[Frame]] = field(default_factory=lambda: {name: [] for name in NAMES})
    tapped: list[Frame] = field(default_factory=list)  # what an enemy has seen pass
    ill: dict[str, str] = field(default_factory=dict)
    opened: list[tuple[str, Say]] = field(default_factory=list)  # transactions that are not yet committed
    saved: Saved | None = None
    history: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.states = self.states or {name: State(name, self.limits) for name in NAMES}

    def note(self, what: str) -> None:
        """Tell the history what happens."""
        self.history.append(f"{self.now:8.1f}  {what}")

    def give(self, name: str, given: Input, *, chance: float = 0.5, acts: int | None = None) -> None:
        """Let one service do one step, or only its first acts; what it sends is in the pipe then."""
        at = Moment(self.now, chance, self.ill)
        self.states[name], sent = protocol.step(self.states[name], given, at, acts)
        for frame in sent:
            self.queues[frame.to].append(frame)
        self.tapped += sent

    def listen(self, name: str, count: int, acts: int | None = None) -> None:
        """Let a worker take frames off its queue."""
        taken, self.queues[name] = self.queues[name][:count], self.queues[name][count:]
        self.give(name, Listen(tuple(taken)), acts=acts)

    def relay(self, name: str, *, chance: float = 0.5, acts: int | None = None) -> None:
        """Let a worker send."""
        backlog = {dest: len(queue) for dest, queue in self.queues.items()}
        self.give(name, Relay(self.epoch, backlog), chance=chance, acts=acts)

    def round(self, name: str) -> None:
        """Let a worker do all it does."""
        self.listen(name, len(self.queues[name]))
        self.relay(name)
        self.give(name, Tick())

    def crash(self, name: str) -> None:
        """End a process; another one starts."""
        self.states[name] = crashed(self.states[name])

    def rows(self) -> Iterator[tuple[str, Said]]:
        """All rows of all outboxes, with who said them."""
        return ((name, row) for name, state in self.states.items() for row in state.outbox.values())

    def parked(self) -> list[tuple[str, str]]:
        """The parked events that nobody has given up: who parked them, and their ids."""
        return [
            (name, row.event.id)
            for name, state in self.states.items()
            for row in state.inbox.values()
            if row.status == "parked" and row.event.id not in state.given_up
        ]


# --------------------------------------------------------------------------------- what must never be


def check(world: World) -> None:
    """Applied once, in order, and only what was said; confirmed only what was applied."""
    for name in NAMES:
        _once_and_in_order(world, name)
    for source, row in world.rows():
        reader = world.states[row.dest]
        if row.state == "confirmed" and row.sequence > reader.positions.get((source, row.subject), 0):
            raise Broken(f"{row.id} is confirmed to {source}, but {row.dest} has not applied it")
        heard = reader.inbox.get((source, row.subject, row.sequence))
        if row.state == "discarded" and (heard is None or heard.status != "discarded"):
            raise Broken(f"{row.id} is discarded for {source}, but not by {row.dest}")


def _once_and_in_order(world: World, name: str) -> None:
    state = world.states[name]
    reached: dict[tuple[str, str], int] = {}
    passed = {place for place, row in state.inbox.items() if row.status == "discarded"}
    truth = {(source, row.subject, row.sequence): row.id for source, row in world.rows() if row.dest == name}
    for event in state.effects:
        expected = _next(passed, event.stream, reached.get(event.stream, 0))
        if event.sequence != expected:
            raise Broken(f"{name} applied {event} where {expected} was next: twice, or out of order")
        if truth.get(event.place) != event.id:
            raise Broken(f"{name} applied {event}, which was never said")
        reached[event.stream] = event.sequence
    for stream, position in state.positions.items():
        if _next(passed, stream, reached.get(stream, 0)) != position + 1:
            raise Broken(f"{name} is at {position} of {stream}, but applied up to {reached.get(stream, 0)}")


def _next(passed: set[tuple[str, str, int]], stream: tuple[str, str], sequence: int) -> int:
    sequence += 1
    while (*stream, sequence) in passed:
        sequence += 1
    return sequence


# ------------------------------------------------------------------------------------------ the end


def heal(world: World) -> None:
    """End all troubles and let the services run: first with what is parked left alone, then with it mended.

    Raises Broken unless everything said is applied, or parked or discarded by decision, and its row says so.
    """
    world.note("heal")
    for name, given in world.opened:
        world.give(name, given)
    world.opened.clear()
    _run(world, ROUND, _rests)
    world.note("mend and retry everything")
    world.ill.clear()
    _run(world, HOUR, _settled)


def _run(world: World, span: float, done: Callable[[World], bool]) -> None:
    for _ in range(QUIET):
        for name in NAMES:
            world.round(name)
        check(world)
        if done(world):
            return
        world.now += span
        if not world.ill:
            for name, id_ in world.parked():
                world.give(name, Retry(id_))
    open_ = [f"{name}: {row}" for name, row in world.rows() if row.state not in ("confirmed", "discarded")]
    raise Broken("not settled: " + "; ".join(open_))


def _rests(world: World) -> bool:
    """Everything is final, or parked at both ends, or waits behind what is."""
    return all(_final(row) or _waits(world, name, row) for name, row in world.rows())


def _settled(world: World) -> bool:
    return all(_final(row) for _, row in world.rows())


def _final(row: Said) -> bool:
    return row.state in ("confirmed", "discarded")


def _waits(world: World, source: str, row: Said) -> bool:
    inbox = world.states[row.dest].inbox
    upto = (inbox.get((source, row.subject, n)) for n in range(1, row.sequence + 1))
    *before, heard = (each is not None and each.status == "parked" for each in upto)
    return any(before) or (heard and row.state == "parked")


# ------------------------------------------------------------------------------------------- actions

Action = Callable[[World, Choose], None]


def say(world: World, choose: Choose) -> None:
    """A transaction begins and commits, saying an event."""
    begin(world, choose)
    if world.opened:
        _commit(world, len(world.opened) - 1)


def begin(world: World, choose: Choose) -> None:
    """A transaction begins; it holds the stream until it commits."""
    name, subject = NAMES[choose(3)], f"g{choose(2)}"
    if any((name, subject) == (other, given.subject) for other, given in world.opened):
        return
    dests = world.states[name].readers
    world.serial, world.said = world.serial + 1, world.said + 1
    given = Say(f"e{world.said}", world.serial, subject, dests[: 1 + choose(2)])
    world.opened.append((name, given))
    world.note(f"{name} begins {given}")


def commit(world: World, choose: Choose) -> None:
    """An open transaction commits, in whatever order."""
    if world.opened:
        _commit(world, choose(len(world.opened)))


def _commit(world: World, index: int) -> None:
    name, given = world.opened.pop(index)
    world.note(f"{name} commits {given.id}")
    world.give(name, given)


def roll_back(world: World, choose: Choose) -> None:
    """An open transaction is undone: it said nothing."""
    if world.opened:
        name, given = world.opened.pop(choose(len(world.opened)))
        world.note(f"{name} rolls {given.id} back")


def listen(world: World, choose: Choose) -> None:
    """A worker takes what lies in its queue, or some of it."""
    name, count = NAMES[choose(3)], (20, 1, 3)[choose(3)]
    world.note(f"{name} listens to {count}")
    world.listen(name, count)


def relay(world: World, choose: Choose) -> None:
    """A worker sends what is to be sent."""
    name, chance = NAMES[choose(3)], (0.5, 0.0, 0.999)[choose(3)]
    world.note(f"{name} relays")
    world.relay(name, chance=chance)


def tick(world: World, choose: Choose) -> None:
    """A worker drains what it holds."""
    name = NAMES[choose(3)]
    world.note(f"{name} ticks")
    world.give(name, Tick())


def turn(world: World, choose: Choose) -> None:
    """Nothing goes wrong for a while: each worker, from any on, does a whole round."""
    first = choose(3)
    world.note(f"a round of all, from {NAMES[first]} on")
    for name in NAMES[first:] + NAMES[:first]:
        world.round(name)


def wait(world: World, choose: Choose) -> None:
    """Time passes."""
    span = (1.0, 6.0, 40.0, 900.0)[choose(4)]
    world.now += span
    world.note(f"{span} s pass")


def mend(world: World, choose: Choose) -> None:
    """What made an event ill is repaired."""
    if world.ill:
        id_ = sorted(world.ill)[choose(len(world.ill))]
        del world.ill[id_]
        world.note(f"{id_} is mended")


def retry(world: World, choose: Choose) -> None:
    """A person opens a parked event again."""
    if parked := world.parked():
        name, id_ = parked[choose(len(parked))]
        world.note(f"{name} retries {id_}")
        world.give(name, Retry(id_))


def discard(world: World, choose: Choose) -> None:
    """Two persons give a parked event up."""
    if parked := world.parked():
        name, id_ = parked[choose(len(parked))]
        world.note(f"{name} discards {id_}")
        world.give(name, Discard(id_))


LIFE: tuple[Action, ...] = (
    say, begin, commit, roll_back, listen, relay, tick, turn, wait, mend, retry, discard,
)  # fmt: skip
