"""Routing's tables."""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

METADATA = MetaData()

CASE_FILE = Table(
    "case_file",
    METADATA,
    Column("number", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("office", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("urgency", Text),
    Column("category", Text),
    Column("place", Text),
    Column("unit", Text),
    Column("petitioners", Integer, nullable=False),
    Column("summary", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("waits", Text),
    Column("triaged_at", DateTime(timezone=True)),
    Column("lead", Text),
    Column("rule", Text),
    Column("reason", Text),
    Column("reason_en", Text),
    Column("words", ARRAY(Text), nullable=False),
    Column("decided_by", Text),
    Column("county_version", Text),
    Column("handovers", Integer, nullable=False),
    Column("assigned_at", DateTime(timezone=True)),
    Column("explained_by", Text),
    Column("answered_at", DateTime(timezone=True)),
)

TASK = Table(
    "task",
    METADATA,
    Column("number", Text, ForeignKey("case_file.number"), primary_key=True),
    Column("department", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("assigned_at", DateTime(timezone=True), nullable=False),
    Column("objection", Text),
)

LEDGER_ENTRY = Table(
    "ledger_entry",
    METADATA,
    Column("number", Text, primary_key=True),
    Column("department", Text, primary_key=True),
    Column("n", BigInteger, Identity(), primary_key=True),
    Column("what", Text, nullable=False),
    Column("words", JSONB, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
)
