"""The administration pages: two persons for a role, and nobody else's business."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from services.oversight.api import BLUEPRINTS
from shared import identity, web
from shared.identity import accounts, grants
from shared.identity.model import Caller
from shared.web import cookie
from tests.identity.people import PASSWORD, person, read, second_factor
from tests.world import World

SITE = "https://localhost"
NEW = {"login": "lin.chen", "name": "林晨", "role": "liaison", "department": "housing"}


def _signed_in(world: World, login: str, *roles: str) -> FlaskClient:
    account = person(world, login, *roles)
    secret, _ = second_factor(world, account)
    browser = world.app("oversight").test_client()
    _post(browser, "/sign-in", login=login, password=PASSWORD)
    assert _post(browser, "/sign-in/factor", code=pyotp.TOTP(secret).now()).status_code == 303
    return browser


def _post(browser: FlaskClient, path: str, **data: str) -> TestResponse:
    return browser.post(path, base_url=SITE, data=data, headers={"Origin": SITE, "Accept": "text/html"})


def _get(browser: FlaskClient, path: str) -> TestResponse:
    return browser.get(path, base_url=SITE, headers={"Accept": "text/html"})


@pytest.fixture
def one(world: World) -> FlaskClient:
    return _signed_in(world, "one", "administrator")


@pytest.fixture
def two(world: World) -> FlaskClient:
    return _signed_in(world, "two", "administrator")


def _added(world: World, browser: FlaskClient, **changes: str) -> str:
    answer = _post(browser, "/people", **(NEW | changes))
    assert answer.status_code == 303, answer.text
    return str(read(world, "SELECT id FROM account WHERE login = 'lin.chen'")[0].id)


def test_a_person_is_added_by_one_and_given_the_role_by_another(
    world: World, one: FlaskClient, two: FlaskClient
) -> None:
    account = _added(world, one)
    waiting = grants.waiting(world.services["oversight"].identity)[0].id
    assert "另一位管理员确认" in _get(one, "/people").text
    assert _post(one, f"/people/grants/{waiting}/confirm").status_code == 403
    assert _post(two, f"/people/grants/{waiting}/confirm").status_code == 303
    held = grants.of(world.services["oversight"].identity, account)
    assert [(each.role, each.department) for each in held] == [("liaison", "housing")]
    page = _get(two, "/people/changes").text
    assert "确认授予角色" in page and "lin.chen" in page and "two" in page


def test_a_set_up_link_leads_to_our_own_address_whatever_host_was_asked(
    world: World, one: FlaskClient, two: FlaskClient
) -> None:
    account, given = _added(world, one), world.services["oversight"]
    ours = replace(given, settings=replace(given.settings, oversight_url="https://suite.example/"))
    elsewhere = web.create(ours, BLUEPRINTS).test_client()
    name, evil = f"__Host-{cookie.NAME}", "https://evil.example"
    kept = two.get_cookie(name)
    assert kept is not None
    elsewhere.set_cookie(name, kept.value, domain="evil.example")
    answer = elsewhere.post(f"/people/{account}/link/confirm", base_url=evil, headers={"Origin": evil})
    assert re.findall(r"(https://[^/]+)/set-up\?link=", answer.text) == ["https://suite.example"]


def test_what_no_account_did_is_told_in_the_readers_language(world: World, one: FlaskClient) -> None:
    engine = world.services["oversight"].identity
    holder = Caller(identity.new_id(), "clerk", None, None)
    identity.issue(engine, holder, "test", datetime.now(UTC) + timedelta(days=1))
    assert "命令行" in _get(one, "/people/changes").text
    assert "Command line" in _get(one, "/people/changes?lang=en").text


def test_a_link_is_asked_for_by_one_and_shown_once_to_another_who_confirms(
    world: World, one: FlaskClient, two: FlaskClient
) -> None:
    """Whoever asks never sees it, whoever sees it did not ask: neither alone gets into the account."""
    account = _added(world, one)
    confirming = f"/people/{account}/link/confirm"
    assert confirming not in _get(one, "/people").text
    assert _post(one, confirming).status_code == 403
    assert confirming in _get(two, "/people").text
    shown = _post(two, confirming)
    link = re.findall(f'<code id="link">{SITE}(/set-up\\?link=.*?)</code>', shown.text)[0]
    assert "/set-up?link=" not in _get(two, f"/people/{account}").text
    assert _get(world.app("oversight").test_client(), link).status_code == 200
    assert _post(two, confirming).status_code == 409


def test_nobody_takes_over_an_account_that_works_by_a_link_of_their_own(
    world: World, one: FlaskClient, two: FlaskClient
) -> None:
    clerk, mine = person(world, "wang", "clerk"), read(world, "SELECT id FROM account WHERE login = 'one'")
    asked = _post(one, f"/people/{clerk}/link")
    assert asked.status_code == 303 and "/set-up?link=" not in _get(one, f"/people/{clerk}").text
    assert _post(one, f"/people/{clerk}/link").status_code == 303  # asked already, by the same one
    assert _post(one, f"/people/{clerk}/link/confirm").status_code == 403
    assert read(world, "SELECT 1 FROM set_up_link WHERE used_at IS NULL") == []
    assert _post(one, f"/people/{mine[0].id}/link").status_code == 403
    assert _post(two, f"/people/{clerk}/link/refuse").status_code == 303
    assert _post(two, f"/people/{clerk}/link/confirm").status_code == 409
    assert accounts.verify(world.services["oversight"].identity, "wang", PASSWORD)


def test_whoever_is_disabled_gets_no_link(world: World, one: FlaskClient, two: FlaskClient) -> None:
    account = _added(world, one)
    assert _post(one, f"/people/{account}/disable").status_code == 303
    assert _post(two, f"/people/{account}/link/confirm").status_code == 409
    assert _post(two, f"/people/{account}/link").status_code == 409


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"login": ""}, "login"),
        ({"login": "a b"}, "login"),
        ({"login": "<script>"}, "login"),
        ({"login": "one"}, "login"),
        ({"login": "\u043ene"}, "login"),  # a Cyrillic о
        ({"login": "ｏｎｅ"}, "login"),
        ({"login": "\u0130ne"}, "login"),  # whose small letter is two
        ({"login": "=one"}, "login"),
        ({"name": " "}, "name"),
        ({"role": "department"}, "role"),
        ({"department": "nowhere"}, "department"),
        ({"department": ""}, "department"),
        ({"office": "hotline"}, "office"),
    ],
)
def test_what_makes_no_sense_is_shown_at_its_field_and_changes_nothing(
    world: World, one: FlaskClient, changes: dict[str, str], field: str
) -> None:
    answer = _post(one, "/people", **(NEW | changes))
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert len(read(world, "SELECT 1 FROM account")) == 1


@pytest.mark.parametrize("role", ["clerk", "supervisor", "auditor", "leader"])
@pytest.mark.parametrize(
    "path",
    ["/people", "/people/{id}/roles", "/people/{id}/link", "/people/{id}/link/confirm",
     "/people/{id}/link/refuse", "/people/{id}/disable", "/people/{id}/enable",
     "/people/grants/{grant}/confirm", "/people/grants/{grant}/end", "/people/keys/{key}/revoke",
     "/people/{id}/sessions/{session}/end"],
)  # fmt: skip
def test_only_administrators_act(world: World, role: str, path: str) -> None:
    person(world, "admin", "administrator")
    other = person(world, "wang", "clerk")
    with world.services["oversight"].identity.begin() as tx:
        grant = grants.ask(tx, other, "auditor", {}, "x")
    browser = _signed_in(world, "lin", role)
    key = world.key("clerk").split("_")[2]
    session = read(world, "SELECT id FROM session")[0].id
    before = read(world, "SELECT count(*) FROM identity_change")
    address = path.format(id=other, grant=grant, key=key, session=session)
    assert _post(browser, address, **NEW).status_code == 403
    assert read(world, "SELECT count(*) FROM identity_change") == before


@pytest.mark.parametrize(("role", "status"), [("auditor", 200), ("administrator", 200), ("supervisor", 403)])
@pytest.mark.parametrize("path", ["/people", "/people/{id}", "/people/keys", "/people/changes"])
def test_auditors_read_what_administrators_do(world: World, role: str, status: int, path: str) -> None:
    browser = _signed_in(world, "lin", role)
    other = person(world, "wang", "clerk")
    world.key("clerk")
    page = _get(browser, path.format(id=other))
    assert page.status_code == status
    if role == "auditor":
        assert '<form method="post" action="/people' not in page.text


def test_an_administrator_sees_no_grievance(world: World, one: FlaskClient) -> None:
    assert [_get(one, path).status_code for path in ("/dashboard", "/deadlines", "/v1/deadlines")] == [
        403
    ] * 3


def test_a_disabled_person_is_out_at_the_next_request(
    world: World, one: FlaskClient, two: FlaskClient
) -> None:
    account = read(world, "SELECT id FROM account WHERE login = 'two'")[0].id
    assert _get(two, "/people").status_code == 200
    assert _post(one, f"/people/{account}/disable").status_code == 303
    assert _get(two, "/people").status_code == 303
    assert _post(one, f"/people/{account}/enable").status_code == 303
    assert _get(two, "/people").status_code == 303


def test_a_session_of_a_person_is_ended(world: World, one: FlaskClient, two: FlaskClient) -> None:
    found = read(world, "SELECT s.id, s.account FROM session s JOIN account a ON a.id = s.account"
                        " WHERE a.login = 'two'")[0]  # fmt: skip
    assert found.id in _get(one, f"/people/{found.account}").text
    assert _post(one, f"/people/{found.account}/sessions/{found.id}/end").status_code == 303
    assert _get(two, "/people").status_code == 303
    assert _post(one, f"/people/{found.account}/sessions/{found.id}/end").status_code == 404


def test_the_last_administrator_stays(world: World, one: FlaskClient) -> None:
    account = read(world, "SELECT id FROM account WHERE login = 'one'")[0].id
    grant = grants.of(world.services["oversight"].identity, account)[0].id
    assert _post(one, f"/people/{account}/disable").status_code == 409
    assert _post(one, f"/people/grants/{grant}/end").status_code == 409
    assert _get(one, "/people").status_code == 200


def test_what_would_take_the_last_administrator_away_is_not_offered(world: World, one: FlaskClient) -> None:
    account = read(world, "SELECT id FROM account WHERE login = 'one'")[0].id
    grant = grants.of(world.services["oversight"].identity, account)[0].id
    paths = (f"/people/{account}/disable", f"/people/grants/{grant}/end")
    assert not any(path in _get(one, f"/people/{account}").text for path in paths)
    person(world, "two", "administrator")
    assert all(path in _get(one, f"/people/{account}").text for path in paths)


def test_a_key_is_revoked_from_the_page_and_by_whom_is_kept(world: World, one: FlaskClient) -> None:
    key = world.key("clerk")
    assert _post(one, f"/people/keys/{key.split('_')[2]}/revoke").status_code == 303
    assert identity.verify(world.services["intake"].identity, key) is None
    assert _post(one, f"/people/keys/{key.split('_')[2]}/revoke").status_code == 404
    by = read(world, "SELECT by FROM identity_change WHERE what = 'key.revoked'")[0].by
    assert accounts.get(world.services["oversight"].identity, by).login == "one"


@pytest.mark.parametrize("path", ["/people/nobody", "/people/nobody/link", "/people/nobody/roles"])
def test_who_is_not_there_is_not_found(one: FlaskClient, path: str) -> None:
    answer = _get(one, path) if path == "/people/nobody" else _post(one, path, role="auditor")
    assert answer.status_code == 404
