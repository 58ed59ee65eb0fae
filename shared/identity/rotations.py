"""Rotations of secret keys: asked for by one person, confirmed by another (S17).

What the record of changes says of a key file is all that is kept of them.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from shared.identity import changes
from shared.identity.tables import IDENTITY_CHANGE
from shared.problems import Conflict, NotFound

WAITS = timedelta(days=7)  # how long an application can be confirmed


def lock(tx: Connection) -> None:
    """Let nobody else change secret keys until this transaction ends."""
    tx.execute(select(func.pg_advisory_xact_lock(func.hashtext("secrets"))))


def ask(tx: Connection, file: str, reason: str, person: str) -> None:
    """Ask that the keys in `file` be rotated. Conflict if somebody has asked."""
    lock(tx)
    if waiting(tx, file) is not None:
        raise Conflict("已有人申请更换此密钥", "Somebody has asked for this already")
    changes.note(tx, person, "secret.asked", file, {"label": reason})


def confirm(tx: Connection, file: str, person: str) -> None:
    """Confirm what another person asked for. NotFound if nobody has; Conflict for the person who asked."""
    lock(tx)
    asked = waiting(tx, file)
    if asked is None:
        raise NotFound("没有待确认的更换申请", "Nobody has asked to rotate this key")
    if asked.by == person:
        raise Conflict("须由另一人确认", "Another person has to confirm")
    changes.note(tx, person, "secret.confirmed", file)


def waiting(tx: Connection, file: str) -> Any:
    """The change (at, by, detail) by which somebody asked and that still waits; None if there is none."""
    own = (IDENTITY_CHANGE.c.subject == file) & IDENTITY_CHANGE.c.what.like("secret.%")
    last = tx.execute(
        select(IDENTITY_CHANGE).where(own).order_by(IDENTITY_CHANGE.c.id.desc()).limit(1)
    ).first()
    if last is None or last.what != "secret.asked":
        return None
    return last if last.at > tx.execute(select(func.now())).scalar_one() - WAITS else None
