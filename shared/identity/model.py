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

    What it may do is said by `shared.policy`. `needs` are the parts of its scope that must be named, `may`
    those that can be; no others are taken. `second_factor` says that a password alone is not enough.
    `person` is False for what only a machine can be. An access key of it can be limited to some of `scopes`;
    where there are none, no key can have it.
    """

    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    second_factor: bool = False
    person: bool = True
    scopes: tuple[str, ...] = ()


# DOMAIN's people, and the one machine role. Whoever watches may name the body they belong to: accusations
# against it are kept from them.
ROLES: Mapping[str, Role] = {
    "clerk": Role(may=("office",), scopes=SCOPES),
    "agent": Role(needs=("station",)),
    "liaison": Role(needs=("department",)),
    "lead": Role(needs=("department",)),
    "supervisor": Role(may=("department",), second_factor=True, scopes=(READ, ACT)),
    "leader": Role(may=("area", "department"), second_factor=True),
    "delegate": Role(may=("area",)),
    "administrator": Role(may=("department",), second_factor=True),
    "auditor": Role(may=("department",), second_factor=True),
    "department": Role(needs=("department",), person=False, scopes=SCOPES),
}
PEOPLE = tuple(name for name, role in ROLES.items() if role.person)
KEY_ROLES = tuple(name for name, role in ROLES.items() if role.scopes)


@dataclass(frozen=True)
class Caller:
    """Whoever sent a request: a person who works in one of their roles, or a machine with an access key.

    `key` is the id of the session or of the access key, `held` the role that was granted. `office` None is
    the centre. `account` and `name` are a person's. `scopes` None are those of the role. `bodies` are the
    departments, offices and stations that a person was given by any role: they belong to all of them at once.
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
    bodies: tuple[str, ...] = ()

    @property
    def responsible(self) -> str:
        """Who answers for what is done: a person's account, whatever session it was; else the access key."""
        return self.account or self.key


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
