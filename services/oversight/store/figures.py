"""The figures of the dashboard, each as it stands when asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, text

from services.oversight.domain import Tally
from services.oversight.store.lists import CASE_OF, FACTS, ROWS, awaiting
from services.oversight.store.tables import DEADLINE, WATCHED
from shared import inbox, outbox, paging
from shared.policy import Reach, conditions

SHOWN = 50  # deadlines in a block of the dashboard

_OVERDUE = ROWS.where(DEADLINE.c.state == "missed").order_by(DEADLINE.c.due_at, DEADLINE.c.id).limit(SHOWN)
_SOON = (
    ROWS.where(DEADLINE.c.state == "running", DEADLINE.c.duty, DEADLINE.c.due_at <= bindparam("until"))
    .order_by(DEADLINE.c.due_at, DEADLINE.c.id)
    .limit(SHOWN)
)


_STUCK = select(func.count()).where(
    outbox.OUTBOX.c.state.in_(("pending", "sent")),
    outbox.OUTBOX.c.created_at < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, bindparam("seconds")),
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
    .join(WATCHED, CASE_OF)
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


@dataclass(frozen=True)
class Figures:
    """The figures of the cases within reach."""

    tx: Connection
    reach: Reach

    def overdue(self) -> Sequence[Any]:
        """The most overdue deadlines, the worst first."""
        return self._of(_OVERDUE)

    def due_until(self, until: datetime) -> Sequence[Any]:
        """Duties that run and are due by `until`, the next first."""
        return self._of(_SOON, until=until)

    def tallies(self) -> list[Tally]:
        """What each department owed, and how it kept to it."""
        return [Tally(*row) for row in self._of(_TALLIES)]

    def offices(self, since: datetime) -> Sequence[Any]:
        """What each office received since then: batches and persons (M1)."""
        return self._of(_OFFICES, since=since)

    def months(self, since: datetime, zone: str) -> Sequence[Any]:
        """What was received in each month since then, and how much of it is answered."""
        return self._of(_MONTHS, since=since, zone=zone)

    def to_decide(self) -> int:
        """How many notices wait for a supervisor to decide whether everyone may read them, or no longer."""
        return paging.count(self.tx, awaiting(self.reach))

    def _of(self, rows: Select[Any], **values: object) -> Sequence[Any]:
        return self.tx.execute(rows.where(conditions.where(self.reach, FACTS)), values).all()


def repair(tx: Connection, seconds: int) -> dict[str, int]:
    """What waits for a person: parked and quarantined news, and words unheard for more than `seconds`."""
    heard = inbox.figures(tx)
    return {
        "parked": int(heard["parked"]),
        "quarantined": int(heard["quarantined"]),
        "unconfirmed": int(tx.execute(_STUCK, {"seconds": seconds}).scalar_one()),
    }
