"""Intake's tables, and which of their columns the policy goes by."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    case,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.county.terms import ACCUSATION
from shared.policy import conditions

METADATA = MetaData()

GRIEVANCE = Table(
    "grievance",
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
    Column("registered_at", DateTime(timezone=True), nullable=False),
    Column("registered_by", Text, nullable=False),
    Column("county_version", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("lead", Text),
    Column("cooperating", ARRAY(Text), nullable=False, server_default="{}"),
)

PETITIONER = Table(
    "petitioner",
    METADATA,
    Column("number", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("phone", Text),
    Column("id_number", Text),
    Column("address", Text),
    Column("representative", Boolean, nullable=False),
    Column("phone_index", LargeBinary),
    Column("id_index", LargeBinary),
)

STEP = Table(
    "step",
    METADATA,
    Column("number", Text, primary_key=True),
    Column("n", Integer, Identity(), primary_key=True),
    Column("what", Text, nullable=False),
    Column("department", Text),
    Column("words", JSONB, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

DEADLINE = Table(
    "deadline",
    METADATA,
    Column("number", Text, primary_key=True),
    Column("deadline", Text, primary_key=True),
    Column("clock", Text, nullable=False),
    Column("department", Text, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
)

LOOKUP_FAILURE = Table(
    "lookup_failure",
    METADATA,
    Column("of", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

IDENTITY_VIEW = Table(
    "identity_view",
    METADATA,
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("what", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Column("held", Text, nullable=False),
    Column("department", Text),
    Column("office", Text),
    Column("person", Text),
    Column("origin", Text, nullable=False),
    Column("number", Text),
    Column("reason", Text),
    Column("fields", ARRAY(Text), nullable=False, server_default="{}"),
    Column("request", BigInteger),
    Column("approved_by", Text),
    Column("sought", Text),
    Column("found", Integer),
    Column("before", Text, nullable=False),
    Column("digest", Text, nullable=False),
)

IDENTITY_VIEW_HEAD = Table(
    "identity_view_head",
    METADATA,
    Column("one", Boolean, primary_key=True, server_default="true"),
    Column("n", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
)

# `domain.facts` of rows.
FACTS = {
    "office": GRIEVANCE.c.office,
    "place": GRIEVANCE.c.place,
    "unit": GRIEVANCE.c.unit,
    "accused": conditions.accused(GRIEVANCE),
    "open": case((GRIEVANCE.c.kind != ACCUSATION, "yes")),
}
