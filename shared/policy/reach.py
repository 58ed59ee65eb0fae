"""Which rows one caller reaches by one action. Pure: the same rule judges a value in hand and, by
`conditions`, the rows of a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.county.model import County
from shared.county.terms import ACCUSATION
from shared.identity.model import Caller
from shared.policy.table import ACTIONS, ISOLATION, Part, role
from shared.problems import Forbidden

Parts = Mapping[str, frozenset[str] | None]  # of a caller; None: without bound


@dataclass(frozen=True)
class Clause:
    """The row's `field`, or one of it, must be one of `values`, or (`outside`) none of them."""

    field: str
    values: frozenset[str]
    outside: bool

    def holds(self, row: Mapping[str, object]) -> bool:
        """Whether it holds of a row, given by its fields."""
        found = row[self.field]
        several = found if isinstance(found, frozenset) else {found}
        return bool(self.values & several) is not self.outside


@dataclass(frozen=True)
class Reach:
    """The rows that a caller reaches: those of which every clause holds."""

    clauses: tuple[Clause, ...]

    def holds(self, row: Mapping[str, object]) -> bool:
        """Whether a row, given by its fields, is reached."""
        return all(clause.holds(row) for clause in self.clauses)


def allows(caller: Caller | None, action: str) -> bool:
    """Whether a caller may do this at all, to some rows: by role, by the scopes of their key, as a person."""
    wanted = ACTIONS[action]
    if role(caller) not in wanted.rows:
        return False
    if caller is None:
        return True
    return (caller.scopes is None or wanted.scope in caller.scopes) and not (
        wanted.person and caller.account is None
    )


def reach(caller: Caller | None, action: str, county: County) -> Reach:
    """The rows that a caller reaches by an action. Refuses (Forbidden) one that is not theirs to do."""
    if not allows(caller, action):
        raise Forbidden
    wanted, known = ACTIONS[action], parts(caller, county)
    asked = (*wanted.rows[role(caller)].parts, *([ISOLATION] if wanted.isolated else []))
    return Reach(tuple(clause for part in asked if (clause := _clause(part, known)) is not None))


def _clause(part: Part, known: Parts) -> Clause | None:
    values = known[part.part]
    return None if values is None else Clause(part.field, values, part.outside)


def parts(caller: Caller | None, county: County) -> Parts:
    """What a caller has: offices, departments, places (of their area), units (that they belong to)."""
    if caller is None:
        return {name: frozenset() for name in ("offices", "departments", "places", "units")} | {"yes": _YES}
    return {
        "offices": _offices(caller, county),
        "departments": _some(caller.department),
        "places": _places(caller.area, county),
        "units": units(caller, county),
        "yes": _YES,
    }


_YES = frozenset({"yes"})


def accused(kind: str, unit: str | None) -> str | None:
    """The unit that a grievance of this kind accuses and that must not see it; None for other kinds."""
    return unit if kind == ACCUSATION else None


def _some(value: str | None) -> frozenset[str]:
    return frozenset() if value is None else frozenset({value})


def _offices(caller: Caller, county: County) -> frozenset[str]:
    """The own office; of an agent those of the station; a department's window bears its id."""
    own = _some(caller.office) | _some(caller.department)
    if caller.station is None:
        return own
    return own | {id_ for id_, office in county.offices.items() if office.place == caller.station}


def _places(area: str | None, county: County) -> frozenset[str] | None:
    if area is None:
        return None
    return frozenset(id_ for id_, place in county.places.items() if area in {id_, place.township})


def units(caller: Caller, county: County) -> frozenset[str]:
    """The units that a caller belongs to by any role they were given: what accuses one is kept from them.

    Who sits in an office belongs to the department whose window it is, else to the township of its place,
    else to the centre.
    """
    bodies = {caller.department, caller.office, caller.station, *caller.bodies} - {None}
    at_centre = caller.held == "clerk" and caller.office is None
    found = {county.centre} if at_centre else set()
    return frozenset(found.union(*(_unit(str(body), county) for body in bodies)))


def _unit(body: str, county: County) -> set[str]:
    is_place = body in county.offices or body in county.places
    if body in county.departments or not is_place:  # of one that the county no longer has, too
        return {body}
    place = county.offices[body].place if body in county.offices else body
    return {county.places[place].department if place and place in county.places else county.centre}
