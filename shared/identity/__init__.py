"""Who is asking: access keys, and what their holders are (S4).

Keys live in the `identity` database: oversight writes it, the other services read it and note there when a
key was last used. A key is shown once, when it is issued; only its SHA-256 stays. It reads
`mq_live_<id>_<secret>_<check>`: the prefix lets a scanner find a leaked key, the check (CRC32) lets it drop
look-alikes without asking the database.
"""

import hmac
import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from shared import database, telemetry
from shared.identity import changes, references
from shared.identity.changes import COMMAND_LINE
from shared.identity.model import KEY_ROLES, ROLES, Caller, flaws
from shared.identity.references import ALPHABET
from shared.identity.tables import ACCESS_KEY

__all__ = [
    "KEY_ROLES",
    "Caller",
    "holder",
    "issue",
    "listed",
    "new_id",
    "revoke",
    "rotate",
    "verify",
]

PREFIX = "mq_live"
LONGEST = timedelta(days=366)
MOST = 2  # live keys of one holder: the one in use, and the one that replaces it


def issue(engine: Engine, caller: Caller, label: str, expires_at: datetime, by: str = COMMAND_LINE) -> str:
    """Keep a new key for `caller` (whose `key` is its new id); return its text, never shown again.

    Raises ValueError for an unknown role or scope, a scope that does not fit the role, more than a year, and
    a third live key of one holder: the same role, body and label.
    """
    if found := _flaw(caller):
        raise ValueError(found)
    with engine.begin() as tx:
        if tx.execute(select(func.now())).scalar_one() + LONGEST < expires_at:
            raise ValueError("expires: within a year")
        _require_room(tx, caller, label)
        return _add(tx, caller, label, expires_at, by)


def rotate(engine: Engine, key: str, expires_at: datetime, overlap: timedelta, by: str = COMMAND_LINE) -> str:
    """Issue a second key to the holder of a live one, which ends after `overlap`; return the new one's text.

    Raises ValueError if there is no such live key, or a second one already.
    """
    old = holder(engine, key)
    if old is None:
        raise ValueError(f"key: {key} is not live")
    own = ACCESS_KEY.c.id == key
    with engine.begin() as tx:
        label = tx.execute(select(ACCESS_KEY.c.label).where(own)).scalar_one()
        _require_room(tx, old, label)
        ends = func.least(ACCESS_KEY.c.expires_at, func.now() + overlap)
        tx.execute(update(ACCESS_KEY).where(own).values(expires_at=ends))
        changes.note(tx, by, "key.revoked", key, {"label": label})
        return _add(tx, replace(old, key=new_id()), label, expires_at, by)


def _flaw(caller: Caller) -> str | None:
    if caller.held not in KEY_ROLES:
        return f"role: {caller.held}; one of {', '.join(KEY_ROLES)}"
    if wrong := flaws(caller.held, {"department": caller.department, "office": caller.office}):
        return f"{', '.join(wrong)}: missing, or not for this role"
    beyond = set(caller.scopes or ()) - set(ROLES[caller.held].scopes)
    return f"scopes: {', '.join(sorted(beyond))}: not of this role" if beyond else None


def _require_room(tx: Connection, caller: Caller, label: str) -> None:
    tx.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"key:{label}"))))
    same = (
        (ACCESS_KEY.c.role == caller.held)
        & ACCESS_KEY.c.department.is_not_distinct_from(caller.department)
        & ACCESS_KEY.c.office.is_not_distinct_from(caller.office)
        & (ACCESS_KEY.c.label == label)
    )
    live = ACCESS_KEY.c.revoked_at.is_(None) & (ACCESS_KEY.c.expires_at > func.now())
    if tx.execute(select(func.count()).where(same, live)).scalar_one() >= MOST:
        raise ValueError(f"label: {label} has {MOST} live keys; revoke one first")


def _add(tx: Connection, caller: Caller, label: str, expires_at: datetime, by: str) -> str:
    secret = references.word(32)
    values = {
        "id": caller.key,
        "secret_digest": references.digest(secret),
        "role": caller.held,
        "department": caller.department,
        "office": caller.office,
        "scopes": None if caller.scopes is None else list(caller.scopes),
        "label": label,
        "expires_at": expires_at,
    }
    tx.execute(insert(ACCESS_KEY).values(values))
    changes.note(tx, by, "key.issued", caller.key, {"role": caller.held, "label": label})
    body = f"{PREFIX}_{caller.key}_{secret}"
    return f"{body}_{_check(body)}"


def new_id() -> str:
    """An id for a key to be issued."""
    return references.word(8)


def verify(engine: Engine, text: str) -> Caller | None:
    """The holder of a live key; None if it is malformed, unknown, expired or revoked."""
    key, secret = _parts(text)
    row = _live(engine, key) if key else None
    if row is None or not hmac.compare_digest(row[-1], references.digest(secret)):
        telemetry.log.warning("key refused", key=key)
        return None
    if row[-2]:
        _note_use(engine, key)
    return _holder(row)


def _parts(text: str) -> tuple[str, str]:
    """The id and the secret that a key's text holds; both empty if its form or its check is wrong."""
    body, _, check = text.rpartition("_")
    parts = body.split("_")
    if len(parts) != 4 or not (body.isascii() and body.isprintable()):
        return "", ""
    right = hmac.compare_digest(check.encode(), _check(body).encode())
    return (parts[2], parts[3]) if right else ("", "")


def holder(engine: Engine, key: str) -> Caller | None:
    """The holder of the live key with this id; None if it lives no more."""
    row = _live(engine, key)
    return None if row is None else _holder(row)


def _holder(row: Any) -> Caller:
    id_, role, department, office, scopes, *_ = row
    return Caller(id_, role, department, office, scopes=None if scopes is None else tuple(scopes))


LIVE = """
    SELECT id, role, department, office, scopes,
        last_used_at IS NULL OR last_used_at < now() - interval '1 hour', secret_digest
    FROM access_key
    WHERE id = %s AND revoked_at IS NULL AND expires_at > now()
"""


def _live(engine: Engine, key: str) -> Any:
    with database.direct(engine) as connection:
        return connection.execute(LIVE, [key]).fetchone()


def _note_use(engine: Engine, key: str) -> None:
    """Keep the hour of its last use: all that intake and routing write here, by a function of oversight's."""
    with database.direct(engine) as connection:
        connection.execute("SELECT note_key_use(%s)", [key])


def revoke(engine: Engine, key: str, by: str = COMMAND_LINE) -> bool:
    """End a key at once, in all services. False if there is no such live key."""
    ended = update(ACCESS_KEY).where(ACCESS_KEY.c.id == key, ACCESS_KEY.c.revoked_at.is_(None))
    with engine.begin() as tx:
        found = tx.execute(ended.values(revoked_at=func.now())).rowcount == 1
        if found:
            changes.note(tx, by, "key.revoked", key)
        return found


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
