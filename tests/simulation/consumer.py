"""A service as consumer: the rules of `shared/inbox`, pure.

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


class Away(Exception):
    """The database went away while a handler used it; the process lives."""


REASONS = {"permanent": "rule-violated", "unknown": "type-unknown", "passing": None}
TOO_LARGE = "gap-too-large"


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
        state, done = yield from apply(state, source, new, at, with_held=True)
    except Failed:
        done, again = Receipt(), new + again
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
) -> Commits[tuple[State, Receipt]]:
    """Apply a batch in one transaction: the effects, the rows and the positions, or nothing at all.

    Then what came much too early is parked, so that a stream never fills the table.
    """
    if not events:
        return state, Receipt()
    streams = {event.stream for event in events}
    positions = {**{stream: 0 for stream in streams}, **state.positions}
    held = _held(state, streams) if with_held else []
    decided = _decided(state.limits.hold, positions, sorted([*events, *held], key=lambda event: event.place))
    effects = _in_turn(decided[Decision.APPLY])
    for event in effects:
        handle(event, at)
    done = sorted(decided[Decision.APPLY] + decided[Decision.DUPLICATE], key=lambda event: event.place)
    state = replace(state, positions=positions, effects=state.effects + tuple(effects))
    state = _held_back(_done(state, done), decided[Decision.HOLD])
    yield state, ()
    for event in decided[Decision.REFUSE]:
        state = _changed(state, event, status="parked", reason=TOO_LARGE)
        yield state, ()
    parked = {event.id: TOO_LARGE for event in decided[Decision.REFUSE]}
    return state, Receipt(tuple(event.id for event in done), parked)


def handle(event: Envelope, at: Moment) -> None:
    """A handler, as ill as the event makes it."""
    illness = at.ill.get(event.id)
    if illness == "fatal":
        raise Killed
    if illness == "cut":
        raise Away
    if illness:
        raise Failed(REASONS[illness])


def _decided(hold: float, positions: Any, events: Iterable[Envelope]) -> dict[Decision, list[Envelope]]:
    reached = dict(positions)
    decided: dict[Decision, list[Envelope]] = {decision: [] for decision in Decision}
    for event in events:
        decision = _decision(hold, reached[event.stream], event.sequence)
        if decision is Decision.APPLY:
            reached[event.stream] = event.sequence
        decided[decision].append(event)
    return decided


def _decision(hold: float, position: int, sequence: int) -> Decision:
    """What the product decides, with the bound of this world."""
    return Decision.REFUSE if sequence > position + 1 + hold else delivery.decide(position, sequence)


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


def _held_back(state: State, early: Iterable[Envelope]) -> State:
    for event in early:
        state = _changed(state, event, status="held")
    return state


def _apply_alone(state: State, event: Envelope, at: Moment) -> Commits[tuple[State, Receipt]]:
    """Try one event, counted before the try; park it if that was the last.

    A try that the database's absence ends was counted already: it is remembered, and made again.
    """
    attempts, interrupted = state.inbox[event.place].attempts, state.memory.interrupted
    attempts = attempts if event.id in interrupted else counted(attempts)
    state = _changed(_interrupted(state, interrupted - {event.id}), event, attempts=attempts)
    yield _interrupted(state, interrupted | {event.id}), ()
    receipt, reason = Receipt(), "killed-process" if attempts > delivery.MAX_ATTEMPTS else None
    if reason is None:
        try:
            state, receipt = yield from apply(state, event.source, [event], at, with_held=False)
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
    """Pass over what was given up, then apply what is held and ready, until nothing moves."""
    state, receipts = _passed_over(state)
    yield state, ()
    moved = True
    while moved:
        moved = False
        for row in _next(state, "held"):
            state, receipt = yield from _apply_alone(state, row.event, at)
            receipts[row.event.source] = receipts.get(row.event.source, Receipt()) + receipt
            moved = moved or bool(receipt.applied)
    return state, {source: receipt for source, receipt in receipts.items() if receipt}


def _passed_over(state: State) -> tuple[State, dict[str, Receipt]]:
    """In one transaction, discard what was given up and is next in its stream: one of each stream."""
    receipts: dict[str, Receipt] = {}
    for event in [row.event for row in _next(state, "parked") if row.event.id in state.given_up]:
        state = _changed(state, event, status="discarded")
        state = replace(state, positions={**state.positions, event.stream: event.sequence})
        receipts[event.source] = receipts.get(event.source, Receipt()) + Receipt(discarded=(event.id,))
    return state, receipts


def _next(state: State, status: str) -> list[Heard]:
    """What is next in its stream, if that is its status."""
    return [
        row
        for _, row in sorted(state.inbox.items())
        if row.status == status and row.event.sequence == state.positions.get(row.event.stream, 0) + 1
    ]


def retry(state: State, id_: str) -> State:
    """Open a parked event again: it is applied when it is its turn."""
    for event in [row.event for row in state.inbox.values() if row.event.id == id_]:
        state = _opened(state, event)
    return replace(state, given_up=state.given_up - {id_})


def retry_known(state: State, at: Moment) -> State:
    """Open what was parked as of a type that nobody knew, and that this version knows."""
    unknown = [row.event for row in state.inbox.values() if row.reason == REASONS["unknown"]]
    for event in [event for event in unknown if at.ill.get(event.id) != "unknown"]:
        state = _opened(state, event)
    return state


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


def _opened(state: State, event: Envelope) -> State:
    if state.inbox[event.place].status != "parked":
        return state
    return _changed(state, event, status="held", attempts=0, reason=None)


def _interrupted(state: State, ids: frozenset[str]) -> State:
    return replace(state, memory=replace(state.memory, interrupted=ids))


def _changed(state: State, event: Envelope, **changes: Any) -> State:
    row = replace(state.inbox[event.place], **changes)
    return replace(state, inbox={**state.inbox, event.place: row})
