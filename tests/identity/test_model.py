"""Roles, scopes, and when a door is shut."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.identity import model

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _ago(*minutes: float) -> list[datetime]:
    return [NOW - timedelta(minutes=each) for each in minutes]


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
        ("supervisor", {"department": "discipline"}, []),
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
