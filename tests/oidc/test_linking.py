"""Linking oneself to somebody at the provider, and undoing it."""

from collections.abc import Callable

import pyotp
import pytest

from tests.identity.people import PASSWORD, person, read, second_factor
from tests.oidc.browser import RETURN, Browser, link, sealed
from tests.oidc.forger import Forger
from tests.world import World


def _linked(world: World) -> list[tuple[str, str]]:
    return [tuple(row) for row in read(world, "SELECT account, subject FROM linked_subject ORDER BY subject")]


def _noted(world: World) -> list[tuple[str, str, str]]:
    rows = read(
        world, "SELECT by, what, subject FROM identity_change WHERE what LIKE 'subject.%' ORDER BY id"
    )
    return [tuple(row) for row in rows]


def test_a_person_links_themselves_with_their_password_and_then_needs_none(
    world: World, browsers: Callable[[], Browser], forger: Forger
) -> None:
    lin = person(world, "lin", "clerk")
    browser = browsers()
    browser.sign_in("lin")
    page = browser.come_back(browser.go("/me/oidc"), preferred_username="林秋实", name="another")
    assert page.status_code == 200 and "林秋实" in page.text and "lin-1" in page.text
    assert _linked(world) == []
    refused = browser.post("/me/oidc", sealed=sealed(page), current="wrong")
    assert refused.status_code == 422 and _linked(world) == []
    kept = browser.post("/me/oidc", sealed=sealed(refused), current=PASSWORD)
    assert kept.headers["Location"] == "/me?done=linked"
    assert "林秋实" in browser.get("/me").text
    assert _linked(world) == [(lin, "lin-1")] and _noted(world) == [(lin, "subject.linked", lin)]
    other = browsers()
    assert other.come_back(other.go()).status_code == 303 and other.get("/me").status_code == 200


def test_nobody_links_who_is_not_signed_in_or_not_through_the_door_yet(
    world: World, browsers: Callable[[], Browser], forger: Forger
) -> None:
    second_factor(world, person(world, "lin", "supervisor"))
    browser = browsers()
    for _ in range(2):
        assert browser.get("/me/oidc").headers["Location"].startswith("https://localhost/sign-in?next=")
        assert browser.post("/me/oidc", sealed="x", current=PASSWORD).status_code == 401
        browser.sign_in("lin")  # and no second factor


def test_a_link_is_of_the_session_that_began_it(world: World, browser: Browser) -> None:
    person(world, "lin", "clerk")
    person(world, "wang", "clerk")
    for leave in (lambda: browser.sign_in("wang"), lambda: browser.post("/sign-out")):
        browser.sign_in("lin")
        asked = browser.go("/me/oidc")
        leave()
        assert browser.come_back(asked).status_code == 401
    assert _linked(world) == []


def test_what_is_confirmed_was_shown_in_this_session(world: World, browsers: Callable[[], Browser]) -> None:
    person(world, "lin", "clerk")
    person(world, "wang", "clerk")
    browser, enemy = browsers(), browsers()
    enemy.sign_in("wang")
    theirs = sealed(enemy.come_back(enemy.go("/me/oidc")))
    browser.sign_in("lin")
    for given in (theirs, "v1.x.y", ""):
        assert browser.post("/me/oidc", sealed=given, current=PASSWORD).status_code == 404
    assert _linked(world) == []


def test_an_attempt_to_sign_in_links_nobody_and_one_to_link_signs_nobody_in(
    world: World, browsers: Callable[[], Browser], forger: Forger
) -> None:
    link(world, forger, person(world, "lin", "clerk"))
    person(world, "wang", "clerk")
    browser = browsers()
    browser.sign_in("wang")
    page = browser.come_back(browser.go("/me/oidc"))
    assert page.status_code == 200 and "Set-Cookie" not in page.headers
    assert browser.come_back(browser.go()).status_code == 303
    assert "Lin" in browser.get("/me").text
    assert len(_linked(world)) == 1


def test_a_subject_is_one_person_and_a_person_one_subject(
    world: World, browsers: Callable[[], Browser], forger: Forger
) -> None:
    lin = person(world, "lin", "clerk")
    link(world, forger, lin)
    person(world, "wang", "clerk")
    for login, subject in (("wang", "lin-1"), ("lin", "lin-2")):
        browser = browsers()
        browser.sign_in(login)
        page = browser.come_back(browser.go("/me/oidc"), sub=subject)
        assert browser.post("/me/oidc", sealed=sealed(page), current=PASSWORD).status_code == 409
    assert _linked(world) == [(lin, "lin-1")]


def test_who_unlinks_themselves_stays_and_all_their_other_sessions_end(
    world: World, browsers: Callable[[], Browser], forger: Forger
) -> None:
    lin = person(world, "lin", "clerk")
    link(world, forger, lin)
    own, other = browsers(), browsers()
    own.sign_in("lin")
    other.come_back(other.go())
    assert own.post("/me/oidc/end").headers["Location"] == "/me?done=unlinked"
    assert own.get("/me").status_code == 200 and other.get("/me").status_code == 303
    assert own.post("/me/oidc/end").status_code == 404
    assert other.come_back(other.go()).status_code == 401
    assert _noted(world)[1:] == [(lin, "subject.unlinked", lin)]


@pytest.fixture
def chief(world: World, browsers: Callable[[], Browser], forger: Forger) -> Browser:
    """An administrator at work, who came by way of the provider."""
    account = person(world, "chief", "administrator")
    link(world, forger, account, "chief-1")
    secret, _ = second_factor(world, account)
    browser = browsers()
    assert browser.come_back(browser.go(), sub="chief-1").headers["Location"].startswith("/sign-in/factor")
    assert browser.post("/people/x/oidc/end").status_code == 401
    assert browser.post("/sign-in/factor", code=pyotp.TOTP(secret).now()).status_code == 303
    return browser


def test_an_administrator_alone_unlinks_others_and_their_sessions_end(
    world: World, browsers: Callable[[], Browser], forger: Forger, chief: Browser
) -> None:
    lin = person(world, "lin", "clerk")
    link(world, forger, lin)
    theirs = browsers()
    theirs.come_back(theirs.go())
    assert theirs.post(f"/people/{lin}/oidc/end").status_code == 403
    assert "林秋实" in chief.get(f"/people/{lin}").text
    assert chief.post(f"/people/{lin}/oidc/end").status_code == 303
    assert theirs.get("/me").status_code == 303
    assert [subject for _, subject in _linked(world)] == ["chief-1"]
    assert [each[1:] for each in _noted(world)][-1] == ("subject.unlinked", lin)
    assert chief.post(f"/people/{lin}/oidc/end").status_code == 404


@pytest.mark.parametrize("path", [RETURN, "/me/oidc", "/me/oidc/end"])
def test_no_other_site_links_or_unlinks(world: World, browser: Browser, forger: Forger, path: str) -> None:
    link(world, forger, person(world, "lin", "clerk"))
    browser.sign_in("lin")
    assert browser.post(path, origin="https://evil.example").status_code in (401, 403)
    assert len(_linked(world)) == 1
