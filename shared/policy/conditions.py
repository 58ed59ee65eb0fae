"""A reach as a condition on the rows of a table: what is not reached is in no list and in no count."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, case, or_, true

from shared.county.terms import ACCUSATION
from shared.policy.reach import Clause, Reach


def where(reach: Reach, columns: Mapping[str, ColumnElement[Any]]) -> ColumnElement[bool]:
    """Every clause, said of the columns that hold its fields. Raises KeyError for a field without one."""
    return and_(true(), *(_said(clause, columns[clause.field]) for clause in reach.clauses))


def _said(clause: Clause, column: ColumnElement[Any]) -> ColumnElement[bool]:
    values = sorted(clause.values)
    if clause.outside:
        return or_(column.is_(None), column.not_in(values))
    return column.in_(values)


def accused(grievances: Table) -> ColumnElement[Any]:
    """`policy.accused` of the rows of a table, by its columns `kind` and `unit`."""
    return case((grievances.c.kind == ACCUSATION, grievances.c.unit))
