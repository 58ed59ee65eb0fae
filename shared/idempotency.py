"""One request, one effect: the first statement of a registering transaction claims its Idempotency-Key.

A retry with the same key and body gets the first answer again; the same key with another body is refused.
While the first is still running, the second waits for it in the database, up to the lock time-out.
Keys are scoped to their caller and kept (at least 90 days).
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, DateTime, LargeBinary, Table, Text, bindparam, select

from shared.database import METADATA
from shared.problems import Fault, Invalid, Malformed

REQUEST = Table(
    "idempotent_request",
    METADATA,
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("number", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

# The first part of a statement that does what a request asks: it gives a row only if the key was free.
CLAIMED = """
    claimed AS (
        INSERT INTO idempotent_request (caller, key, fingerprint, number)
        VALUES (%(caller)s, %(key)s, %(fingerprint)s, %(number)s)
        ON CONFLICT DO NOTHING RETURNING number
    )
"""
CLAIM = f"WITH {CLAIMED} SELECT number FROM claimed"  # nosec B608 - our own names
EARLIER = select(REQUEST).where(REQUEST.c.caller == bindparam("caller"), REQUEST.c.key == bindparam("key"))


@dataclass(frozen=True)
class Request:
    """What identifies a request: who sent it, its key, and a digest of what it says."""

    caller: str
    key: str
    fingerprint: bytes

    def claiming(self, number: str) -> dict[str, Any]:
        """The parameters of CLAIMED."""
        return {"caller": self.caller, "key": self.key, "fingerprint": self.fingerprint, "number": number}


def checked(key: str | None) -> str:
    """The Idempotency-Key of a request; refuses (Malformed) a missing, empty or over-long one."""
    if not key or len(key) > 200 or not key.isprintable():
        raise Malformed(
            "缺少请求头 Idempotency-Key（1 至 200 个可见字符）：有了它，重试不会产生重复登记",
            "The header Idempotency-Key is missing (1 to 200 printable characters): it makes a retry safe",
        )
    return key


def claim(tx: Connection, request: Request, number: str) -> str:
    """Claim the key for `number`; returns `number`, or the one an earlier, equal request was given.

    Refuses (Invalid) a key that was used for another body.
    """
    claimed = tx.exec_driver_sql(CLAIM, request.claiming(number)).one_or_none()
    return earlier(tx, request) if claimed is None else number


def earlier(tx: Connection, request: Request) -> str:
    """The number that an earlier request with this key was given; refuses (Invalid) another body."""
    found = tx.execute(EARLIER, {"caller": request.caller, "key": request.key}).one()
    if found.fingerprint != request.fingerprint:
        zh, en = "此 Idempotency-Key 已用于另一份内容", "This Idempotency-Key was used for another body"
        raise Invalid(zh, en, [Fault("Idempotency-Key", zh, en)])
    return str(found.number)
