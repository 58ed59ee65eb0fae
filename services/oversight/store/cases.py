"""What is known of each case, and what happened to it."""

from collections.abc import Sequence

from sqlalchemy import Connection, Executable, bindparam, select, text, update
from sqlalchemy.dialects.postgresql import insert

from services.oversight.domain import Case, Milestone
from services.oversight.store.tables import WATCHED
from shared.contracts import CaseAnswered, CaseAssigned, GrievanceRegistered

_OF = WATCHED.c.number == bindparam("of")
_CASE = (WATCHED.c.number, WATCHED.c.kind, WATCHED.c.channel, WATCHED.c.urgency)
_LOCK = select(*_CASE).where(_OF).with_for_update()

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


def _upsert(*names: str) -> Executable:
    added = insert(WATCHED).values({name: bindparam(name) for name in ("number", *names)})
    return added.on_conflict_do_update(
        index_elements=["number"], set_={name: added.excluded[name] for name in names}
    ).returning(*_CASE)


_REGISTER = _upsert(*_TOLD_BY_INTAKE)
_ASSIGN = _upsert(*_TOLD_BY_ROUTING)
_ANSWER = (
    update(WATCHED)
    .where(_OF)
    .values(answered_at=bindparam("at"), outcome=bindparam("outcome_"))
    .returning(*_CASE)
)

# Adds milestones and returns all of the case, these included, in one round trip.
_NOTE = text(
    """
    WITH added AS (
        INSERT INTO milestone (number, department, name, at)
        SELECT :number, department, name, at FROM unnest(
            CAST(:departments AS text[]), CAST(:names AS text[]), CAST(:moments AS timestamptz[])
        ) AS m (department, name, at)
        RETURNING department, name, at
    )
    SELECT department, name, at FROM milestone WHERE number = :number
    UNION ALL SELECT department, name, at FROM added
    """
)


def register(tx: Connection, event: GrievanceRegistered) -> Case:
    """Keep intake's part of a case; locks the case."""
    values = {name: getattr(event, name) for name in ("number", *_TOLD_BY_INTAKE)}
    return Case(*tx.execute(_REGISTER, values).one())


def assign(tx: Connection, event: CaseAssigned) -> Case:
    """Keep routing's part of a case, which may come before intake's; locks the case."""
    values = {name: getattr(event, name) for name in ("number", *_TOLD_BY_ROUTING)}
    return Case(*tx.execute(_ASSIGN, values | {"cooperating": list(event.cooperating)}).one())


def answer(tx: Connection, event: CaseAnswered) -> Case:
    """Keep when and how an assigned case was answered; locks the case."""
    values = {"of": event.number, "at": event.answered_at, "outcome_": event.outcome}
    return Case(*tx.execute(_ANSWER, values).one())


def lock(tx: Connection, number: str) -> Case:
    """A case that was assigned or registered, locked."""
    return Case(*tx.execute(_LOCK, {"of": number}).one())


def note(tx: Connection, number: str, milestones: Sequence[Milestone]) -> list[Milestone]:
    """Add milestones of a case (nothing is ever edited); returns all that it has."""
    values = {
        "number": number,
        "departments": [m.department for m in milestones],
        "names": [m.name for m in milestones],
        "moments": [m.at for m in milestones],
    }
    return [Milestone(*row) for row in tx.execute(_NOTE, values)]
