"""Notices: numbered in the order they were issued, never changed."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from services.oversight.domain import Notice
from services.oversight.store.tables import NOTICE
from shared.county.model import Text

NAMES = [field.name for field in fields(Notice)]
COLUMNS = [NOTICE.c[name] for name in NAMES]

_RESERVE = text(
    """
    INSERT INTO notice_sequence (year, n) VALUES (:year, :count)
    ON CONFLICT (year) DO UPDATE SET n = notice_sequence.n + :count RETURNING n
    """
)
_ISSUE = insert(NOTICE).on_conflict_do_nothing(index_elements=["deadline", "started_at", "rung"])


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
    return row | {"basis": {"zh": notice.basis.zh, "en": notice.basis.en}}


def notice(row: Any) -> Notice:
    """A row of COLUMNS as a notice."""
    return Notice(**{**row._mapping, "basis": Text(**row.basis)})
