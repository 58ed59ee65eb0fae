"""Who is asking: access keys, and what their holders are (S4).

Keys live in the `identity` database: oversight writes it, the other services only read. A key is shown
once, when it is issued; only its SHA-256 stays. It reads `mq_live_<id>_<secret>_<check>`: the prefix lets a
scanner find a leaked key, the check (CRC32) lets it drop look-alikes without asking the database.
"""

import hmac
import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, func, insert, select, update

from shared import database
from shared.identity import references
from shared.identity.model import KEY_ROLES, Caller, flaws
from shared.identity.references import ALPHABET
from shared.identity.tables import ACCESS_KEY, METADATA

__all__ = [
    "ACCESS_KEY",
    "KEY_ROLES",
    "METADATA",
    "Caller",
    "holder",
    "issue",
    "listed",
    "new_id",
    "revoke",
    "verify",
]

PREFIX = "mq_live"


def issue(engine: Engine, caller: Caller, label: str, expires_at: datetime) -> str:
    """Keep a new key for `caller` (whose `key` is its new id); return its text, never shown again.

    Raises ValueError for an unknown role, or a department key without its department.
    """
    if caller.held not in KEY_ROLES:
        raise ValueError(f"role: {caller.held}; one of {', '.join(KEY_ROLES)}")
    if wrong := flaws(caller.held, {"department": caller.department, "office": caller.office}):
        raise ValueError(f"{', '.join(wrong)}: missing, or not for this role")
    secret = references.word(32)
    values = {
        "id": caller.key,
        "secret_digest": references.digest(secret),
        "role": caller.held,
        "department": caller.department,
        "office": caller.office,
        "label": label,
        "expires_at": expires_at,
    }
    with engine.begin() as tx:
        tx.execute(insert(ACCESS_KEY).values(values))
    body = f"{PREFIX}_{caller.key}_{secret}"
    return f"{body}_{_check(body)}"


def new_id() -> str:
    """An id for a key to be issued."""
    return references.word(8)


def verify(engine: Engine, text: str) -> Caller | None:
    """The holder of a live key; None if it is malformed, unknown, expired or revoked."""
    body, _, check = text.rpartition("_")
    parts = body.split("_")
    if len(parts) != 4 or not (body.isascii() and body.isprintable()):
        return None
    if not hmac.compare_digest(check.encode(), _check(body).encode()):
        return None
    row = _live(engine, parts[2])
    if row is None or not hmac.compare_digest(row[-1], references.digest(parts[3])):
        return None
    return _holder(row)


def holder(engine: Engine, key: str) -> Caller | None:
    """The holder of the live key with this id (a signed session names it); None if it lives no more."""
    row = _live(engine, key)
    return None if row is None else _holder(row)


def _holder(row: Any) -> Caller:
    id_, role, department, office, scopes, _ = row
    return Caller(id_, role, department, office, scopes=None if scopes is None else tuple(scopes))


LIVE = """
    SELECT id, role, department, office, scopes, secret_digest FROM access_key
    WHERE id = %s AND revoked_at IS NULL AND expires_at > now()
"""


def _live(engine: Engine, key: str) -> Any:
    with database.direct(engine) as connection:
        return connection.execute(LIVE, [key]).fetchone()


def revoke(engine: Engine, key: str) -> bool:
    """End a key at once, in all services. False if there is no such live key."""
    ended = update(ACCESS_KEY).where(ACCESS_KEY.c.id == key, ACCESS_KEY.c.revoked_at.is_(None))
    with engine.begin() as tx:
        return tx.execute(ended.values(revoked_at=func.now())).rowcount == 1


def listed(engine: Engine) -> Sequence[Any]:
    """All keys, without their secrets, the newest first."""
    columns = [column for column in ACCESS_KEY.c if column.name != "secret_digest"]
    with database.reading(engine) as connection:
        return connection.execute(select(*columns).order_by(ACCESS_KEY.c.created_at.desc())).all()


def _check(body: str) -> str:
    value, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        value, rest = divmod(value, len(ALPHABET))
        digits = ALPHABET[rest] + digits
    return digits
