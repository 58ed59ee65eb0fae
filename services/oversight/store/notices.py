"""Notices, numbered in the order they were issued, and what was decided of them. Neither is ever changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select, text, true
from sqlalchemy.dialects.postgresql import insert

from services.oversight.domain import Decision, Notice
from services.oversight.store.tables import NOTICE, NOTICE_DECISION
from shared.county.model import Text

NAMES = [field.name for field in fields(Notice) if field.name != "decisions"]
# `published` is of notices that were issued before publication took two persons: public without a decision.
COLUMNS = [NOTICE.c.published, *(NOTICE.c[name] for name in NAMES)]

_RESERVE = text(
    """
    INSERT INTO notice_sequence (year, n) VALUES (:year, :count)
    ON CONFLICT (year) DO UPDATE SET n = notice_sequence.n + :count RETURNING n
    """
)
_ISSUE = insert(NOTICE).on_conflict_do_nothing(index_elements=["deadline", "started_at", "rung"])
_LOCK = select(*COLUMNS).where(NOTICE.c.id == bindparam("id")).with_for_update()
_DECISIONS = (
    select(NOTICE_DECISION)
    .where(NOTICE_DECISION.c.notice == func.any(bindparam("ids")))
    .order_by(NOTICE_DECISION.c.notice, NOTICE_DECISION.c.n)
)

_last = (
    select(NOTICE_DECISION.c.state)
    .where(NOTICE_DECISION.c.notice == NOTICE.c.id)
    .order_by(NOTICE_DECISION.c.n.desc())
    .limit(1)
    .lateral("last")
)
# `Notice.state` as a condition on rows, for what is chosen from PLACED.
PLACED = NOTICE.outerjoin(_last, true())
STATE = func.coalesce(
    _last.c.state, case((NOTICE.c.published, "published"), (NOTICE.c.publishable, "waiting"), else_="served")
)
_published_at = (
    select(func.max(NOTICE_DECISION.c.at))
    .where(NOTICE_DECISION.c.notice == NOTICE.c.id, NOTICE_DECISION.c.move == "publish")
    .scalar_subquery()
)
PUBLISHED_AT = func.coalesce(_published_at, NOTICE.c.served_at)


def reserve(tx: Connection, year: int, count: int) -> int:
    """Take `count` numbers of the year's sequence; returns the first."""
    last: int = tx.execute(_RESERVE, {"year": year, "count": count}).scalar_one()
    return last - count + 1


def issue(tx: Connection, notices: Sequence[Notice]) -> list[Notice]:
    """Keep notices; returns those whose rung had not been taken before."""
    if not notices:
        return []
    issued = set(tx.execute(_ISSUE.returning(NOTICE.c.id), [_row(notice) for notice in notices]).scalars())
    return [notice for notice in notices if notice.id in issued]


def _row(notice: Notice) -> dict[str, Any]:
    row = {name: getattr(notice, name) for name in NAMES}
    return row | {"basis": {"zh": notice.basis.zh, "en": notice.basis.en}, "published": False}


def locked(tx: Connection, id_: str) -> Notice | None:
    """The notice with this number; nobody else decides of it before this transaction is over."""
    return next(iter(read(tx, tx.execute(_LOCK, {"id": id_}))), None)


def add_decision(tx: Connection, notice: Notice) -> None:
    """Keep the last decision of a locked notice."""
    row = {"notice": notice.id, "n": len(notice.decisions), **asdict(notice.decisions[-1])}
    tx.execute(NOTICE_DECISION.insert(), row)


def read(tx: Connection, rows: Iterable[Any]) -> list[Notice]:
    """Rows of COLUMNS as notices, with what was decided of them."""
    found = list(rows)
    decided: dict[str, list[Decision]] = {row.id: [] for row in found}
    for notice, _, *decision in tx.execute(_DECISIONS, {"ids": list(decided)}) if found else ():
        decided[notice].append(Decision(*decision))
    return [_notice(row._mapping, decided[row.id]) for row in found]


def _notice(row: Mapping[str, Any], decided: Sequence[Decision]) -> Notice:
    own = Notice(**{name: row[name] for name in NAMES} | {"basis": Text(**row["basis"])})
    at_once = Decision("publish", "published", None, None, own.served_at)
    return replace(own, decisions=(at_once, *decided) if row["published"] else tuple(decided))
