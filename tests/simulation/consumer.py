"""A service as consumer: the rules of `shared/inbox.py`, pure.

What takes several transactions is a generator of the states that it commits, so that it can be stopped
after any of them, as a process that dies is.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from shared import delivery
from shared.delivery import Decision
from tests.simulation.state import Envelope, Frame, Heard, Moment, Receipt, State

T = TypeVar("T")
Commits = Generator[tuple[State, tuple[Frame, ...]], None, T]  # each with what is sent after it


class Failed(Exception):
    """A handler refused an event; `reason` is None if trying again may help."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason)
        self.reason = reason


class Killed(Exception):
    """A handler took the process with it."""


def accept(
    state: State, source: str, events: Sequence[Envelope], at: Moment
) -> Commits[tuple[State, Receipt]]:
    """Apply what has not been applied; hold what is early; park what cannot be."""
    arrived = {event.place: event for event in sorted(events, key=lambda event: event.place)}
    if not arrived:
        return state, Receipt()
    known = [event for place, event in arrived.items() if place in state.inbox]
    new = [event for place, event in arrived.items() if place not in state.inbox]
    receipt, again = remembered(state, known)
    state = _noted(state, new)
    yield state, ()
    try:
        state, done = apply(state, source, new, at, with_held=True)
    except Failed:
        done, again = Receipt(), new + again
    yield state, ()
    for event in again:
        state, part = yield from _apply_alone(state, event, at)
        done += part
    return state, receipt + done


def remembered(state: State, known: Iterable[Envelope]) -> tuple[Receipt, list[Envelope]]:
    """What is receipted again among events that came before, and which of them are still to be applied."""
    receipt, again = Receipt(), []
    for event in known:
        row = state.inbox[event.place]
        if row.status == "received":
            again.append(event)
        receipt += _receipt(row, event)
    return receipt, again


def _receipt(row: Heard, event: Envelope) -> Receipt:
    if row.status == "parked":
        return Receipt(parked={event.id: row.reason or ""})
    return {"applied": Receipt((event.id,)), "discarded": Receipt(discarded=(event.id,))}.get(
        row.status, Receipt()
    )


def apply(
    state: State, source: str, events: Sequence[Envelope], at: Moment, *, with_held: bool
) -> tuple[State, Receipt]:
    """Apply a batch in one transaction: the effects, the rows and the positions, or nothing at all."""
    streams = {event.stream for event in events}
    positions = {**{stream: 0 for stream in streams}, **state.positions} if events else state.positions
    held = _held(state, streams) if with_held else []
    decided = _decided(positions, sorted([*events, *held], key=lambda event: event.place))
    effects = _in_turn(decided[Decision.APPLY])
    for event in effects:
        handle(event, at)
    done = sorted(decided[Decision.APPLY] + decided[Decision.DUPLICATE], key=lambda event: event.place)
    state = replace(state, positions=positions, effects=state.effects + tuple(effects))
    state, parked = _held_back(_done(state, done), decided[Decision.HOLD])
    return state, Receipt(tuple(event.id for event in done), parked)


def handle(event: Envelope, at: Moment) -> None:
    """A handler, as ill as the event makes it."""
    illness = at.ill.get(event.id)
    if illness == "fatal":
        raise Killed
    if illness:
        raise Failed("rule-violated" if illness == "permanent" else None)


def _decided(positions: Any, events: Iterable[Envelope]) -> dict[Decision, list[Envelope]]:
    reached = dict(positions)
    decided: dict[Decision, list[Envelope]] = {decision: [] for decision in Decision}
    for event in events:
        decision = delivery.decide(reached[event.stream], event.sequence)
        if decision is Decision.APPLY:
            reached[event.stream] = event.sequence
        decided[decision].append(event)
    return decided


def _in_turn(events: Iterable[Envelope]) -> list[Envelope]:
    """The order in which handlers see a batch: the first of each grievance, then the second of each, …"""
    earlier, turns = Counter[str](), []
    for event in events:
        turns.append((earlier[event.subject], event.place, event))
        earlier[event.subject] += 1
    return [event for *_, event in sorted(turns, key=lambda turn: turn[:2])]


def _done(state: State, done: Iterable[Envelope]) -> State:
    inbox, positions = dict(state.inbox), dict(state.positions)
    for event in done:
        inbox[event.place] = replace(inbox[event.place], status="applied", reason=None)
        positions[event.stream] = max(positions[event.stream], event.sequence)
    return replace(state, inbox=inbox, positions=positions)


def _held_back(state: State, early: Iterable[Envelope]) -> tuple[State, dict[str, str]]:
    """Hold what is early; what is too far ahead is parked, so that a stream never fills the table."""
    inbox, parked = dict(state.inbox), {}
    for event in early:
        row = inbox[event.place]
        if event.sequence - state.positions[event.stream] > state.limits.hold:
            parked[event.id] = "gap-too-large"
            inbox[event.place] = replace(row, status="parked", reason="gap-too-large")
        else:
            inbox[event.place] = replace(row, status="held")
    return replace(state, inbox=inbox), parked


def _apply_alone(state: State, event: Envelope, at: Moment) -> Commits[tuple[State, Receipt]]:
    """Try one event, counted before the try; park it if that was the last."""
    attempts = counted(state.inbox[event.place].attempts)
    state = _changed(state, event, attempts=attempts)
    yield state, ()
    receipt, reason = Receipt(), "killed-process" if attempts > delivery.MAX_ATTEMPTS else None
    if reason is None:
        try:
            state, receipt = apply(state, event.source, [event], at, with_held=False)
        except Failed as failed:
            reason = parking_reason(failed, attempts)
    if reason is not None:
        state = _changed(state, event, status="parked", reason=reason)
        receipt = Receipt(parked={event.id: reason})
    yield state, ()
    return state, receipt


def counted(attempts: int) -> int:
    """One more try."""
    return attempts + 1


def parking_reason(failed: Failed, attempts: int) -> str | None:
    """Why an event that failed is parked: trying again would not help, or was tried often enough."""
    return failed.reason or ("handler-error" if attempts >= delivery.MAX_ATTEMPTS else None)


def drain(state: State, at: Moment) -> Commits[tuple[State, dict[str, Receipt]]]:
    """Apply what is held and ready, and pass over what was given up, until nothing moves."""
    receipts: dict[str, Receipt] = {}
    moved = True
    while moved:
        moved = False
        for row in _ready(state):
            state, receipt = yield from _passed(state, row, at)
            receipts[row.event.source] = receipts.get(row.event.source, Receipt()) + receipt
            moved = moved or bool(receipt.applied or receipt.discarded)
    return state, {source: receipt for source, receipt in receipts.items() if receipt}


def _ready(state: State) -> list[Heard]:
    """What is next in its stream and held, or given up."""
    return [
        row
        for _, row in sorted(state.inbox.items())
        if row.event.sequence == state.positions.get(row.event.stream, 0) + 1
        and (row.status == "held" or (row.status == "parked" and row.event.id in state.given_up))
    ]


def _passed(state: State, row: Heard, at: Moment) -> Commits[tuple[State, Receipt]]:
    event = row.event
    if row.status == "held":
        return (yield from _apply_alone(state, event, at))
    state = _changed(state, event, status="discarded")
    state = replace(state, positions={**state.positions, event.stream: event.sequence})
    yield state, ()
    return state, Receipt(discarded=(event.id,))


def retry(state: State, id_: str) -> State:
    """Open a parked event again: it is applied when it is its turn."""
    rows = [row for row in state.inbox.values() if row.event.id == id_ and row.status == "parked"]
    for row in rows:
        state = _changed(state, row.event, status="held", attempts=0, reason=None)
    return replace(state, given_up=state.given_up - {id_})


def discard(state: State, id_: str) -> State:
    """Give a parked event up."""
    return replace(state, given_up=state.given_up | {id_})


def prune(state: State) -> State:
    """Forget rows that were applied; the positions stay, and still tell a duplicate."""
    kept = {place: row for place, row in state.inbox.items() if row.status != "applied"}
    return replace(state, inbox=kept)


def _noted(state: State, new: Iterable[Envelope]) -> State:
    return replace(state, inbox={**state.inbox, **{event.place: Heard(event) for event in new}})


def _held(state: State, streams: set[tuple[str, str]]) -> list[Envelope]:
    return [row.event for row in state.inbox.values() if row.status == "held" and row.event.stream in streams]


def _changed(state: State, event: Envelope, **changes: Any) -> State:
    row = replace(state.inbox[event.place], **changes)
    return replace(state, inbox={**state.inbox, event.place: row})
