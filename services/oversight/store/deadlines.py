"""Deadlines as they were last computed, how they changed, and which of them time has reached."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import BindParameter, Connection, bindparam, case, func, insert, or_, select, update

from services.oversight.domain import OPEN, Change, Deadline, Passage, Standing
from services.oversight.store.tables import DEADLINE, DEADLINE_CHANGE, WATCHED
from shared import database

NAMES = [field.name for field in fields(Deadline)]
COLUMNS = [DEADLINE.c[name] for name in NAMES]

_KEPT = f"""
    SELECT {", ".join(NAMES)} FROM deadline WHERE number = ANY(%(numbers)s)
"""  # nosec B608 - our own names

# Met in time after all, or due later than was thought: then it was not missed.
_KEPT_NAMES = (*NAMES, "county_version", "next_at")
_KEEP = f"""
    {database.insert_rows("deadline", _KEPT_NAMES)}
    ON CONFLICT (id) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in _KEPT_NAMES[1:])},
        missed_at = CASE WHEN excluded.state = 'late' THEN deadline.missed_at END,
        rung = CASE WHEN excluded.started_at = deadline.started_at THEN deadline.rung END
"""  # nosec B608 - our own names

_REACHED = (
    select(*COLUMNS, WATCHED.c.kind, DEADLINE.c.rung)
    .join(WATCHED, WATCHED.c.number == DEADLINE.c.number)
    .where(DEADLINE.c.next_at < bindparam("now"), DEADLINE.c.county_version == bindparam("version"))
    .order_by(DEADLINE.c.next_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_PASS = (
    update(DEADLINE)
    .where(DEADLINE.c.id == bindparam("of"))
    .values(
        state=bindparam("to"),
        missed_at=case((bindparam("to") == "missed", func.coalesce(DEADLINE.c.missed_at, bindparam("now")))),
        ended_at=case((bindparam("to") == "ended", DEADLINE.c.due_at)),
        rung=bindparam("taken"),
        next_at=bindparam("again"),
    )
)

_open = DEADLINE.c.state.in_(OPEN)
# Written as a range on either side so that the index finds the few, or none, that differ.
_version: BindParameter[str] = bindparam("version")
_outdated = or_(DEADLINE.c.county_version < _version, DEADLINE.c.county_version > _version)
_OUTDATED = (
    select(DEADLINE.c.number)
    .distinct()
    .where(_open, _outdated)
    .order_by(DEADLINE.c.number)
    .limit(bindparam("limit"))
)
_COMPUTED = (
    update(DEADLINE)
    .where(DEADLINE.c.number == func.any(bindparam("of")), _open)
    .values(county_version=bindparam("version"), next_at=DEADLINE.c.due_at)  # the ladder may have changed too
)


def kept(tx: Connection, numbers: Iterable[str]) -> Mapping[str, list[Deadline]]:
    """The deadlines of cases as they were last computed, by number."""
    found: dict[str, list[Deadline]] = {number: [] for number in numbers}
    for row in tx.exec_driver_sql(_KEPT, {"numbers": list(found)}) if found else ():
        found[row.number].append(Deadline(*row))
    return found


def keep(tx: Connection, changes: Sequence[Change], version: str, reason: str, now: datetime) -> None:
    """Keep what changed, as computed with this version of the county; a moved due date leaves its trace."""
    rows = [_row(change.after, version) for change in changes]
    if rows:
        tx.exec_driver_sql(_KEEP, database.rows(rows))
    moved = [
        {
            "deadline": change.after.id,
            "former_due_at": change.before.due_at,
            "due_at": change.after.due_at,
            "reason": reason,
            "county_version": version,
            "at": now,
        }
        for change in changes
        if change.before is not None and change.before.due_at != change.after.due_at
    ]
    if moved:
        tx.execute(insert(DEADLINE_CHANGE), moved)


def _row(deadline: Deadline, version: str) -> dict[str, object]:
    row = {name: getattr(deadline, name) for name in NAMES}
    return row | {"county_version": version, "next_at": None if deadline.ended_at else deadline.due_at}


def reached(tx: Connection, now: datetime, version: str, limit: int) -> list[Standing]:
    """Open deadlines that have to be looked at, the oldest first, with their cases locked for us.

    Leaves out what another worker has in hand, and what another version of the county computed.
    """
    rows = tx.execute(_REACHED, {"now": now, "version": version, "limit": limit})
    return [Standing(Deadline(*row[:-2]), row.kind, row.rung) for row in rows]


def let_pass(tx: Connection, passages: Sequence[Passage], now: datetime) -> None:
    """Keep what time did."""
    rows = [
        {
            "of": passage.standing.deadline.id,
            "to": passage.state,
            "now": now,
            "taken": passage.last_rung,
            "again": passage.next_at,
        }
        for passage in passages
    ]
    if rows:
        tx.execute(_PASS, rows)


def outdated(tx: Connection, version: str, limit: int) -> list[str]:
    """Numbers of cases with open deadlines that another version of the county computed."""
    return list(tx.execute(_OUTDATED, {"version": version, "limit": limit}).scalars())


def computed(tx: Connection, numbers: Sequence[str], version: str) -> None:
    """Note that the open deadlines of cases now follow this version of the county."""
    tx.execute(_COMPUTED, {"of": list(numbers), "version": version})
