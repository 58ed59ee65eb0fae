"""No other site acts for whoever is signed in, and reading changes nothing: a walk over every route (S6)."""

from itertools import product

import pytest

from tests.security.routes import ROLES, SITE, Suite
from tests.world import World

ACTING = ("POST", "PUT", "PATCH", "DELETE")
FOREIGN = {
    "another site": {"Origin": "https://evil.example"},
    "a sandbox": {"Origin": "null"},
    "no origin": {},
    "a browser that says so": {"Origin": SITE, "Sec-Fetch-Site": "cross-site"},
}
COUNTED = {"intake.lookup_failure"}  # a look-up without the right query code is counted (S9)
HTML = {"Accept": "text/html"}
# What needs no cookie gives another site no power: number and query code open it, from wherever they come.
NOT_BY_COOKIE = {"intake POST /track"}


@pytest.fixture
def suite(world: World) -> Suite:
    return Suite(world)


def test_no_other_site_acts_for_whoever_is_signed_in(suite: Suite) -> None:
    before = suite.digest()
    routes = [route for route in suite.routes(*ACTING) if str(route) not in NOT_BY_COOKIE]
    answers = {
        (str(route), role, name): suite.call(route, role, headers).status_code
        for route, role, (name, headers) in product(routes, ROLES, FOREIGN.items())
    }
    assert {asked: status for asked, status in answers.items() if status not in (401, 403)} == {}
    assert len(answers) > 1000
    assert suite.digest() == before


def test_our_own_pages_are_not_taken_for_another_site(suite: Suite) -> None:
    """The same requests do something when they come from a page of ours: the walk is not for nothing."""
    changed = set()
    for route, role in product(suite.routes(*ACTING), ("clerk", "liaison", "supervisor", "administrator")):
        suite.sign_in(role)  # an earlier request may have ended the session
        before = suite.digest()
        suite.call(route, role, {"Origin": SITE, "Sec-Fetch-Site": "same-origin"})
        if suite.digest() != before:
            changed.add(str(route))
    assert len(changed) >= 20, changed


def test_reading_changes_nothing(suite: Suite) -> None:
    before = suite.digest()
    for role in (None, *ROLES):
        answers = [
            suite.call(route, role, headers) for route in suite.routes("GET") for headers in ({}, HTML)
        ]
        after = suite.digest()
        changed = {table for table, value in before.items() if after[table] != value}
        assert changed <= COUNTED, (role, changed)
        assert {200, 404} <= {answer.status_code for answer in answers}
