"""Routing's queries. Rows ↔ dataclasses; nothing is decided here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, select, true, update
from sqlalchemy.dialects import postgresql

from services.routing.domain import Case, Change, Entry, Line, Task
from services.routing.store.tables import CASE_FILE, LEDGER_ENTRY, TASK
from shared import database, paging
from shared.county.model import Text as Words
from shared.policy import Reach, conditions


@dataclass(frozen=True)
class Ledger:
    """Which tasks to list, of those within reach: of one department or of all, in one state or any."""

    reach: Reach
    department: str | None
    state: str | None
    page: int


_MATTER = [field.name for field in fields(Case) if field.name not in ("reason", "tasks")]
_TASK = [TASK.c[field.name] for field in fields(Task)]
_ENTRY = [field.name for field in fields(Entry)]
_LINE = ("kind", "urgency", "category", "place", "summary", "received_at")
# What is never changed of a case after it was opened.
_FIXED = frozenset(_MATTER[: _MATTER.index("state")])

# `domain.facts` of the rows of a query.
_FACTS: Mapping[str, ColumnElement[Any]] = {
    "department": TASK.c.department,
    "place": CASE_FILE.c.place,
    "accused": conditions.accused(CASE_FILE),
}

_OF = CASE_FILE.c.number == bindparam("number_")
_GET = select(CASE_FILE).where(_OF)
_LOCK = _GET.with_for_update()
_CHANGE = (
    update(CASE_FILE)
    .where(_OF)
    .values({column.name: bindparam(column.name) for column in CASE_FILE.c if column.name not in _FIXED})
)
_TASKS = select(*_TASK).where(TASK.c.number == bindparam("number_")).order_by(TASK.c.department)
_NEW_TASK = postgresql.insert(TASK)
_KEEP_TASK = _NEW_TASK.on_conflict_do_update(
    index_elements=["number", "department"],
    set_={name: _NEW_TASK.excluded[name] for name in ("role", "state", "assigned_at", "objection")},
)
_ADD = database.insert_rows("case_file", CASE_FILE.c.keys())
_ADD_TASK = database.insert_rows("task", TASK.c.keys())
_ADD_ENTRY = database.insert_rows("ledger_entry", _ENTRY)


def add(tx: Connection, *opened: Change) -> None:
    """Keep new cases with their tasks and the first entries of their ledgers."""
    cases = [change.case for change in opened]
    tx.exec_driver_sql(_ADD, database.rows(map(_row, cases)))
    tx.exec_driver_sql(_ADD_TASK, database.rows(vars(task) for case in cases for task in case.tasks))
    note(tx, [entry for change in opened for entry in change.entries])


def keep(tx: Connection, before: Case, change: Change) -> None:
    """Keep what an act changed of a case that `locked` gave."""
    row = {name: value for name, value in _row(change.case).items() if name not in _FIXED}
    tx.execute(_CHANGE, row | {"number_": change.case.number})
    if changed := [vars(task) for task in change.case.tasks if task not in before.tasks]:
        tx.execute(_KEEP_TASK, changed)
    note(tx, change.entries)


def note(tx: Connection, entries: Iterable[Entry]) -> None:
    """Add lines to ledgers; nothing there is ever edited."""
    tx.exec_driver_sql(_ADD_ENTRY, database.rows(map(vars, entries)))


def locked(tx: Connection, number: str) -> Case | None:
    """The case with this number, or None; nobody else changes it until the transaction ends."""
    return _case(tx, tx.execute(_LOCK, {"number_": number}).one_or_none())


def get(tx: Connection, number: str) -> Case | None:
    """The case with this number, or None."""
    return _case(tx, tx.execute(_GET, {"number_": number}).one_or_none())


def entries(tx: Connection, number: str, department: str) -> list[Entry]:
    """A department's ledger of a case, the oldest entry first."""
    rows = tx.execute(
        select(*(LEDGER_ENTRY.c[name] for name in _ENTRY))
        .where(LEDGER_ENTRY.c.number == number, LEDGER_ENTRY.c.department == department)
        .order_by(LEDGER_ENTRY.c.at, LEDGER_ENTRY.c.n)
    )
    return [Entry(**row._mapping) for row in rows]


def waiting(tx: Connection, reach: Reach, page: int) -> tuple[int, list[Case]]:
    """One page of the triage queue within reach, the longest waiting first, and how many wait there."""
    condition = (CASE_FILE.c.state == "triage") & conditions.where(reach, _FACTS)
    longest = select(CASE_FILE).where(condition).order_by(CASE_FILE.c.triaged_at, CASE_FILE.c.number)
    total, rows = paging.read(tx, longest, page)
    tasks = _tasks_of(tx, [row.number for row in rows])
    return total, [_made(row, [task for task in tasks if task.number == row.number]) for row in rows]


def ledger(tx: Connection, wanted: Ledger) -> tuple[int, list[Line]]:
    """One page of tasks, the newest first, and how many there are in all."""
    condition = conditions.where(wanted.reach, _FACTS)
    if wanted.department is not None:
        condition &= TASK.c.department == wanted.department
    if wanted.state is not None:
        condition &= TASK.c.state == wanted.state
    tasks = select(*_TASK, *(CASE_FILE.c[name] for name in _LINE)).join(CASE_FILE).where(condition)
    page = paging.cut(tasks.order_by(*_newest(TASK.c)), wanted.page).subquery()
    last = _last_entry(page.c.number, page.c.department)
    rows = tx.execute(select(page, last).outerjoin(last, true()).order_by(*_newest(page.c)))
    return paging.count(tx, tasks), [_line(row) for row in rows]


def _newest(columns: Any) -> Sequence[ColumnElement[Any]]:
    return columns.assigned_at.desc(), columns.number.desc(), columns.department


def _last_entry(number: ColumnElement[str], department: ColumnElement[str]) -> Any:
    """The last ledger entry of each task, and how many there are: one row, joined beside the task's."""
    return (
        select(
            *(LEDGER_ENTRY.c[name].label(f"last_{name}") for name in ("what", "words", "at", "by")),
            func.count().over().label("entries"),
        )
        .where(LEDGER_ENTRY.c.number == number, LEDGER_ENTRY.c.department == department)
        .order_by(LEDGER_ENTRY.c.at.desc(), LEDGER_ENTRY.c.n.desc())
        .limit(1)
        .lateral("last")
    )


def _line(row: Row[Any]) -> Line:
    task = Task(**{column.name: row._mapping[column.name] for column in _TASK})
    last = Entry(task.number, task.department, row.last_what, row.last_words, row.last_at, row.last_by)
    matter = {name: row._mapping[name] for name in _LINE}
    return Line(task=task, **matter, entries=row.entries or 0, last=last if row.entries else None)


def _row(case: Case) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(case, name) for name in _MATTER}
    reason = case.reason
    return row | {
        "words": list(case.words),
        "reason": reason.zh if reason else None,
        "reason_en": reason.en if reason else None,
    }


def _case(tx: Connection, row: Row[Any] | None) -> Case | None:
    if row is None:
        return None
    return _made(row, [Task(**task._mapping) for task in tx.execute(_TASKS, {"number_": row.number})])


def _made(row: Row[Any], tasks: Iterable[Task]) -> Case:
    values: dict[str, Any] = {name: row._mapping[name] for name in _MATTER}
    values["words"] = tuple(row.words)
    reason = None if row.reason is None else Words(row.reason, row.reason_en)
    return Case(**values, reason=reason, tasks=tuple(tasks))


def _tasks_of(tx: Connection, numbers: Sequence[str]) -> list[Task]:
    found = select(*_TASK).where(TASK.c.number.in_(numbers)).order_by(TASK.c.department)
    return [Task(**row._mapping) for row in tx.execute(found)]
