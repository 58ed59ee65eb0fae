"""Deadlines and notices as their readers list them: what a caller may not see is in no list and no count."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, select, true

from services.oversight.domain import AWAITING, LISTED, Notice
from services.oversight.store import notices
from services.oversight.store.deadlines import COLUMNS
from services.oversight.store.tables import DEADLINE, NOTICE, WATCHED
from shared.identity.model import Caller

PAGE = 50  # rows in one page of a list

_CASE_OF = WATCHED.c.number == DEADLINE.c.number
ROWS = select(*COLUMNS, DEADLINE.c.missed_at, WATCHED.c.kind, WATCHED.c.summary, WATCHED.c.place).join(
    WATCHED, _CASE_OF
)
AWAITS = (NOTICE.c.published | NOTICE.c.publishable) & notices.STATE.in_(AWAITING)


def may_see(caller: Caller) -> ColumnElement[bool]:
    """Supervisors see all deadlines, a department its own; never those of an accusation against it."""
    if caller.role == "supervisor":
        return true()
    if caller.role != "department":
        return false()
    accused = and_(WATCHED.c.kind == "accusation", WATCHED.c.unit.is_not_distinct_from(caller.department))
    return (DEADLINE.c.department == caller.department) & ~accused


def deadlines(tx: Connection, caller: Caller, wanted: Mapping[str, Any]) -> tuple[int, Sequence[Any]]:
    """One page of deadlines by due date, and how many there are in all.

    `wanted` has `page`, and `state`, `due_before`, `department`, `number`, None where all are wanted.
    """
    conditions = [may_see(caller)]
    for column in (DEADLINE.c.state, DEADLINE.c.department, DEADLINE.c.number):
        if wanted[column.name] is not None:
            conditions.append(column == wanted[column.name])
    if wanted["due_before"] is not None:
        conditions.append(DEADLINE.c.due_at < wanted["due_before"])
    rows = ROWS.where(*conditions).order_by(DEADLINE.c.due_at, DEADLINE.c.id)
    return _count(tx, rows), tx.execute(_page(rows, wanted["page"])).all()


def public_notices(tx: Connection, wanted: Mapping[str, Any]) -> tuple[int, list[Notice]]:
    """One page of what everyone may read, the last published first, and how many there are in all.

    What was withdrawn is listed only if the `state` wanted is that.
    """
    states = ("withdrawn",) if wanted["state"] == "withdrawn" else LISTED
    condition = (NOTICE.c.published | NOTICE.c.publishable) & notices.STATE.in_(states)
    return _notices(tx, condition, wanted, notices.PUBLISHED_AT.desc())


def all_notices(tx: Connection, wanted: Mapping[str, Any]) -> tuple[int, list[Notice]]:
    """One page of all notices, the newest first, and how many there are; `published`, `state` may choose."""
    listed = notices.STATE.in_(LISTED)
    condition: ColumnElement[bool] = true()
    if wanted["published"] is not None:
        condition = listed if wanted["published"] else ~listed
    if wanted["state"] is not None:
        condition &= notices.STATE.in_((wanted["state"],))
    return _notices(tx, condition, wanted, NOTICE.c.served_at.desc())


def awaiting_notices(tx: Connection, page: int) -> tuple[int, list[Notice]]:
    """One page of the notices that a supervisor has to decide of, the longest waiting first, and how many."""
    rows = select(*notices.COLUMNS).select_from(notices.PLACED).where(AWAITS)
    ordered = rows.order_by(NOTICE.c.served_at, NOTICE.c.id)
    return _count(tx, rows), notices.read(tx, tx.execute(_page(ordered, page)))


def _notices(
    tx: Connection, condition: ColumnElement[bool], wanted: Mapping[str, Any], first: ColumnElement[Any]
) -> tuple[int, list[Notice]]:
    conditions = [condition]
    for column in (NOTICE.c.department, NOTICE.c.rung, NOTICE.c.number):
        if wanted[column.name] is not None:
            conditions.append(column == wanted[column.name])
    rows = select(*notices.COLUMNS).select_from(notices.PLACED).where(*conditions)
    return _count(tx, rows), notices.read(
        tx, tx.execute(_page(rows.order_by(first, NOTICE.c.id.desc()), wanted["page"]))
    )


def _count(tx: Connection, rows: Select[Any]) -> int:
    counted = select(func.count()).select_from(rows.order_by(None).subquery())
    return int(tx.execute(counted).scalar_one())


def _page(rows: Select[Any], page: int) -> Select[Any]:
    return rows.limit(PAGE).offset((page - 1) * PAGE)
