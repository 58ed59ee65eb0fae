"""Who may call what; sessions of people."""

import re
from urllib.parse import quote

import flask
import pytest
from flask import Blueprint
from flask.testing import FlaskClient

from shared import identity, web
from shared.web import access
from tests.world import World

SITE = "https://localhost"


def _probe() -> Blueprint:
    """A page and a form that any clerk may use."""
    made = Blueprint("probe", __name__)

    @made.get("/probe")
    @web.allow("clerk")
    def look() -> str:
        return web.caller().role

    @made.post("/probe")
    @web.allow("clerk")
    def act() -> str:
        return "done"

    return made


@pytest.fixture
def app(world: World) -> flask.Flask:
    return web.create(world.services["intake"], [_probe()])


@pytest.fixture
def browser(app: flask.Flask) -> FlaskClient:
    return app.test_client()


def _sign_in(world: World, browser: FlaskClient, role: str = "clerk", wanted: str = "/probe") -> str:
    answer = browser.post(
        "/sign-in", base_url=SITE, data={"key": world.key(role), "next": wanted}, headers={"Origin": SITE}
    )
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def test_a_view_that_does_not_say_who_may_call_it_stops_the_start(world: World) -> None:
    open_ = Blueprint("open", __name__)
    open_.add_url_rule("/open", view_func=lambda: "hello", endpoint="door")
    with pytest.raises(RuntimeError, match="open.door"):
        web.create(world.services["intake"], [open_])


@pytest.mark.parametrize("name", ["intake", "routing", "oversight"])
def test_every_view_of_every_service_says_who_may_call_it(world: World, name: str) -> None:
    for endpoint, view in world.app(name).view_functions.items():
        assert hasattr(view, "roles") or endpoint.rpartition(".")[2] in access.UNGUARDED, endpoint


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
    assert browser.get("/probe", headers=headers).status_code == 403


def test_a_person_signs_in_and_is_led_to_where_they_wanted(world: World, browser: FlaskClient) -> None:
    assert _sign_in(world, browser) == "/probe"
    cookie = browser.get_cookie(access.COOKIE)
    assert cookie is not None
    assert (cookie.http_only, cookie.secure, cookie.same_site) == (True, True, "Strict")
    assert browser.get("/probe", base_url=SITE).text == "clerk"


def test_the_cookie_does_not_hold_the_key(world: World, browser: FlaskClient) -> None:
    _sign_in(world, browser)
    cookie = browser.get_cookie(access.COOKIE)
    assert cookie is not None
    assert world.key("clerk").split("_")[3] not in cookie.value


@pytest.mark.parametrize("key", ["", "nonsense", "mq_live_\0_x_000000"])
def test_a_wrong_key_shows_the_form_again(browser: FlaskClient, key: str) -> None:
    answer = browser.post("/sign-in", base_url=SITE, data={"key": key}, headers={"Origin": SITE})
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (401, None)


def test_a_nul_in_a_key_with_a_right_check_is_a_wrong_key(browser: FlaskClient) -> None:
    body = f"{identity.PREFIX}_a\0b_secret"
    key = f"{body}_{identity._check(body)}"
    answer = browser.post("/sign-in", base_url=SITE, data={"key": key}, headers={"Origin": SITE})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "\\/evil", "evil",
     "/\t/evil.example", "/\n/evil.example", ""],
)  # fmt: skip
def test_nobody_is_led_to_another_site(world: World, browser: FlaskClient, wanted: str) -> None:
    assert _sign_in(world, browser, wanted=wanted) == "/"
    form = browser.get(f"/sign-in?next={quote(wanted)}", base_url=SITE).text
    assert re.findall('name="next" value="(.*?)"', form) == ["/"]


def test_a_cookie_does_not_act_for_another_site(world: World, browser: FlaskClient) -> None:
    _sign_in(world, browser)
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


def test_a_revoked_key_ends_its_session_at_the_next_request(world: World, browser: FlaskClient) -> None:
    _sign_in(world, browser)
    assert browser.get("/probe", base_url=SITE).status_code == 200
    identity.revoke(world.services["oversight"].identity, world.key("clerk").split("_")[2])
    assert browser.get("/probe", base_url=SITE).status_code == 401


def test_a_forged_cookie_is_nobody(world: World, browser: FlaskClient) -> None:
    _sign_in(world, browser)
    cookie = browser.get_cookie(access.COOKIE)
    assert cookie is not None
    for forged in ("nonsense", cookie.value[:-2] + "xx", "." * 3):
        browser.set_cookie(access.COOKIE, forged, secure=True)
        assert browser.get("/probe", base_url=SITE).status_code == 401


def test_a_session_is_valid_in_all_three_services(world: World, browser: FlaskClient) -> None:
    _sign_in(world, browser, "supervisor")
    cookie = browser.get_cookie(access.COOKIE)
    assert cookie is not None
    other = web.create(world.services["routing"], [_probe()]).test_client()
    other.set_cookie(access.COOKIE, cookie.value, secure=True)
    assert other.get("/probe", base_url=SITE).status_code == 403  # known, though not a clerk


def test_signing_out_takes_the_cookie_away(world: World, browser: FlaskClient) -> None:
    _sign_in(world, browser)
    browser.post("/sign-out", base_url=SITE, headers={"Origin": SITE})
    assert browser.get_cookie(access.COOKIE) is None
    assert browser.get("/probe", base_url=SITE).status_code == 401


def test_a_person_without_a_session_is_shown_the_form_and_a_program_a_problem(browser: FlaskClient) -> None:
    person = browser.get("/probe?a=1", headers={"Accept": "text/html"})
    assert (person.status_code, person.headers["Location"]) == (303, "/sign-in?next=/probe?a%3D1")
    program = browser.get("/probe", headers={"Accept": "application/json"})
    assert (program.status_code, program.content_type) == (401, "application/problem+json")
