"""What the policy says, claim by claim."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import county, policy
from shared.identity import model
from shared.identity.model import Caller
from shared.policy import table
from shared.policy.reach import parts
from shared.problems import Forbidden
from tests.world import COUNTY

DIRECTORY = county.load(COUNTY)


def caller(held: str, account: str | None = "lin", **has: Any) -> Caller:
    """Someone in a role, with what they were given: department, office, station, area, bodies, scopes."""
    return Caller("k", held, has.pop("department", None), has.pop("office", None), account=account, **has)


CENTRE = caller("clerk")
HOTLINE = caller("clerk", office="hotline")
STATION = caller("clerk", office="yunmen-station")
AGENT = caller("agent", station="dongmen")
HOUSING = caller("liaison", department="housing")
SYSTEM = caller("department", None, department="housing")
SUPERVISOR = caller("supervisor")
DISCIPLINE = caller("supervisor", department="discipline")
YUNMEN = caller("leader", area="yunmen-town")
PEOPLE = [caller(held, department="housing", station="dongmen", office="hotline") for held in model.PEOPLE]


FIELDS = ("office", "place", "unit", "accused", "open", "handling", "department", "published")


def row(**fields: Any) -> dict[str, Any]:
    """A row of a claim that came by the hotline, with these fields."""
    return dict.fromkeys(FIELDS) | fields


def reaches(who: Caller | None, action: str, **fields: Any) -> bool:
    return policy.allows(who, action) and policy.reach(who, action, DIRECTORY).holds(row(**fields))


def accusing(unit: str, **fields: str | None) -> dict[str, str | None]:
    return {"unit": unit, "accused": unit} | fields


def test_every_role_has_its_column_and_every_column_its_role() -> None:
    assert set(policy.ROLES) == {*model.ROLES, policy.ANYONE, table.CENTRE}


def test_no_action_names_a_role_a_field_or_a_part_that_there_is_not() -> None:
    known = parts(CENTRE, DIRECTORY)
    for action in policy.ACTIONS.values():
        assert set(action.rows) <= set(policy.ROLES)
        assert action.scope in model.SCOPES
        for rows in action.rows.values():
            assert {part.part for part in rows.parts} <= set(known)
            assert {part.field for part in rows.parts} <= set(row())


@pytest.mark.parametrize("held", model.ROLES)
def test_whoever_has_no_row_in_the_table_is_refused(held: str) -> None:
    who = caller(held, department="housing", office="hotline", station="dongmen")
    for name, action in policy.ACTIONS.items():
        if policy.role(who) not in action.rows:
            assert not policy.allows(who, name)
            with pytest.raises(Forbidden):
                policy.reach(who, name, DIRECTORY)


@pytest.mark.parametrize(
    ("who", "office", "may"),
    [
        (CENTRE, "hotline", True),
        (HOTLINE, "hotline", True),
        (HOTLINE, "legal-aid", False),
        (AGENT, "dongmen-proxy", True),
        (AGENT, "zhonglou-proxy", False),
        (HOUSING, "housing", True),
        (HOUSING, "hotline", False),
        (SYSTEM, "housing", True),
        (SUPERVISOR, "hotline", False),
        (None, "web", False),
    ],
)
def test_everyone_registers_for_their_own_office(who: Caller | None, office: str, may: bool) -> None:  # noqa: FBT001
    assert reaches(who, "grievance.register", office=office) is may


@pytest.mark.parametrize(
    ("who", "fields", "may"),
    [
        (SUPERVISOR, {"office": "hotline", "unit": "housing"}, True),
        (CENTRE, {"office": "hotline"}, True),
        (HOTLINE, {"office": "hotline"}, True),
        (HOTLINE, {"office": "legal-aid"}, False),
        (HOUSING, {"office": "housing"}, True),
        (HOUSING, {"office": "housing", "unit": "tax"}, True),
        (HOUSING, {"office": "housing", "unit": "housing"}, False),
        (HOUSING, {"office": "hotline"}, False),
        (AGENT, {"office": "dongmen-proxy"}, True),
        (AGENT, {"office": "hotline"}, False),
        (YUNMEN, {"office": "hotline", "place": "dongmen"}, True),
        (YUNMEN, {"office": "hotline", "place": "yunmen-town"}, True),
        (YUNMEN, {"office": "hotline", "place": "heling"}, False),
        (YUNMEN, {"office": "hotline", "place": None}, False),
        (caller("leader"), {"office": "hotline", "place": None}, True),
        (caller("delegate"), {"office": "hotline"}, False),
        (caller("administrator"), {"office": "hotline"}, False),
    ],
)
def test_everyone_sees_their_own_grievances(
    who: Caller,
    fields: dict[str, str | None],
    may: bool,  # noqa: FBT001
) -> None:
    assert reaches(who, "grievance.read", **fields) is may


@pytest.mark.parametrize(
    ("who", "fields", "may"),
    [
        (CENTRE, {}, True),
        (HOTLINE, {"office": "hotline"}, True),
        (HOTLINE, {"office": "legal-aid"}, False),
        (HOUSING, {"handling": frozenset({"housing"})}, True),
        (HOUSING, {"handling": frozenset({"tax", "housing"})}, True),
        (HOUSING, {"handling": frozenset({"tax"})}, False),
        (HOUSING, {"handling": frozenset({"housing"}), "unit": "housing"}, True),
        (HOUSING, {"handling": frozenset({"housing"}), "unit": "housing", "accused": "housing"}, False),
        (HOUSING, {"handling": frozenset({"housing"}), "unit": "tax", "accused": "tax"}, True),
        (SUPERVISOR, {"handling": frozenset({"housing"})}, False),
        (caller("auditor"), {}, False),
        (AGENT, {"office": "dongmen-proxy"}, False),
    ],
)
def test_whoever_must_call_is_shown_petitioners_and_nobody_for_their_rank(
    who: Caller,
    fields: dict[str, Any],
    may: bool,  # noqa: FBT001
) -> None:
    assert reaches(who, "petitioner.reveal", **fields) is may


@pytest.mark.parametrize(
    ("who", "department", "may"),
    [
        (SUPERVISOR, "housing", True),
        (DISCIPLINE, "housing", True),
        (DISCIPLINE, "discipline", False),
        (caller("supervisor", bodies=("housing",)), "housing", False),
        (caller("supervisor", bodies=("yunmen-station",)), "yunmen-town", False),
    ],
)
def test_nobody_decides_of_a_notice_that_names_their_own_unit(
    who: Caller,
    department: str,
    may: bool,  # noqa: FBT001
) -> None:
    assert reaches(who, "notice.decide", department=department) is may
    assert reaches(who, "notice.watch", department=department)


SEARCH, DECIDE = "petitioner.search", "view.decide"


@pytest.mark.parametrize(
    ("who", "action", "fields", "may"),
    [
        (CENTRE, SEARCH, {"open": "yes"}, True),
        (CENTRE, SEARCH, {"unit": "tax", "open": "yes"}, True),
        (CENTRE, SEARCH, {"unit": "centre", "open": "yes"}, False),
        (CENTRE, SEARCH, accusing("tax"), False),
        (CENTRE, SEARCH, {"open": None}, False),
        (HOTLINE, SEARCH, {"office": "hotline", "open": "yes"}, True),
        (HOTLINE, SEARCH, {"office": "legal-aid", "open": "yes"}, False),
        (STATION, SEARCH, {"office": "yunmen-station", "unit": "yunmen-town", "open": "yes"}, False),
        (AGENT, SEARCH, {"office": "dongmen-proxy", "unit": "yunmen-town", "open": "yes"}, False),
        (HOUSING, SEARCH, {"office": "housing", "unit": "tax", "open": "yes"}, True),
        (caller("clerk", bodies=("tax",)), SEARCH, {"unit": "tax", "open": "yes"}, False),
        (SUPERVISOR, SEARCH, {"open": "yes"}, False),
        (caller("leader"), SEARCH, {"open": "yes"}, False),
        (caller("auditor"), SEARCH, {"open": "yes"}, False),
        (SUPERVISOR, DECIDE, {"unit": "tax"}, True),
        (caller("supervisor", bodies=("tax",)), DECIDE, {"unit": "tax"}, False),
        (caller("clerk", bodies=("tax",)), DECIDE, {"unit": "tax"}, False),
    ],
)
def test_who_takes_a_second_person_is_not_found_by_phone_nor_decided_on_by_their_own_unit(
    who: Caller,
    action: str,
    fields: dict[str, str | None],
    may: bool,  # noqa: FBT001
) -> None:
    assert reaches(who, action, **fields) is may


def test_a_clerk_of_one_office_decides_nothing_in_triage() -> None:
    assert not policy.allows(HOTLINE, "triage.read")
    assert not policy.allows(HOTLINE, "triage.decide")
    assert reaches(CENTRE, "triage.decide")


@pytest.mark.parametrize(
    ("who", "unit"),
    [
        (HOUSING, "housing"),
        (SYSTEM, "housing"),
        (caller("clerk", office="housing"), "housing"),
        (CENTRE, "centre"),
        (HOTLINE, "centre"),
        (STATION, "yunmen-town"),
        (AGENT, "yunmen-town"),
        (DISCIPLINE, "discipline"),
        (caller("supervisor", bodies=("housing",)), "housing"),
        (caller("clerk", bodies=("housing",)), "housing"),
        (caller("supervisor", bodies=("abolished",)), "abolished"),
        (caller("auditor", bodies=("yunmen-station",)), "yunmen-town"),
        (caller("leader", department="discipline"), "discipline"),
    ],
)
def test_nobody_reaches_an_accusation_against_a_unit_they_belong_to(who: Caller, unit: str) -> None:
    own = {"office": "hotline", "department": who.department, "place": "dongmen"}
    for name, action in policy.ACTIONS.items():
        if action.isolated and policy.allows(who, name):
            assert not reaches(who, name, **accusing(unit, **own, published="yes")), name


@given(
    who=st.sampled_from(PEOPLE),
    bodies=st.sets(st.sampled_from(sorted(DIRECTORY.departments)), max_size=3),
    unit=st.sampled_from(sorted(DIRECTORY.departments)),
    action=st.sampled_from(sorted(policy.ACTIONS)),
)
def test_no_role_that_is_added_ever_opens_what_accuses_a_unit_of_ones_own(
    who: Caller, bodies: set[str], unit: str, action: str
) -> None:
    alike = caller(who.held, who.account, department=who.department, office=who.office, bodies=tuple(bodies))
    if policy.ACTIONS[action].isolated and unit in {*bodies, who.department}:
        assert not reaches(alike, action, **accusing(unit, department=unit, office=unit, published="yes"))


def test_a_claim_about_a_department_is_answered_by_it_and_an_accusation_is_not() -> None:
    assert reaches(HOUSING, "task.read", department="housing", unit="housing")
    assert not reaches(HOUSING, "task.read", **accusing("housing", department="housing"))


@pytest.mark.parametrize("action", ["me", "people.read", "people.change"])
def test_a_machine_is_no_person(action: str) -> None:
    assert not any(policy.allows(caller(held, None), action) for held in model.ROLES)


def test_a_key_narrows_what_its_role_may_and_never_widens_it() -> None:
    reading = caller("clerk", None, scopes=("read",))
    assert not policy.allows(reading, "grievance.register")
    assert policy.allows(reading, "grievance.read")
    assert not policy.allows(caller("auditor", None, scopes=("read", "act")), "triage.decide")


@pytest.mark.parametrize("held", model.KEY_ROLES)
def test_a_key_can_be_limited_to_what_its_role_may_do_and_to_nothing_else(held: str) -> None:
    columns = {held, table.CENTRE} if held == "clerk" else {held}
    reached = {
        action.scope for action in policy.ACTIONS.values() if columns & set(action.rows) and not action.person
    }
    assert set(model.ROLES[held].scopes) == reached
