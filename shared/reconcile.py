"""Comparing what a source said with what its reader heard, day by day."""

from sqlalchemy import Column, Date, DateTime, Table, Text

from shared.outbox import METADATA

DIVERGENCE = Table(
    "divergence",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("said", Text, nullable=False),
    Column("heard", Text, nullable=False),
    Column("found_at", DateTime(timezone=True), nullable=False),
)
