"""Intake's queries. Rows ↔ dataclasses; nothing is decided here. `petitioners` are kept sealed, and `views`
is the record of who was shown them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, func, insert, select

from services.intake import domain
from services.intake.domain import Grievance, Petitioner
from services.intake.store import petitioners, views
from services.intake.store.tables import DEADLINE, FACTS, GRIEVANCE, LOOKUP_FAILURE, PETITIONER, STEP
from shared import database, idempotency, outbox, paging
from shared.database import Direct
from shared.policy import Reach, conditions
from shared.vault import Vault

_GRIEVANCE_FIELDS = [field.name for field in fields(Grievance)]
_PETITIONER_FIELDS = PETITIONER.c.keys()
_COLUMNS = [GRIEVANCE.c[name] for name in _GRIEVANCE_FIELDS]
_OF = GRIEVANCE.c.number == bindparam("number")
_GET = select(*_COLUMNS).where(_OF)


# The key, the grievance, its petitioners and the event that tells of it, in one statement and so in one
# transaction: all of them, or none if the key was claimed before.
_REGISTER = f"""
    WITH {idempotency.CLAIMED},
    kept AS (
        INSERT INTO grievance ({", ".join(_GRIEVANCE_FIELDS)})
        SELECT {", ".join(f"new.{name}" for name in _GRIEVANCE_FIELDS)}
        FROM claimed, json_populate_record(NULL::grievance, %(grievance)s) AS new
    ),
    brought AS (
        INSERT INTO petitioner ({", ".join(_PETITIONER_FIELDS)})
        SELECT {", ".join(f"new.{name}" for name in _PETITIONER_FIELDS)}
        FROM claimed, json_populate_recordset(NULL::petitioner, %(petitioners)s) AS new
    ),
    event AS (SELECT event.* FROM claimed, ({outbox.EVENTS}) AS event),
    head AS ({outbox.HEADS}),
    said AS ({outbox.NUMBERED})
    SELECT number FROM claimed
"""  # nosec B608 - our own names


def next_sequence(db: Direct) -> int:
    """The next number of the county's sequence. A transaction that fails leaves a gap, never a double."""
    row = db.execute("SELECT nextval('grievance_sequence')").fetchone()
    return int(row[0]) if row else 0


def register(db: Direct, values: Mapping[str, Any]) -> bool:
    """Keep a new grievance and its event, if its request is no repetition; whether it was none.

    `values` are all that `Request.claiming`, `keeping` and `outbox.telling` give.
    """
    return db.execute(_REGISTER, values).fetchone() is not None


def keeping(vault: Vault, grievance: Grievance, people: Sequence[Petitioner]) -> dict[str, str]:
    """A grievance and those who brought it, their fields sealed, as parameters of `register`."""
    rows = petitioners.sealed(vault, grievance.number, people)
    return {"grievance": orjson.dumps(grievance).decode(), "petitioners": orjson.dumps(rows).decode()}


def get(tx: Connection, number: str) -> Grievance | None:
    """The grievance with this number, or None."""
    row = tx.execute(_GET, {"number": number}).one_or_none()
    return None if row is None else Grievance(**row._mapping)


def listed(
    tx: Connection, reach: Reach, status: str | None, phone_indexes: Sequence[bytes] | None, page: int
) -> tuple[int, list[Grievance]]:
    """One page of what is within reach, the newest first, and how many there are in all."""
    condition = conditions.where(reach, FACTS)
    if status is not None:
        condition &= GRIEVANCE.c.status == status
    if phone_indexes is not None:
        of_person = select(PETITIONER.c.number).where(PETITIONER.c.phone_index.in_(phone_indexes))
        condition &= GRIEVANCE.c.number.in_(of_person)
    newest = select(*_COLUMNS).where(condition)
    newest = newest.order_by(GRIEVANCE.c.registered_at.desc(), GRIEVANCE.c.number.desc())
    total, rows = paging.read(tx, newest, page)
    return total, [Grievance(**row._mapping) for row in rows]


_MOVE = """
    UPDATE grievance SET status = %(wanted)s WHERE number = ANY(%(numbers)s) AND status = ANY(%(before)s)
"""
_ASSIGN = """
    UPDATE grievance SET lead = new.lead, cooperating = new.cooperating
    FROM json_populate_recordset(NULL::grievance, %(rows)s) AS new WHERE grievance.number = new.number
"""
_ADD_STEPS = database.insert_rows("step", ("number", "what", "department", "words", "at"))
_SET_DEADLINES = f"""
    {database.insert_rows("deadline", DEADLINE.c.keys())}
    ON CONFLICT (number, deadline) DO UPDATE
    SET {", ".join(f"{name} = excluded.{name}" for name in ("clock", "department", "due_at", "state"))}
"""  # nosec B608 - our own names


def move(tx: Connection, numbers: Iterable[str], wanted: str) -> None:
    """Bring grievances to the status `wanted`, those for which that is an allowed move."""
    values = {"wanted": wanted, "numbers": list(numbers), "before": list(domain.before(wanted))}
    tx.exec_driver_sql(_MOVE, values)


def assign(tx: Connection, departments: Mapping[str, tuple[str, tuple[str, ...]]]) -> None:
    """Note the lead and the cooperating departments of grievances, by their numbers."""
    rows = ({"number": n, "lead": lead, "cooperating": others} for n, (lead, others) in departments.items())
    tx.exec_driver_sql(_ASSIGN, database.rows(rows))


def add_steps(tx: Connection, steps: Mapping[str, domain.Step]) -> None:
    """Add to what petitioners read, by number; nothing is ever edited."""
    tx.exec_driver_sql(_ADD_STEPS, database.rows({"number": n, **vars(step)} for n, step in steps.items()))


def set_deadlines(tx: Connection, deadlines: Mapping[str, domain.Deadline]) -> None:
    """Keep deadlines, one of each of some grievances, as oversight last told them."""
    rows = ({"number": number, **vars(deadline)} for number, deadline in deadlines.items())
    tx.exec_driver_sql(_SET_DEADLINES, database.rows(rows))


def tracking(tx: Connection, number: str) -> domain.Tracking:
    """All that a petitioner may follow of an existing grievance."""
    row = tx.execute(select(GRIEVANCE).where(_OF), {"number": number}).one()
    steps = tx.execute(select(STEP).where(STEP.c.number == number).order_by(STEP.c.at, STEP.c.n))
    deadlines = tx.execute(select(DEADLINE).where(DEADLINE.c.number == number).order_by(DEADLINE.c.due_at))
    return domain.Tracking(
        number=number,
        status=row.status,
        kind=row.kind,
        summary=row.summary,
        received_at=row.received_at,
        lead=row.lead,
        cooperating=tuple(row.cooperating),
        deadlines=tuple(
            domain.Deadline(d.deadline, d.clock, d.department, d.due_at, d.state) for d in deadlines
        ),
        steps=tuple(domain.Step(s.what, s.department, s.words, s.at) for s in steps),
        views=views.told(tx, number),
    )


def lookup_failures(tx: Connection, of: Sequence[str], since: datetime) -> dict[str, int]:
    """How often a look-up of each number, or from each address, has failed since then, if it has."""
    counts = (
        select(LOOKUP_FAILURE.c.of, func.count())
        .where(LOOKUP_FAILURE.c.of.in_(of), LOOKUP_FAILURE.c.at > since)
        .group_by(LOOKUP_FAILURE.c.of)
    )
    return {row.of: int(row[1]) for row in tx.execute(counts)}


def note_lookup_failure(tx: Connection, of: Sequence[str], now: datetime, kept: timedelta) -> None:
    """Count one more failed look-up, and forget those older than `kept`."""
    tx.execute(LOOKUP_FAILURE.delete().where(LOOKUP_FAILURE.c.at < now - kept))
    tx.execute(insert(LOOKUP_FAILURE), [{"of": each, "at": now} for each in of])
