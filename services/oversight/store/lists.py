"""Deadlines and notices as their readers list them: what a caller may not see is in no list and no count."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, select

from services.oversight.domain import AWAITING, LISTED, PUBLIC, Notice
from services.oversight.store import notices
from services.oversight.store.deadlines import COLUMNS
from services.oversight.store.tables import DEADLINE, NOTICE, WATCHED
from shared import paging
from shared.policy import Reach, conditions

# The fields that rows of the policy go by (`shared.policy`), of a deadline and of a notice with their case.
_CASE = {"place": WATCHED.c.place, "accused": conditions.accused(WATCHED)}
FACTS = {"department": DEADLINE.c.department, **_CASE}
_PUBLIC = case((notices.STATE.in_(PUBLIC), "yes"))
_OF_NOTICE = {"published": _PUBLIC, "department": NOTICE.c.department, **_CASE}

CASE_OF = WATCHED.c.number == DEADLINE.c.number
_NOTICES = select(*notices.COLUMNS).select_from(
    notices.PLACED.outerjoin(WATCHED, WATCHED.c.number == NOTICE.c.number)
)
ROWS = select(*COLUMNS, DEADLINE.c.missed_at, WATCHED.c.kind, WATCHED.c.summary, WATCHED.c.place).join(
    WATCHED, CASE_OF
)


def deadlines(tx: Connection, reach: Reach, wanted: Mapping[str, Any]) -> tuple[int, Sequence[Any]]:
    """One page of the deadlines within reach by due date, and how many there are in all.

    `wanted` has `page`, and `state`, `due_before`, `department`, `number`, None where all are wanted.
    """
    chosen = _chosen(wanted, DEADLINE.c.state, DEADLINE.c.department, DEADLINE.c.number)
    rows = ROWS.where(conditions.where(reach, FACTS), *chosen).order_by(DEADLINE.c.due_at, DEADLINE.c.id)
    if wanted["due_before"] is not None:
        rows = rows.where(DEADLINE.c.due_at < wanted["due_before"])
    return paging.read(tx, rows, wanted["page"])


def public_notices(tx: Connection, reach: Reach, wanted: Mapping[str, Any]) -> tuple[int, list[Notice]]:
    """One page of the notices within reach as everyone lists them, the last published first, and how many.

    What was withdrawn is listed only if the `state` wanted is that.
    """
    states = ("withdrawn",) if wanted["state"] == "withdrawn" else LISTED
    rows = _notices(reach, wanted).where(notices.STATE.in_(states))
    return _listed(tx, rows.order_by(notices.PUBLISHED_AT.desc(), NOTICE.c.id.desc()), wanted["page"])


def all_notices(tx: Connection, reach: Reach, wanted: Mapping[str, Any]) -> tuple[int, list[Notice]]:
    """One page of all notices within reach, the newest first; `published` and `state` may choose."""
    rows = _notices(reach, wanted)
    if wanted["published"] is not None:
        listed = notices.STATE.in_(LISTED)
        rows = rows.where(listed if wanted["published"] else ~listed)
    if wanted["state"] is not None:
        rows = rows.where(wanted["state"] == notices.STATE)
    return _listed(tx, rows.order_by(NOTICE.c.served_at.desc(), NOTICE.c.id.desc()), wanted["page"])


def awaiting_notices(tx: Connection, reach: Reach, page: int) -> tuple[int, list[Notice]]:
    """One page of the notices within reach that a supervisor has to decide of, the longest waiting first."""
    return _listed(tx, awaiting(reach).order_by(NOTICE.c.served_at, NOTICE.c.id), page)


def awaiting(reach: Reach) -> Select[Any]:
    """The notices within reach that a supervisor has to decide of."""
    waits = (NOTICE.c.published | NOTICE.c.publishable) & notices.STATE.in_(AWAITING)
    return _NOTICES.where(conditions.where(reach, _OF_NOTICE), waits)


def notice(tx: Connection, reach: Reach, id_: str) -> Notice | None:
    """The notice with this number, if it is within reach."""
    rows = _NOTICES.where(conditions.where(reach, _OF_NOTICE), NOTICE.c.id == id_)
    return next(iter(notices.read(tx, tx.execute(rows))), None)


def _notices(reach: Reach, wanted: Mapping[str, Any]) -> Select[Any]:
    chosen = _chosen(wanted, NOTICE.c.department, NOTICE.c.rung, NOTICE.c.number)
    return _NOTICES.where(conditions.where(reach, _OF_NOTICE), *chosen)


def _listed(tx: Connection, rows: Select[Any], page: int) -> tuple[int, list[Notice]]:
    total, found = paging.read(tx, rows, page)
    return total, notices.read(tx, found)


def _chosen(wanted: Mapping[str, Any], *columns: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """What was chosen of these columns."""
    return [column == wanted[column.name] for column in columns if wanted[column.name] is not None]
