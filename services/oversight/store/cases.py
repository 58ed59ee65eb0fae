"""What is known of each case, and what happened to it. All for a batch of cases at once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from services.oversight.domain import Case, Milestone
from shared import database
from shared.contracts import CaseAnswered, CaseAssigned, GrievanceRegistered

Cases = Mapping[str, Case]  # by number
Milestones = Mapping[str, Sequence[Milestone]]  # by number

_TOLD_BY_INTAKE = (
    "kind",
    "office",
    "channel",
    "urgency",
    "category",
    "place",
    "unit",
    "petitioners",
    "summary",
    "received_at",
)
_TOLD_BY_ROUTING = ("lead", "cooperating", "county_version")


_CASE = "watched.number, watched.kind, watched.channel, watched.urgency"
_LOCK = f"""
    SELECT {_CASE} FROM watched WHERE number = ANY(%(numbers)s) ORDER BY number FOR UPDATE
"""  # nosec B608 - our own names


def _upsert(*names: str) -> str:
    kept = ", ".join(f"{name} = excluded.{name}" for name in names)
    added = database.insert_rows("watched", ("number", *names))
    return f"""
        {added} ORDER BY number ON CONFLICT (number) DO UPDATE SET {kept} RETURNING {_CASE}
    """  # nosec B608 - our own names


_REGISTER = _upsert(*_TOLD_BY_INTAKE)
_ASSIGN = _upsert(*_TOLD_BY_ROUTING)
_ANSWER = f"""
    UPDATE watched SET answered_at = new.answered_at, outcome = new.outcome
    FROM json_populate_recordset(NULL::watched, %(rows)s) AS new WHERE watched.number = new.number
    RETURNING {_CASE}
"""  # nosec B608 - our own names

# Adds milestones and returns all of the cases, these included, in one round trip.
_NOTE = f"""
    WITH added AS (
        {database.insert_rows("milestone", ("number", "department", "name", "at"))}
        RETURNING number, department, name, at
    )
    SELECT number, department, name, at FROM milestone WHERE number = ANY(%(numbers)s)
    UNION ALL SELECT number, department, name, at FROM added
"""  # nosec B608 - our own names


def register(tx: Connection, *events: GrievanceRegistered) -> Cases:
    """Keep intake's part of cases; locks them."""
    names = ("number", *_TOLD_BY_INTAKE)
    return _cases(tx, _REGISTER, database.rows({n: getattr(event, n) for n in names} for event in events))


def assign(tx: Connection, *events: CaseAssigned) -> Cases:
    """Keep routing's part of cases, which may come before intake's; locks them."""
    names = ("number", *_TOLD_BY_ROUTING)
    return _cases(tx, _ASSIGN, database.rows({n: getattr(event, n) for n in names} for event in events))


def answer(tx: Connection, *events: CaseAnswered) -> Cases:
    """Keep when and how assigned cases were answered; locks them."""
    names = ("number", "answered_at", "outcome")
    return _cases(tx, _ANSWER, database.rows({n: getattr(event, n) for n in names} for event in events))


def lock(tx: Connection, numbers: Iterable[str]) -> Cases:
    """Cases that were assigned or registered, locked."""
    return _cases(tx, _LOCK, {"numbers": list(numbers)})


def note(tx: Connection, new: Milestones) -> Milestones:
    """Add milestones of cases (nothing is ever edited); returns all that these cases have."""
    rows = ({"number": number, **vars(m)} for number, milestones in new.items() for m in milestones)
    known: dict[str, list[Milestone]] = {number: [] for number in new}
    for number, *milestone in tx.exec_driver_sql(_NOTE, {"numbers": list(new), **database.rows(rows)}):
        known[number].append(Milestone(*milestone))
    return known


def _cases(tx: Connection, statement: str, values: dict[str, Any]) -> Cases:
    return {row.number: Case(*row) for row in tx.exec_driver_sql(statement, values)}
