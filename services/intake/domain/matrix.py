"""Who is answered what: role × situation × group of fields (S3). What is not here is not answered. Pure.

Which rows somebody sees is decided elsewhere; this says what they see of a row.
"""

from collections.abc import Mapping

READ = "read"  # a grievance that one may see
REVEALED = "revealed"  # its petitioners, after a view of them was recorded
RECORD = "record"  # who viewed them, as staff read it
TRACKED = "tracked"  # what number and query code open
PETITIONER = "petitioner"  # the role of whoever has these

GROUPS: Mapping[str, frozenset[str]] = {
    "matter": frozenset(
        {
            "number", "kind", "status", "office", "channel", "urgency", "category", "place", "unit",
            "petitioners", "summary", "text", "received_at", "registered_at", "county_version",
        }
    ),
    "course": frozenset(
        {"number", "status", "kind", "summary", "received_at", "lead", "cooperating", "deadlines", "steps"}
    ),
    "contact": frozenset({"name", "phone", "representative"}),
    "document": frozenset({"id_number"}),
    "home": frozenset({"address"}),
    # Of a view: which body and role, when and why; and who exactly, from where.
    "seen": frozenset({"at", "held", "department", "office", "reason"}),
    "seen by": frozenset(
        {
            "n", "what", "number", "by", "person", "origin", "fields", "request", "approved_by", "sought",
            "found",
        }
    ),
    "own views": frozenset({"views"}),
}  # fmt: skip

_WHOLE = ("contact", "document", "home")
_DEPARTMENT: Mapping[str, tuple[str, ...]] = {READ: ("matter",), REVEALED: _WHOLE}

MATRIX: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "clerk": {READ: ("matter",), REVEALED: _WHOLE, RECORD: ("seen", "seen by")},
    "liaison": _DEPARTMENT,
    "lead": _DEPARTMENT,
    "department": _DEPARTMENT,
    "supervisor": {READ: ("matter",), RECORD: ("seen", "seen by")},
    "auditor": {READ: ("matter",), RECORD: ("seen", "seen by")},
    "leader": {READ: ("matter",)},
    "agent": {READ: ("matter",)},
    "delegate": {},
    "administrator": {},
    PETITIONER: {TRACKED: ("course", "own views", "seen")},
}


def allowed(role: str, situation: str) -> frozenset[str]:
    """The fields that a role is answered in a situation: none for what the table does not have."""
    groups = MATRIX.get(role, {}).get(situation, ())
    return frozenset[str]().union(*(GROUPS[group] for group in groups))
