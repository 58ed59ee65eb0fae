"""Long lists are read page by page."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

PAGE = 50  # rows in one page


def cut(rows: Select[Any], page: int) -> Select[Any]:
    """The rows of one page of an ordered query, from 1; of none after the last."""
    return rows.limit(PAGE).offset((page - 1) * PAGE)


def count(tx: Connection, rows: Select[Any]) -> int:
    """How many rows a query has in all."""
    return tx.execute(select(func.count()).select_from(rows.order_by(None).subquery())).scalar_one()


def read(tx: Connection, rows: Select[Any], page: int) -> tuple[int, Sequence[Row[Any]]]:
    """How many rows an ordered query has in all, and those of one page."""
    return count(tx, rows), tx.execute(cut(rows, page)).all()
