"""The tables of the identity database, as its migrations make them."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

METADATA = MetaData()


def _moment(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


ACCESS_KEY = Table(
    "access_key",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("secret_digest", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    Column("department", Text),
    Column("office", Text),
    Column("label", Text, nullable=False),
    _moment("created_at", nullable=False),
    _moment("expires_at", nullable=False),
    _moment("revoked_at"),
    Column("scopes", ARRAY(Text)),
    _moment("last_used_at"),
)
ACCOUNT = Table(
    "account",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("login", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("password", Text),
    Column("totp", Text),
    Column("totp_step", BigInteger, nullable=False),
    _moment("created_at", nullable=False),
    Column("created_by", Text, nullable=False),
)
ROLE_GRANT = Table(
    "role_grant",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("department", Text),
    Column("office", Text),
    Column("station", Text),
    Column("area", Text),
    _moment("asked_at", nullable=False),
    Column("asked_by", Text, nullable=False),
    _moment("confirmed_at"),
    Column("confirmed_by", Text),
    _moment("ended_at"),
    Column("ended_by", Text),
)
LIVE_GRANT = ROLE_GRANT.c.ended_at.is_(None) & ROLE_GRANT.c.confirmed_at.is_not(None)
SESSION = Table(
    "session",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("account", Text, nullable=False),
    Column("role_grant", Text),
    _moment("created_at", nullable=False),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
    _moment("factor_at"),
    _moment("ended_at"),
    Column("ended_why", Text),
)
RECOVERY_CODE = Table(
    "recovery_code",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    _moment("used_at"),
)
PASSKEY = Table(
    "passkey",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("credential", LargeBinary, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    _moment("created_at", nullable=False),
    _moment("last_used_at"),
)
PASSKEY_CHALLENGE = Table(
    "passkey_challenge",
    METADATA,
    Column("session", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("challenge", LargeBinary, nullable=False),
    _moment("expires_at", nullable=False),
)
SET_UP_LINK = Table(
    "set_up_link",
    METADATA,
    Column("digest", LargeBinary, primary_key=True),
    Column("account", Text, nullable=False),
    _moment("expires_at", nullable=False),
    _moment("used_at"),
)
LINK_REQUEST = Table(
    "link_request",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("asked_by", Text, nullable=False),
    _moment("asked_at", nullable=False),
)
LINKED_SUBJECT = Table(
    "linked_subject",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("name", Text, nullable=False),
    _moment("linked_at", nullable=False),
)
SPENT_ATTEMPT = Table(
    "spent_attempt",
    METADATA,
    Column("digest", LargeBinary, primary_key=True),
    _moment("at", nullable=False),
)
FAILURE = Table("failure", METADATA, Column("what", Text, nullable=False), _moment("at", nullable=False))
IDENTITY_CHANGE = Table(
    "identity_change",
    METADATA,
    Column("id", BigInteger, primary_key=True),
    _moment("at", nullable=False),
    Column("by", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
)
