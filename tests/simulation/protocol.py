"""The rules of delivery as one pure function: the executable specification of the worker.

`step(state, input, at)` gives a service's next state and the frames that leave it. On the way it commits
transactions and sends frames, in turn; a world may stop it after any of these acts, as a crash or a lost
connection does.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from tests.simulation import consumer, producer
from tests.simulation.consumer import Commits, Killed
from tests.simulation.state import (
    Crash,
    Discard,
    Envelope,
    Frame,
    Input,
    Listen,
    Memory,
    Moment,
    Prune,
    Relay,
    Retry,
    Say,
    State,
    Tick,
)

Step = tuple[State, tuple[Frame, ...]]


def step(state: State, given: Input, at: Moment, acts: int | None = None) -> Step:
    """One input: whole, or only its first `acts`: commit, send, commit, send, …"""
    sent: tuple[Frame, ...] = ()
    last: tuple[Frame, ...] = ()
    commits = HAPPENS[type(given)](state, given, at)
    try:
        for committed, frames in islice(commits, None if acts is None else (acts + 1) // 2):
            state, last = committed, frames
            sent += frames
    except Killed:
        return crashed(state), sent
    return state, sent if acts is None or acts % 2 == 0 else sent[: len(sent) - len(last)]


def crashed(state: State) -> State:
    """The service as another process finds it."""
    return replace(state, memory=Memory())


def _listen(state: State, given: Listen, at: Moment) -> Commits[None]:
    if not state.memory.greeted:
        state = known_again(state, at)
        yield state, tuple(frame(state, source, "hello", None) for source in state.sources)
        state = replace(state, memory=replace(state.memory, greeted=True))
        yield state, ()
    ours = [each for each in given.frames if genuine(each)]
    state = replace(state, quarantined=state.quarantined + len(given.frames) - len(ours))
    frames = [each for each in ours if of_this_life(state, each)]
    for each in frames:
        state = noted(state, each, at)
        yield state, ()
    for source, events in _events(frames).items():
        state = yield from answer(state, source, events, at)


def genuine(each: Frame) -> bool:
    """Whether a frame is from who it says; anything else goes to quarantine."""
    return each.signed


def of_this_life(state: State, each: Frame) -> bool:
    """Whether a frame was sent since the databases were last restored; what is older is not heard."""
    return each.incarnation == state.incarnation


def noted(state: State, each: Frame, at: Moment) -> State:
    """What a frame means for the outbox."""
    if each.kind == "hello":
        return greeted(state, each.sender, at)
    return producer.settle(state, each.sender, each.body, at) if each.kind == "receipts" else state


def known_again(state: State, at: Moment) -> State:
    """A new process may be of a newer version: it opens what an older one did not know."""
    return consumer.retry_known(state, at)


def greeted(state: State, sender: str, at: Moment) -> State:
    """A reader has just started: whatever the dead one had taken is due now."""
    return producer.reopen(state, sender, at.now)


def _events(frames: Iterable[Frame]) -> dict[str, list[Envelope]]:
    events: dict[str, list[Envelope]] = {}
    for each in frames:
        if each.kind == "events":
            events.setdefault(each.sender, []).extend(each.body)
    return events


def answer(state: State, source: str, events: list[Envelope], at: Moment) -> Commits[State]:
    """Accept events; only after the commit does their receipt go back."""
    state, receipt = yield from consumer.accept(state, source, events, at)
    if receipt:
        yield state, (frame(state, source, "receipts", receipt),)
    return state


def relay(state: State, given: Relay, at: Moment) -> Commits[None]:
    if given.epoch != state.memory.epoch:
        state = another_epoch(state, at)
        state = replace(state, memory=replace(state.memory, epoch=given.epoch))
        yield state, ()
    for dest in state.readers:
        state = yield from _send(state, dest, at, resend=given.backlog[dest] <= state.limits.gate)


def another_epoch(state: State, at: Moment) -> State:
    """Redis was wiped or replaced, or this process is new: whatever was sent may be gone."""
    return producer.reopen(state, None, at.now)


def _send(state: State, dest: str, at: Moment, *, resend: bool) -> Commits[State]:
    """Mark batches sent, then send them."""
    batch = full = state.limits.batch
    while full == batch:
        state, rows = producer.take(state, dest, at, resend=resend, batch=batch)
        if rows:
            body = tuple(producer.envelope(state, row) for row in rows)
            yield state, (frame(state, dest, "events", body),)
        full = len(rows)
    return state


def _tick(state: State, _: Tick, at: Moment) -> Commits[None]:
    state, receipts = yield from consumer.drain(state, at)
    for source, receipt in receipts.items():
        yield state, (frame(state, source, "receipts", receipt),)


def frame(state: State, to: str, kind: str, body: Any) -> Frame:
    """A frame of this service, signed."""
    return Frame(state.name, to, kind, body, state.incarnation)


def _at_once(change: Callable[[State, Any], State]) -> Callable[[State, Any, Moment], Commits[None]]:
    """What is one transaction and sends nothing."""

    def happens(state: State, given: Any, _: Moment) -> Commits[None]:
        yield change(state, given), ()

    return happens


HAPPENS: Mapping[type[Input], Callable[[State, Any, Moment], Commits[None]]] = {
    Say: _at_once(producer.say),
    Listen: _listen,
    Relay: lambda state, given, at: relay(state, given, at),
    Tick: _tick,
    Retry: _at_once(lambda state, given: consumer.retry(state, given.id)),
    Discard: _at_once(lambda state, given: consumer.discard(state, given.id)),
    Prune: _at_once(lambda state, _: consumer.prune(state)),
    Crash: _at_once(lambda state, _: crashed(state)),
}
