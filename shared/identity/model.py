"""Who asks, as a value. Pure."""

from dataclasses import dataclass

ROLES = ("clerk", "department", "supervisor")


@dataclass(frozen=True)
class Caller:
    """A clerk (of an office, or of the centre if None), a department, or a supervisor.

    `key` is the id of the access key that spoke.
    """

    key: str
    role: str
    department: str | None
    office: str | None
