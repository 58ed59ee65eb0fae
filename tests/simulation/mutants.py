"""The rules with one protection removed each: what the simulation must find, or it proves nothing.

A mutant replaces functions of the specification, and names the faults that suffice to find it. `SUFFICIENT`
is the reverse: what still protects alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from shared import delivery
from shared.delivery import Decision
from tests.simulation import consumer, nemesis, producer, protocol
from tests.simulation.consumer import Commits, Killed, T
from tests.simulation.state import Envelope, Moment, Receipt, Said, State
from tests.simulation.world import Action

Replaced = Mapping[tuple[Any, str], Callable[..., Any]]


@dataclass(frozen=True)
class Mutant:
    """What is replaced, and the faults in whose world it shows."""

    replaced: Replaced
    faults: Sequence[Action] = nemesis.FAULTS


def _again(position: int, sequence: int) -> Decision:
    return Decision.HOLD if sequence > position + 1 else Decision.APPLY


def _all_new(_: State, known: Sequence[Envelope]) -> tuple[Receipt, list[Envelope]]:
    return Receipt(), list(known)


def _no_hold(position: int, sequence: int) -> Decision:
    return Decision.DUPLICATE if sequence <= position else Decision.APPLY


def _confirmed(_: State, row: Said, at: Moment) -> Said:
    return replace(row, state="confirmed", attempts=row.attempts + 1)


def _receipt_first(state: State, source: str, events: list[Envelope], at: Moment) -> Commits[State]:
    commits, before = consumer.accept(state, source, events, at), state
    later: list[Any] = []
    try:
        state, receipt = yield from _collected(commits, later)
    except Killed:
        yield from later
        raise
    if receipt:
        yield before, (protocol.frame(before, source, "receipts", receipt),)
    yield from later
    return state


def _collected(commits: Commits[T], into: list[Any]) -> Commits[T]:
    """Run what commits to its end, but keep what it commits for later."""
    while True:
        try:
            into.append(next(commits))
        except StopIteration as end:
            result: T = end.value
            return result
        yield from ()


_take = producer.take


def _by_serial(state: State, dest: str, at: Moment, **how: Any) -> tuple[State, list[Said]]:
    """What was never sent is looked for above the last serial only; the worker remembers that."""
    last = state.memory.last_serial
    unseen = {key: row for key, row in state.outbox.items() if row.state != "pending" or row.serial > last}
    taken, rows = _take(replace(state, outbox=unseen), dest, at, **how)
    return replace(taken, outbox={**state.outbox, **taken.outbox}), rows


_relay_of = protocol.relay


def _remember_serial(state: State, given: Any, at: Moment) -> Commits[None]:
    for kept, frames in _relay_of(state, given, at):
        sent = [row.serial for row in kept.outbox.values() if row.state != "pending"]
        yield replace(kept, memory=replace(kept.memory, last_serial=max(sent, default=0))), frames


def _deaf(state: State, *_: Any) -> State:
    return state


def _yes(*_: Any) -> bool:
    return True


NO_TIMER: Replaced = {(producer, "due"): producer.never}
NO_EPOCH: Replaced = {(protocol, "another_epoch"): _deaf}
NO_HELLO: Replaced = {(protocol, "greeted"): _deaf}
PIPE: Sequence[Action] = (nemesis.lose, nemesis.reorder, nemesis.repeat)
DEATHS: Sequence[Action] = (nemesis.crash, nemesis.die)

MUTANTS: Mapping[str, Mutant] = {
    "no de-duplication": Mutant({(delivery, "decide"): _again, (consumer, "remembered"): _all_new}),
    "no position, only the inbox": Mutant({(delivery, "decide"): _again}),
    "confirmed on publish": Mutant({(producer, "marked"): _confirmed}),
    "receipt before commit": Mutant({(protocol, "answer"): _receipt_first}, (nemesis.die,)),
    "no hold": Mutant({(delivery, "decide"): _no_hold}),
    "relay by last serial": Mutant(
        {(producer, "take"): _by_serial, (protocol, "relay"): _remember_serial}, ()
    ),
    "no timer": Mutant(NO_TIMER, PIPE),
    "no epoch, no timer": Mutant({**NO_TIMER, **NO_EPOCH}, (nemesis.wipe,)),
    "no hello, no timer": Mutant({**NO_TIMER, **NO_HELLO}, DEATHS),
    "no signature check": Mutant({(protocol, "genuine"): _yes}),
    "other lives are heard": Mutant({(protocol, "of_this_life"): _yes}),
    "tries are not counted": Mutant({(consumer, "counted"): lambda attempts: attempts}, (nemesis.sicken,)),
    "parked for ever": Mutant({(producer, "asked_again"): producer.never}),
    "what waits behind parked fills the window": Mutant({(producer, "passable"): list}, (nemesis.sicken,)),
}

# The timer mends every loss in time; these mend their own at once, also without it.
SUFFICIENT: Mapping[str, Mutant] = {
    "the epoch, against a wipe": Mutant(NO_TIMER, (nemesis.wipe,)),
    "the hello, against a death": Mutant(NO_TIMER, DEATHS),
    "the timer, against all": Mutant({**NO_EPOCH, **NO_HELLO}),
}


@contextmanager
def removed(mutant: Mutant) -> Iterator[None]:
    """Let the specification be the mutant for a while."""
    kept = [(place, name, getattr(place, name)) for place, name in mutant.replaced]
    try:
        for (place, name), function in mutant.replaced.items():
            setattr(place, name, function)
        yield
    finally:
        for place, name, function in kept:
            setattr(place, name, function)
