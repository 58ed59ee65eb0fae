"""The figures of the dashboard, each as it stands when asked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, text

from services.oversight.domain import Tally
from services.oversight.store import notices
from services.oversight.store.lists import AWAITS, ROWS
from services.oversight.store.tables import DEADLINE, WATCHED
from shared import inbox, outbox

SHOWN = 50  # deadlines in a block of the dashboard

_OVERDUE = ROWS.where(DEADLINE.c.state == "missed").order_by(DEADLINE.c.due_at, DEADLINE.c.id).limit(SHOWN)
_SOON = (
    ROWS.where(DEADLINE.c.state == "running", DEADLINE.c.duty, DEADLINE.c.due_at <= bindparam("until"))
    .order_by(DEADLINE.c.due_at, DEADLINE.c.id)
    .limit(SHOWN)
)


def _counted(state: str) -> Any:
    return func.count().filter(DEADLINE.c.state == state)


_TALLIES = (
    select(
        DEADLINE.c.department,
        _counted("running"),
        _counted("missed"),
        _counted("met"),
        _counted("late"),
    )
    .where(DEADLINE.c.duty)
    .group_by(DEADLINE.c.department)
    .order_by(DEADLINE.c.department)
)
_OFFICES = (
    select(WATCHED.c.office, func.count().label("batches"), func.sum(WATCHED.c.petitioners).label("persons"))
    .where(WATCHED.c.received_at >= bindparam("since"))
    .group_by(WATCHED.c.office)
    .order_by(func.count().desc(), WATCHED.c.office)
)
_month = func.to_char(func.timezone(bindparam("zone"), WATCHED.c.received_at), "YYYY-MM")
_MONTHS = (
    select(
        _month.label("month"),
        func.count().label("batches"),
        func.sum(WATCHED.c.petitioners).label("persons"),
        func.count(WATCHED.c.answered_at).label("answered"),
    )
    .where(WATCHED.c.received_at >= bindparam("since"))
    .group_by(text("1"))
    .order_by(text("1"))
)
_TO_DECIDE = select(func.count()).select_from(notices.PLACED).where(AWAITS)
_STUCK = select(func.count()).where(
    outbox.OUTBOX.c.state.in_(("pending", "sent")),
    outbox.OUTBOX.c.created_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, bindparam("seconds")),
)


def overdue(tx: Connection) -> Sequence[Any]:
    """The most overdue deadlines, the worst first."""
    return tx.execute(_OVERDUE).all()


def due_until(tx: Connection, until: datetime) -> Sequence[Any]:
    """Duties that run and are due by `until`, the next first."""
    return tx.execute(_SOON, {"until": until}).all()


def tallies(tx: Connection) -> list[Tally]:
    """What each department owed, and how it kept to it."""
    return [Tally(*row) for row in tx.execute(_TALLIES)]


def offices(tx: Connection, since: datetime) -> Sequence[Any]:
    """What each office received since then: batches and persons (M1)."""
    return tx.execute(_OFFICES, {"since": since}).all()


def months(tx: Connection, since: datetime, zone: str) -> Sequence[Any]:
    """What was received in each month since then, and how much of it is answered."""
    return tx.execute(_MONTHS, {"since": since, "zone": zone}).all()


def to_decide(tx: Connection) -> int:
    """How many notices wait for a supervisor to decide whether everyone may read them, or no longer."""
    return int(tx.execute(_TO_DECIDE).scalar_one())


def repair(tx: Connection, seconds: int) -> dict[str, int]:
    """What waits for a person: parked and quarantined news, and words unheard for more than `seconds`."""
    heard = inbox.figures(tx)
    return {
        "parked": int(heard["parked"]),
        "quarantined": int(heard["quarantined"]),
        "unconfirmed": int(tx.execute(_STUCK, {"seconds": seconds}).scalar_one()),
    }
