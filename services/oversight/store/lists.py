"""Deadlines and notices as their readers list them: what a caller may not see is in no list and no count."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from services.oversight.domain import Notice
from services.oversight.store import notices as store
from services.oversight.store.deadlines import COLUMNS
from services.oversight.store.tables import DEADLINE, NOTICE, WATCHED
from shared.policy import Reach
from shared.policy.conditions import where

PAGE = 50  # rows in one page of a list

# The fields that rows of the policy go by (`shared.policy`), of a deadline and of a notice with their case.
_ACCUSED = case((WATCHED.c.kind == "accusation", WATCHED.c.unit))
FACTS = {"department": DEADLINE.c.department, "place": WATCHED.c.place, "accused": _ACCUSED}
_OF_NOTICE = {"published": case((NOTICE.c.published, "yes")), "accused": _ACCUSED}

CASE_OF = WATCHED.c.number == DEADLINE.c.number
_NOTICES = select(*store.COLUMNS).outerjoin(WATCHED, WATCHED.c.number == NOTICE.c.number)
ROWS = select(*COLUMNS, DEADLINE.c.missed_at, WATCHED.c.kind, WATCHED.c.summary, WATCHED.c.place).join(
    WATCHED, CASE_OF
)


def deadlines(tx: Connection, reach: Reach, wanted: Mapping[str, Any]) -> tuple[int, Sequence[Any]]:
    """One page of the deadlines within reach by due date, and how many there are in all.

    `wanted` has `page`, and `state`, `due_before`, `department`, `number`, None where all are wanted.
    """
    chosen = _chosen(wanted, DEADLINE.c.state, DEADLINE.c.department, DEADLINE.c.number)
    conditions = [where(reach, FACTS), *chosen]
    if wanted["due_before"] is not None:
        conditions.append(DEADLINE.c.due_at < wanted["due_before"])
    rows = ROWS.where(*conditions).order_by(DEADLINE.c.due_at, DEADLINE.c.id)
    return _count(tx, rows), tx.execute(_page(rows, wanted["page"])).all()


def notices(tx: Connection, reach: Reach, wanted: Mapping[str, Any]) -> tuple[int, list[Notice]]:
    """One page of the notices within reach, the newest first, and how many there are in all.

    `wanted` has `page`, and `published`, `department`, `rung`, `number`, None where all are wanted.
    """
    chosen = _chosen(wanted, NOTICE.c.published, NOTICE.c.department, NOTICE.c.rung, NOTICE.c.number)
    rows = _NOTICES.where(where(reach, _OF_NOTICE), *chosen)
    rows = rows.order_by(NOTICE.c.served_at.desc(), NOTICE.c.id.desc())
    return _count(tx, rows), [store.notice(row) for row in tx.execute(_page(rows, wanted["page"]))]


def notice(tx: Connection, reach: Reach, id_: str) -> Notice | None:
    """The notice with this number, if it is within reach."""
    row = tx.execute(_NOTICES.where(where(reach, _OF_NOTICE), NOTICE.c.id == id_)).one_or_none()
    return None if row is None else store.notice(row)


def _chosen(wanted: Mapping[str, Any], *columns: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """What was chosen of these columns."""
    return [column == wanted[column.name] for column in columns if wanted[column.name] is not None]


def _count(tx: Connection, rows: Select[Any]) -> int:
    counted = select(func.count()).select_from(rows.order_by(None).subquery())
    return int(tx.execute(counted).scalar_one())


def _page(rows: Select[Any], page: int) -> Select[Any]:
    return rows.limit(PAGE).offset((page - 1) * PAGE)
