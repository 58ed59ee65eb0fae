"""What one service remembers, what travels, and what may happen to it: the nouns of the simulation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared import contracts, delivery

Stream = tuple[str, str]  # (source or destination, grievance)
Place = tuple[str, str, int]  # (source, grievance, sequence)


@dataclass(frozen=True)
class Limits:
    """The bounds of the rules. Worlds take small ones, so that they are reached."""

    window: int = delivery.WINDOW
    gate: int = delivery.GATE
    batch: int = 100  # events in one frame
    hold: float = delivery.MOST_HELD  # events that may be missing before one that is held
    ask_again: float = delivery.PARKED_BACKOFF  # seconds until a parked event is asked for again


@dataclass(frozen=True)
class Moment:
    """What a step does not decide itself: the time, a chance in [0, 1), and which events a handler refuses.

    `ill` says how: `passing` is an unknown error, `permanent` a broken rule, `unknown` a type that only a
    newer version knows, `fatal` ends the process, `cut` loses the database.
    """

    now: float = 0.0
    chance: float = 0.5
    ill: Mapping[str, str] = field(default_factory=dict)


# ------------------------------------------------------------------------------------- what travels


@dataclass(frozen=True)
class Envelope:
    """An event on its way."""

    id: str
    source: str
    subject: str
    sequence: int

    @property
    def stream(self) -> Stream:
        return self.source, self.subject

    @property
    def place(self) -> Place:
        return self.source, self.subject, self.sequence


@dataclass(frozen=True)
class Receipt:
    """What a reader says became of events."""

    applied: tuple[str, ...] = ()
    parked: Mapping[str, str] = field(default_factory=dict)
    discarded: tuple[str, ...] = ()

    def __add__(self, other: "Receipt") -> "Receipt":
        return Receipt(
            self.applied + other.applied, {**self.parked, **other.parked}, self.discarded + other.discarded
        )

    def __bool__(self) -> bool:
        return bool(self.applied or self.parked or self.discarded)


@dataclass(frozen=True)
class Frame:
    """One message on a queue; whoever does not hold the sender's key cannot make it `signed`."""

    sender: str
    to: str
    kind: str  # events, receipts, hello
    body: Any
    incarnation: int
    signed: bool = True


# --------------------------------------------------------------------------------- what is remembered


@dataclass(frozen=True)
class Said:
    """A row of the outbox: pending → sent → confirmed, parked or discarded."""

    id: str
    dest: str
    subject: str
    sequence: int
    serial: int
    state: str = "pending"
    attempts: int = 0
    next_at: float = 0.0
    reason: str | None = None


@dataclass(frozen=True)
class Heard:
    """A row of the inbox: received → applied, held, parked or discarded."""

    event: Envelope
    status: str = "received"
    attempts: int = 1
    reason: str | None = None


@dataclass(frozen=True)
class Memory:
    """What a process knows and loses when it dies."""

    epoch: int | None = None
    greeted: bool = False
    interrupted: frozenset[str] = frozenset()  # events whose counted try the database's absence ended
    last_serial: int = 0  # no rule reads it; the mutant that relays by it does


@dataclass(frozen=True)
class State:
    """One service: its database, and the memory of its worker."""

    name: str
    limits: Limits = Limits()
    incarnation: int = 1
    heads: Mapping[Stream, int] = field(default_factory=dict)
    outbox: Mapping[tuple[str, str], Said] = field(default_factory=dict)  # by id and destination
    positions: Mapping[Stream, int] = field(default_factory=dict)
    inbox: Mapping[Place, Heard] = field(default_factory=dict)
    given_up: frozenset[str] = frozenset()  # parked events that two persons discarded
    effects: tuple[Envelope, ...] = ()  # append-only and without a key: a second application shows
    quarantined: int = 0
    memory: Memory = Memory()

    @property
    def readers(self) -> tuple[str, ...]:
        return contracts.readers_of(self.name)

    @property
    def sources(self) -> tuple[str, ...]:
        return contracts.sources_of(self.name)


# ------------------------------------------------------------------------------------- what happens


@dataclass(frozen=True)
class Say:
    """A transaction commits that said an event; `serial` was drawn when it began."""

    id: str
    serial: int
    subject: str
    dests: tuple[str, ...]


@dataclass(frozen=True)
class Listen:
    """The worker took frames off its queue."""

    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class Relay:
    """The worker looks at what is to be sent; the broker told its epoch and its backlogs."""

    epoch: int
    backlog: Mapping[str, int]


@dataclass(frozen=True)
class Tick:
    """The worker looks at what is held."""


@dataclass(frozen=True)
class Retry:
    """A person opens a parked event again."""

    id: str


@dataclass(frozen=True)
class Discard:
    """Two persons give a parked event up."""

    id: str


@dataclass(frozen=True)
class Prune:
    """Rows of the inbox that were applied long ago are deleted."""


@dataclass(frozen=True)
class Crash:
    """The process dies and another one starts."""


Input = Say | Listen | Relay | Tick | Retry | Discard | Prune | Crash
