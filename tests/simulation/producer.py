"""A service as producer: the rules of `shared/outbox.py`, pure."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

from shared import delivery
from tests.simulation.state import Envelope, Moment, Receipt, Said, Say, State

FINAL = ("confirmed", "discarded")


def say(state: State, given: Say) -> State:
    """Keep an event for each of its readers, numbered without gaps."""
    heads, rows = dict(state.heads), dict(state.outbox)
    for dest in given.dests:
        stream = dest, given.subject
        heads[stream] = heads.get(stream, 0) + 1
        rows[given.id, dest] = Said(given.id, dest, given.subject, heads[stream], given.serial)
    return replace(state, heads=heads, outbox=rows)


def take(state: State, dest: str, at: Moment, *, resend: bool, batch: int) -> tuple[State, list[Said]]:
    """Up to `batch` rows to send now: new ones and those that are due, at most a window in flight.

    What stands behind a parked event of its stream waits for it, and takes no place in the window.
    """
    mine = sorted(
        passable(row for row in state.outbox.values() if row.dest == dest), key=lambda row: row.serial
    )
    in_flight = sum(row.state == "sent" and row.next_at > at.now for row in mine)
    limit = max(min(batch, state.limits.window - in_flight), 0)
    chosen = [row for row in mine if wanted(state, row, at.now, resend=resend)][:limit]
    sent = [marked(state, row, at) for row in chosen]
    return _with(state, sent), sent


def passable(rows: Iterable[Said]) -> list[Said]:
    """The rows of one destination that no parked event of their stream stands before."""
    rows = sorted(rows, key=lambda row: row.sequence)
    parked: dict[str, int] = {}
    for row in rows:
        if row.state == "parked":
            parked.setdefault(row.subject, row.sequence)
    return [row for row in rows if row.sequence <= parked.get(row.subject, row.sequence)]


def wanted(_: State, row: Said, now: float, *, resend: bool) -> bool:
    """Whether a row is to be sent: selected by its state, never by its serial."""
    return row.state == "pending" or (resend and row.state in ("sent", "parked") and row.next_at <= now)


def marked(state: State, row: Said, at: Moment) -> Said:
    """A row that is being sent. A parked one stays parked: it is only asked for."""
    if row.state == "parked":
        return replace(row, attempts=row.attempts + 1, next_at=asked_again(state, at))
    return replace(row, state="sent", attempts=row.attempts + 1, next_at=due(row.attempts + 1, at))


def due(attempts: int, at: Moment) -> float:
    """When a row that was sent so often is sent again."""
    return at.now + delivery.backoff(attempts, at.chance)


def asked_again(state: State, at: Moment) -> float:
    """When a parked row is asked for again."""
    return at.now + state.limits.ask_again * (0.75 + at.chance / 2)


def settle(state: State, dest: str, receipt: Receipt, at: Moment) -> State:
    """Note what a reader says became of events; what is final stays."""
    state = _settled(state, dest, receipt.applied, lambda row: replace(row, state="confirmed"))
    state = _settled(state, dest, receipt.discarded, lambda row: replace(row, state="discarded"))
    return _settled(
        state,
        dest,
        receipt.parked,
        lambda row: replace(
            row, state="parked", reason=receipt.parked[row.id], next_at=asked_again(state, at)
        ),
    )


def _settled(state: State, dest: str, ids: Iterable[str], change: Callable[[Said], Said]) -> State:
    known = [state.outbox[id_, dest] for id_ in ids if (id_, dest) in state.outbox]
    return _with(state, [change(row) for row in known if row.state not in FINAL])


def reopen(state: State, dest: str | None, now: float) -> State:
    """Make everything sent or parked due: Redis was wiped, or `dest` has just started."""
    open_ = [row for row in state.outbox.values() if row.state in ("sent", "parked")]
    return _with(state, [replace(row, next_at=now) for row in open_ if dest in (None, row.dest)])


def envelope(state: State, row: Said) -> Envelope:
    """The row as it travels."""
    return Envelope(row.id, state.name, row.subject, row.sequence)


def never(*_: object) -> float:
    """A time that does not come."""
    return math.inf


def _with(state: State, rows: Iterable[Said]) -> State:
    return replace(state, outbox={**state.outbox, **{(row.id, row.dest): row for row in rows}})
