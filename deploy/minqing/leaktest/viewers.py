"""Everyone who may look: nobody, people in each role, keys of each kind; and whose words they may read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deploy.minqing.leaktest import doors
from deploy.minqing.leaktest.cases import ACCUSED, Case
from deploy.minqing.leaktest.ground import Ground
from shared.identity.model import Caller

OUTSIDE = "veterans"  # a department that no case of the course leads to
OTHER_OFFICE = "legal-aid"  # an office where none is registered
STATION = AREA = "yunmen-town"

Sees = Callable[[Case], bool]


def _nothing(_: Case) -> bool:
    return False


def _everything(_: Case) -> bool:
    return True


def _of(department: str) -> Sees:
    """A department reads the cases that it answers for, and never an accusation against itself."""
    return lambda case: department in case.departments and case.accused != department


@dataclass(frozen=True)
class Viewer:
    """Someone who looks, with the headers that say who they are, and whose free text they may read."""

    name: str
    headers: Mapping[str, str]
    sees: Sees

    def allowed(self, cases: Sequence[Case]) -> frozenset[str]:
        """The labels of the cases whose words they may read."""
        return frozenset(case.label for case in cases if self.sees(case))


NOBODY = Viewer("nobody", {}, _nothing)
# What each role is granted for, and what it reads.
PEOPLE: Mapping[str, tuple[str, Mapping[str, str], Sees]] = {
    "clerk": ("clerk", {}, _everything),
    "clerk elsewhere": ("clerk", {"office": OTHER_OFFICE}, _nothing),
    "agent": ("agent", {"station": STATION}, _nothing),
    "liaison outside": ("liaison", {"department": OUTSIDE}, _of(OUTSIDE)),
    "liaison accused": ("liaison", {"department": ACCUSED}, _of(ACCUSED)),
    "lead accused": ("lead", {"department": ACCUSED}, _of(ACCUSED)),
    "lead outside": ("lead", {"department": OUTSIDE}, _of(OUTSIDE)),
    "supervisor": ("supervisor", {}, _everything),
    "leader": ("leader", {"area": AREA}, _everything),
    "delegate": ("delegate", {"area": AREA}, _nothing),
    "administrator": ("administrator", {}, _nothing),
    "auditor": ("auditor", {}, _everything),
}
KEYS: Mapping[str, tuple[Caller, Sees]] = {
    "key of clerk": (Caller("", "clerk", None, None), _everything),
    "key of supervisor": (Caller("", "supervisor", None, None), _everything),
    "key outside": (Caller("", "department", OUTSIDE, None), _of(OUTSIDE)),
    "key accused": (Caller("", "department", ACCUSED, None), _of(ACCUSED)),
}


ALL = (NOBODY.name, *PEOPLE, *KEYS)
LEAST = (NOBODY.name, "clerk elsewhere", "administrator", "liaison accused", "key outside", "key of clerk")


def everyone(ground: Ground, names: Sequence[str]) -> dict[str, Viewer]:
    """Those who are named, signed in."""
    return {name: _viewer(ground, name) for name in names}


def _viewer(ground: Ground, name: str) -> Viewer:
    if name in KEYS:
        caller, sees = KEYS[name]
        return Viewer(name, doors.key(ground, caller), sees)
    if name in PEOPLE:
        role, scope, sees = PEOPLE[name]
        return Viewer(name, doors.session(ground, name.replace(" ", "."), role, scope), sees)
    return NOBODY
