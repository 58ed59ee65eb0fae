"""The county directory: who answers for what, where, by when. Read once at start and never changed."""

from shared.county.flaws import CountyError, Flaw
from shared.county.load import load
from shared.county.model import (
    Category,
    Clock,
    Condition,
    County,
    Department,
    Leader,
    Length,
    Office,
    Place,
    Recipient,
    Rule,
    Rung,
    Text,
    Year,
)

__all__ = [
    "Category",
    "Clock",
    "Condition",
    "County",
    "CountyError",
    "Department",
    "Flaw",
    "Leader",
    "Length",
    "Office",
    "Place",
    "Recipient",
    "Rule",
    "Rung",
    "Text",
    "Year",
    "load",
]
