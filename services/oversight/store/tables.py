"""Oversight's tables."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Identity, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

METADATA = MetaData()

WATCHED = Table(
    "watched",
    METADATA,
    Column("number", Text, primary_key=True),
    Column("kind", Text),
    Column("office", Text),
    Column("channel", Text),
    Column("urgency", Text),
    Column("category", Text),
    Column("place", Text),
    Column("unit", Text),
    Column("petitioners", Integer),
    Column("summary", Text),
    Column("received_at", DateTime(timezone=True)),
    Column("lead", Text),
    Column("cooperating", ARRAY(Text), nullable=False),
    Column("county_version", Text),
    Column("answered_at", DateTime(timezone=True)),
    Column("outcome", Text),
)

DEADLINE = Table(
    "deadline",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("number", Text, nullable=False),
    Column("clock", Text, nullable=False),
    Column("department", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("state", Text, nullable=False),
    Column("duty", Boolean, nullable=False),
    Column("shown", Boolean, nullable=False),
    Column("county_version", Text, nullable=False),
    Column("missed_at", DateTime(timezone=True)),
    Column("rung", Text),
    Column("next_at", DateTime(timezone=True)),
)

DEADLINE_CHANGE = Table(
    "deadline_change",
    METADATA,
    Column("deadline", Text, primary_key=True),
    Column("n", BigInteger, Identity(), primary_key=True),
    Column("former_due_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False),
    Column("county_version", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

NOTICE = Table(
    "notice",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("deadline", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("rung", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("department", Text, nullable=False),
    Column("clock", Text, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("days_late", Integer, nullable=False),
    Column("basis", JSONB, nullable=False),
    Column("published", Boolean, nullable=False),
    Column("publishable", Boolean, nullable=False),
    Column("feedback_due_at", DateTime(timezone=True)),
    Column("served_at", DateTime(timezone=True), nullable=False),
    Column("county_version", Text, nullable=False),
)

NOTICE_DECISION = Table(
    "notice_decision",
    METADATA,
    Column("notice", Text, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("move", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("reason", Text),
    Column("at", DateTime(timezone=True), nullable=False),
)
