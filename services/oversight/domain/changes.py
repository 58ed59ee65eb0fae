"""What is new about a case's deadlines, and what intake is told of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from services.oversight.domain.cases import OPEN, Change, Deadline
from shared.contracts import DeadlineMet, DeadlineSet, Event


def changes(kept: Sequence[Deadline], derived: Sequence[Deadline], now: datetime) -> tuple[Change, ...]:
    """What differs from what was kept. A deadline that is over stays as it was judged then.

    What is kept and open, but follows from the county's clocks no more, ends.
    """
    before, after = {d.id: d for d in kept}, {d.id for d in derived}
    changed = [Change(before.get(d.id), d) for d in derived if _differs(before.get(d.id), d)]
    gone = [d for d in kept if d.id not in after and d.state in OPEN]
    return (*changed, *(Change(d, replace(d, state="ended", ended_at=now)) for d in gone))


def _differs(before: Deadline | None, after: Deadline) -> bool:
    if before is None or before.started_at != after.started_at:
        return True
    if before.state == "ended" and not before.duty:
        return False  # a right that has lapsed does not come back
    if before.ended_at != after.ended_at:
        return True
    return before.ended_at is None and before.due_at != after.due_at


def news(change: Change, now: datetime) -> Iterator[Event]:
    """What intake is told of a change, so that the petitioner sees it; nothing where a clock is not shown."""
    deadline = change.after
    if not deadline.shown:
        return
    of = (deadline.number, deadline.id, deadline.clock, deadline.department, deadline.due_at)
    if deadline.ended_at is None:
        yield DeadlineSet(*of, set_at=now)
    else:
        yield DeadlineMet(*of, late=deadline.ended_at > deadline.due_at, met_at=deadline.ended_at)
