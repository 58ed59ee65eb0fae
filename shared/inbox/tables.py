"""What a service keeps of what it heard: a row per event, and how far each stream was applied."""

from sqlalchemy import BigInteger, Column, DateTime, Identity, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from shared.database import METADATA

INBOX = Table(
    "inbox",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("type", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text),
    Column("error", Text),
    Column("body", JSONB),
    Column("said_at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("settled_at", DateTime(timezone=True)),
)

POSITION = Table(
    "stream_position",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("n", Integer, nullable=False),
)

QUARANTINE = Table(
    "quarantine",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

DISCARD = Table(
    "discard",
    METADATA,
    Column("event_id", Uuid, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("confirmed_by", Text),
    Column("confirmed_at", DateTime(timezone=True)),
)
