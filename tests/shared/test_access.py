"""Who may call what; sessions of people."""

import hashlib
import time

import flask
import pytest
from flask import Blueprint
from flask.testing import FlaskClient
from sqlalchemy import text

from shared import identity, web
from shared.identity import sessions
from shared.web import access, cookie
from tests.identity.people import entered, person
from tests.world import NAMES, World

SITE = "https://localhost"


def _probe() -> Blueprint:
    """A page and a form that any clerk may use."""
    made = Blueprint("probe", __name__)

    @made.get("/probe")
    @web.allow("grievance.read")
    def look() -> str:
        return web.caller().held

    @made.post("/probe")
    @web.allow("grievance.register")
    def act() -> str:
        return "done"

    return made


@pytest.fixture
def app(world: World) -> flask.Flask:
    return web.create(world.services["intake"], [_probe()])


@pytest.fixture
def browser(app: flask.Flask) -> FlaskClient:
    return app.test_client()


def _session(world: World, browser: FlaskClient, *roles: str, https: bool = True) -> str:
    """Give the browser the cookie of somebody who works in the first of these roles; return the account."""
    account = person(world, roles[0], *roles)
    _set(world, browser, entered(world, account, roles[0]), https=https)
    return account


def _set(world: World, browser: FlaskClient, reference: str, *, https: bool = True) -> None:
    name = f"__Host-{cookie.NAME}" if https else cookie.NAME
    value = str(cookie._signer_of(world.secrets).dumps(reference))
    browser.set_cookie(name, value, secure=https)


def test_a_view_that_does_not_say_who_may_call_it_stops_the_start(world: World) -> None:
    open_ = Blueprint("open", __name__)
    open_.add_url_rule("/open", view_func=lambda: "hello", endpoint="door")
    with pytest.raises(RuntimeError, match="open.door"):
        web.create(world.services["intake"], [open_])


@pytest.mark.parametrize("name", ["intake", "routing", "oversight"])
def test_every_view_of_every_service_says_who_may_call_it(world: World, name: str) -> None:
    for endpoint, view in world.app(name).view_functions.items():
        assert hasattr(view, "actions") or endpoint.rpartition(".")[2] in access.UNGUARDED, endpoint


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401),
        ("", 401),
        ("Bearer", 401),
        ("Bearer nonsense", 401),
        ("Basic {key}", 401),
        ("bearer {key}", 200),
    ],
)
def test_only_a_live_key_opens(world: World, browser: FlaskClient, header: str | None, status: int) -> None:
    headers = {} if header is None else {"Authorization": header.format(key=world.key("clerk"))}
    assert browser.get("/probe", headers=headers).status_code == status


def test_a_known_caller_of_another_role_is_refused(world: World, browser: FlaskClient) -> None:
    headers = {"Authorization": f"Bearer {world.key('supervisor')}"}
    assert browser.post("/probe", headers=headers).status_code == 403


def test_a_cookie_does_not_act_for_another_site(world: World, browser: FlaskClient) -> None:
    _session(world, browser, "clerk")
    origins = [
        "https://evil.example",
        "null",
        None,
        "https://localhost.evil.example",
        "https://evil.localhost",
    ]
    for origin in origins:
        headers = {} if origin is None else {"Origin": origin}
        assert browser.post("/probe", base_url=SITE, headers=headers).status_code == 401, origin
    assert browser.post("/probe", base_url=SITE, headers={"Origin": SITE}).text == "done"


def test_a_machine_with_its_key_needs_no_origin(world: World, browser: FlaskClient) -> None:
    headers = {"Authorization": f"Bearer {world.key('clerk')}"}
    assert browser.post("/probe", headers=headers).text == "done"


def test_a_revoked_key_is_refused_at_the_next_request(world: World, browser: FlaskClient) -> None:
    headers = {"Authorization": f"Bearer {world.key('clerk')}"}
    assert browser.get("/probe", headers=headers).status_code == 200
    identity.revoke(world.services["oversight"].identity, world.key("clerk").split("_")[2])
    assert browser.get("/probe", headers=headers).status_code == 401


@pytest.mark.parametrize("forged", ["nonsense", "{value}xx", "...", ""])
def test_a_forged_cookie_is_nobody(world: World, browser: FlaskClient, forged: str) -> None:
    _session(world, browser, "clerk")
    held = browser.get_cookie(f"__Host-{cookie.NAME}")
    assert held is not None
    assert browser.get("/probe", base_url=SITE).text == "clerk"
    browser.set_cookie(f"__Host-{cookie.NAME}", forged.format(value=held.value[:-2]), secure=True)
    assert browser.get("/probe", base_url=SITE).status_code == 401


def test_a_cookie_is_signed_with_sha_256_alone(world: World) -> None:
    signer = cookie._signer_of(world.secrets).make_signer("session")
    assert signer.digest_method is hashlib.sha256
    assert signer.key_derivation == "hmac"


def test_over_https_only_the_cookie_that_no_other_host_can_set_counts(
    world: World, browser: FlaskClient
) -> None:
    _session(world, browser, "clerk", https=False)
    assert browser.get("/probe", base_url=SITE).status_code == 401
    assert browser.get("/probe", base_url="http://localhost").text == "clerk"


@pytest.mark.parametrize("name", NAMES)
def test_a_session_ended_anywhere_is_ended_in_all_three_services(world: World, name: str) -> None:
    browser = web.create(world.services[name], [_probe()]).test_client()
    account = _session(world, browser, "clerk")
    assert browser.get("/probe", base_url=SITE).text == "clerk"
    with world.services["oversight"].identity.begin() as tx:
        sessions.end_others(tx, account, None, "test")
    assert browser.get("/probe", base_url=SITE).status_code == 401


@pytest.mark.parametrize(
    ("role", "reads", "acts"),
    [("clerk", 200, 200), ("administrator", 403, 403), ("supervisor", 200, 403), ("auditor", 200, 403)],
)
def test_a_person_may_what_their_role_may(
    world: World, browser: FlaskClient, role: str, reads: int, acts: int
) -> None:
    _session(world, browser, role)
    assert browser.get("/probe", base_url=SITE).status_code == reads
    assert browser.post("/probe", base_url=SITE, headers={"Origin": SITE}).status_code == acts


@pytest.mark.parametrize(("role", "status"), [("supervisor", 404), ("leader", 403), ("auditor", 403)])
def test_a_leader_and_an_auditor_read_what_a_supervisor_reads_and_act_nowhere(
    world: World, role: str, status: int
) -> None:
    browser = world.app("routing").test_client()
    _session(world, browser, role)
    assert browser.get("/v1/ledger", base_url=SITE).status_code == 200
    decision = {"lead": "housing", "reason": "归口管理"}
    answer = browser.post(
        "/v1/triage/2026-000001-7/decision", base_url=SITE, headers={"Origin": SITE}, json=decision
    )
    assert answer.status_code == status, answer.text


def test_an_idle_browser_is_signed_out_and_a_busy_one_is_not(
    world: World, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    _session(world, browser, "clerk")
    now = time.time()

    def at(minutes: float) -> int:
        monkeypatch.setattr(time, "time", lambda: now + minutes * 60)
        return browser.get("/probe", base_url=SITE).status_code

    assert [at(minutes) for minutes in (0.5, 25, 50, 75)] == [200] * 4
    assert [at(minutes) for minutes in (106, 107)] == [401] * 2


def test_the_cookie_is_renewed_once_a_minute_and_for_nobody_else(
    world: World, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = _session(world, browser, "clerk")
    now = time.time()
    assert "Set-Cookie" not in browser.get("/probe", base_url=SITE).headers
    monkeypatch.setattr(time, "time", lambda: now + 90)
    renewed = browser.get("/probe", base_url=SITE).headers["Set-Cookie"]
    assert all(part in renewed for part in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/", "__Host-"))
    assert "Domain" not in renewed
    monkeypatch.setattr(time, "time", lambda: now + 180)
    with world.services["oversight"].identity.begin() as tx:
        sessions.end_others(tx, account, None, "test")
    assert "Set-Cookie" not in browser.get("/probe", base_url=SITE).headers


def test_a_stranger_is_led_to_the_door_and_a_program_is_told(browser: FlaskClient) -> None:
    person = browser.get("/probe?a=1", headers={"Accept": "text/html"})
    assert (person.status_code, person.headers["Location"]) == (
        303,
        "/sign-in?next=intake%3A%2Fprobe%3Fa%3D1",
    )
    program = browser.get("/probe", headers={"Accept": "application/json"})
    assert (program.status_code, program.content_type) == (401, "application/problem+json")


def test_a_key_narrowed_to_reading_acts_nowhere(world: World, browser: FlaskClient) -> None:
    with world.services["oversight"].identity.begin() as tx:
        key = world.key("clerk")
        tx.execute(text("UPDATE access_key SET scopes = ARRAY['read']"))
    headers = {"Authorization": f"Bearer {key}"}
    assert (
        browser.get("/probe", headers=headers).status_code,
        browser.post("/probe", headers=headers).status_code,
    ) == (200, 403)
