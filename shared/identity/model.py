"""Who asks, and what roles there are, as values and tables. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

READ, REGISTER, ACT = "read", "register", "act"
SCOPES = (READ, REGISTER, ACT)

PARTS = ("department", "office", "station", "area")  # what a scope is made of


@dataclass(frozen=True)
class Role:
    """What a role is.

    `acts_as` names the check of the services that it passes (clerk, department, supervisor); None passes
    none. `scopes` are what it may do there. `needs` are the parts of its scope that must be named, `may`
    those that can be; no others are taken. `second_factor` says that a password alone is not enough.
    `person` is False for what only a machine can be, `key` says whether an access key may have it.
    """

    acts_as: str | None
    scopes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    second_factor: bool = False
    person: bool = True
    key: bool = False


# DOMAIN's people, and the one machine role. Whoever acts as nobody yet sees no grievance at all.
ROLES: Mapping[str, Role] = {
    "clerk": Role("clerk", SCOPES, may=("office",), key=True),
    "agent": Role(None, needs=("station",)),
    "liaison": Role("department", SCOPES, needs=("department",)),
    "lead": Role("department", SCOPES, needs=("department",)),
    "supervisor": Role("supervisor", (READ, ACT), second_factor=True, key=True),
    "leader": Role("supervisor", (READ,), may=("area",)),
    "delegate": Role(None, may=("area",)),
    "administrator": Role(None, second_factor=True),
    "auditor": Role("supervisor", (READ,)),
    "department": Role("department", SCOPES, needs=("department",), person=False, key=True),
}
PEOPLE = tuple(name for name, role in ROLES.items() if role.person)
KEY_ROLES = tuple(name for name, role in ROLES.items() if role.key)


@dataclass(frozen=True)
class Caller:
    """Whoever sent a request: a person who works in one of their roles, or a machine with an access key.

    `key` is the id of the session or of the access key, `held` the role that was granted. `office` None is
    the centre. `account` and `name` are a person's. `scopes` None are those of the role.
    """

    key: str
    held: str
    department: str | None
    office: str | None
    station: str | None = None
    area: str | None = None
    account: str | None = None
    name: str | None = None
    scopes: tuple[str, ...] | None = None

    @property
    def responsible(self) -> str:
        """Who answers for what is done: a person's account, whatever session it was; else the access key."""
        return self.account or self.key

    @property
    def role(self) -> str:
        """What the services' checks go by: clerk, department or supervisor; empty for none of them."""
        return ROLES[self.held].acts_as or ""

    def may(self, what: str) -> bool:
        """Whether `what` (read, register, act) lies within the key's or the role's scopes."""
        allowed = ROLES[self.held].scopes
        return what in allowed and (self.scopes is None or what in self.scopes)


def flaws(role: str, scope: Mapping[str, str | None]) -> list[str]:
    """The parts of `scope` that a role needs and lacks, or has and must not; ["role"] for an unknown one."""
    if role not in ROLES:
        return ["role"]
    known = ROLES[role]
    given = {part for part in PARTS if scope.get(part)}
    return sorted((set(known.needs) - given) | (given - set(known.needs) - set(known.may)))


def needs_factor(roles: Sequence[str]) -> bool:
    """Whether whoever has these roles must have a second factor."""
    return any(ROLES[role].second_factor for role in roles)


def next_step(roles: Sequence[str], *, has_factor: bool, shown: bool) -> str:
    """What stands between a right password and work: factor (show it), enrol (set one up), choose (a role),
    enter (the only role there is).

    `roles` are those granted, `shown` says that the second factor was shown in this session.
    """
    if has_factor and not shown:
        return "factor"
    if not has_factor and needs_factor(roles):
        return "enrol"
    return "enter" if len(roles) == 1 else "choose"


MOST_FAILURES = 10
WINDOW = timedelta(minutes=15)


def shut(failures: Sequence[datetime], now: datetime) -> bool:
    """Whether a door is shut: ten failures within a quarter of an hour shut it for another, from the last on.

    `failures` are in any order. None is counted while the door is shut.
    """
    last = sorted(failures)[-MOST_FAILURES:]
    return len(last) == MOST_FAILURES and last[-1] - last[0] <= WINDOW and now - last[-1] < WINDOW
