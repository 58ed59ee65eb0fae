"""Roles, scopes, and when a door is shut."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.identity import model
from shared.identity.model import Caller

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _ago(*minutes: float) -> list[datetime]:
    return [NOW - timedelta(minutes=each) for each in minutes]


@pytest.mark.parametrize(
    ("held", "role", "may"),
    [
        ("clerk", "clerk", {"read", "register", "act"}),
        ("agent", "", set()),
        ("liaison", "department", {"read", "register", "act"}),
        ("lead", "department", {"read", "register", "act"}),
        ("supervisor", "supervisor", {"read", "act"}),
        ("leader", "supervisor", {"read"}),
        ("delegate", "", set()),
        ("administrator", "", set()),
        ("auditor", "supervisor", {"read"}),
        ("department", "department", {"read", "register", "act"}),
    ],
)
def test_each_role_is_known_to_the_services_as_one_of_three_or_none(
    held: str, role: str, may: set[str]
) -> None:
    caller = Caller("k", held, None, None)
    assert caller.role == role
    assert {scope for scope in model.SCOPES if caller.may(scope)} == may


def test_a_key_narrows_what_its_role_may_and_never_widens_it() -> None:
    assert not Caller("k", "clerk", None, None, scopes=("read",)).may("register")
    assert not Caller("k", "auditor", None, None, scopes=("read", "act")).may("act")


@pytest.mark.parametrize(
    ("role", "scope", "wrong"),
    [
        ("king", {}, ["role"]),
        ("clerk", {}, []),
        ("clerk", {"office": "hotline"}, []),
        ("clerk", {"department": "housing"}, ["department"]),
        ("liaison", {}, ["department"]),
        ("liaison", {"department": ""}, ["department"]),
        ("lead", {"department": "housing", "office": "hotline"}, ["office"]),
        ("agent", {"station": "east"}, []),
        ("leader", {"area": "east"}, []),
        ("supervisor", {"area": "east"}, ["area"]),
    ],
)
def test_a_scope_fits_its_role(role: str, scope: dict[str, str], wrong: list[str]) -> None:
    assert model.flaws(role, scope) == wrong


@pytest.mark.parametrize(
    ("failures", "shut"),
    [
        ([], False),
        (_ago(*range(9)), False),
        (_ago(*range(10)), True),
        (_ago(*range(5, 15)), True),
        (_ago(*range(0, 20, 2)), False),  # ten in 18 minutes
        (_ago(*range(16, 26)), False),  # a quarter of an hour is over
        (_ago(*range(14, 24)), True),
        (_ago(*range(9), 600), False),
    ],
)
def test_ten_failures_in_a_quarter_of_an_hour_shut_the_door_for_another(
    failures: list[datetime],
    shut: bool,  # noqa: FBT001
) -> None:
    assert model.shut(failures, NOW) is shut
