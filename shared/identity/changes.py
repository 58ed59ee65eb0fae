"""What changed about people and their rights, when, and by whom. Rows are only ever added."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from shared import database, paging
from shared.identity.tables import IDENTITY_CHANGE

COMMAND_LINE = "command-line"  # who acts there

Detail = Mapping[str, str | None]
NOTHING: Detail = {}


def note(tx: Connection, by: str, what: str, subject: str, detail: Detail = NOTHING) -> None:
    """Keep that `by` (an account, `setup` or `command-line`) did `what` (`grant.asked`) to `subject`."""
    kept = {name: value for name, value in detail.items() if value is not None}
    tx.execute(insert(IDENTITY_CHANGE).values(by=by, what=what, subject=subject, detail=kept))


def listed(engine: Engine, page: int = 1) -> tuple[int, Sequence[Any]]:
    """One page of changes, the newest first, and how many there are."""
    with database.reading(engine) as connection:
        return paging.read(connection, select(IDENTITY_CHANGE).order_by(IDENTITY_CHANGE.c.id.desc()), page)
