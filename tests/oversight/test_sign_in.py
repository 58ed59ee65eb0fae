"""The door for people: each step of it, and every way past a step."""

import re
import time
from typing import Any
from urllib.parse import quote

import pyotp
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.identity import accounts, factors, grants
from shared.web import cookie
from tests.identity.people import PASSWORD, change, person, read, second_factor
from tests.world import World

SITE = "https://localhost"
COOKIE = f"__Host-{cookie.NAME}"

COMMON, SHORT, WRONG, OTHER = "password", "short", "wrong", "a new password"  # pragma: allowlist secret


@pytest.fixture
def browser(world: World) -> FlaskClient:
    return world.app("oversight").test_client()


def _get(browser: FlaskClient, path: str) -> TestResponse:
    return browser.get(path, base_url=SITE, headers={"Accept": "text/html"})


def _post(browser: FlaskClient, path: str, origin: str | None = SITE, **data: str) -> TestResponse:
    headers = {"Accept": "text/html"} | ({} if origin is None else {"Origin": origin})
    return browser.post(path, base_url=SITE, data=data, headers=headers)


def _sign_in(browser: FlaskClient, login: str, password: str = PASSWORD, wanted: str = "") -> TestResponse:
    return _post(browser, "/sign-in", login=login, password=password, next=wanted)


def _enrolment(page: str) -> dict[str, str]:
    secret = re.findall('<code id="secret">(.*?)</code>', page)[0].replace(" ", "")
    sealed = re.findall('name="sealed" value="(.*?)"', page)[0]
    return {"secret": secret, "sealed": sealed, "code": pyotp.TOTP(secret).now()}


def _held(browser: FlaskClient) -> str:
    found = browser.get_cookie(COOKIE)
    assert found is not None
    return found.value


def test_a_clerk_signs_in_with_a_password_and_is_led_to_where_they_wanted(
    world: World, browser: FlaskClient
) -> None:
    person(world, "lin", "clerk", office="hotline")
    answer = _sign_in(browser, "LIN", wanted="oversight:/me")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/me")
    held = browser.get_cookie(COOKIE)
    assert held is not None
    assert (held.http_only, held.secure, held.same_site, held.path) == (True, True, "Strict", "/")
    page = _get(browser, "/me").text
    assert "Lin" in page and "接访员" in page


def test_unknown_wrong_disabled_and_unready_are_one_answer(world: World, browser: FlaskClient) -> None:
    person(world, "lin", "clerk")
    person(world, "unready", "clerk", password=None)
    accounts.disable(world.services["oversight"].identity, person(world, "gone", "clerk"), "setup")
    answers = [
        _sign_in(browser, login, password)
        for login, password in [
            ("nobody", PASSWORD),
            ("lin", "wrong one"),
            ("gone", PASSWORD),
            ("unready", ""),
        ]
    ]
    pages = {re.sub('id="login" name="login".*?>', "", answer.text) for answer in answers}
    assert {answer.status_code for answer in answers} == {401}
    assert len(pages) == 1
    assert browser.get_cookie(COOKIE) is None


def test_who_comes_with_a_password_that_is_changed_at_that_moment_is_not_let_in(
    world: World, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, lin, verify = world.services["oversight"].identity, person(world, "lin", "clerk"), accounts.verify

    def verify_and_change(*given: Any) -> accounts.Account | None:
        found = verify(*given)
        with engine.begin() as tx:
            link = accounts.link(tx, lin, "setup")
        accounts.set_up(engine, link, OTHER)
        return found

    monkeypatch.setattr(accounts, "verify", verify_and_change)
    assert _sign_in(browser, "lin").status_code == 409
    assert browser.get_cookie(COOKIE) is None
    assert read(world, "SELECT 1 FROM session WHERE ended_at IS NULL") == []


def test_after_ten_wrong_ones_even_the_right_one_waits(world: World, browser: FlaskClient) -> None:
    person(world, "lin", "clerk")
    statuses = [_sign_in(browser, "lin", f"wrong {n}").status_code for n in range(11)]
    assert statuses == [401] * 10 + [429]
    world.redis.flushall()
    assert _sign_in(browser, "lin").status_code == 429
    assert _sign_in(browser, "nobody").status_code == 429  # the address is shut as well
    change(world, "UPDATE failure SET at = at - interval '15 minutes'")
    assert _sign_in(browser, "lin").status_code == 303


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example", "intake://evil.example", "intake:/\\evil", "evil:/x",
     "intake:x", "intake:/\t/evil.example", "intake:@evil.example", "javascript:alert(1)", "intake:", ""],
)  # fmt: skip
def test_nobody_is_led_to_another_site(world: World, browser: FlaskClient, wanted: str) -> None:
    person(world, "lin", "clerk")
    assert _sign_in(browser, "lin", wanted=wanted).headers["Location"] == "/"
    by_address = _post(browser, f"/sign-in?next={quote(wanted)}", login="lin", password=PASSWORD)
    assert by_address.headers["Location"] == "/"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", None, "https://localhost.evil.example", "//"]
)
@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-out", "/sign-in/factor", "/sign-in/role", "/set-up", "/me/password"]
)
def test_no_other_site_moves_anybody_through_the_door(
    world: World, browser: FlaskClient, path: str, origin: str | None
) -> None:
    person(world, "lin", "clerk")
    _sign_in(browser, "lin")
    before = _held(browser)
    answer = _post(browser, path, origin, login="lin", password=PASSWORD)
    assert answer.status_code in (401, 403)
    assert "Set-Cookie" not in answer.headers
    assert _held(browser) == before and _get(browser, "/me").status_code == 200


def test_a_supervisor_sets_up_a_second_factor_and_reaches_nothing_before(
    world: World, browser: FlaskClient
) -> None:
    person(world, "lin", "supervisor")
    answer = _sign_in(browser, "lin", wanted="oversight:/dashboard")
    assert answer.headers["Location"].startswith("/sign-in/enrol")
    for path in ("/dashboard", "/me", "/deadlines"):
        assert _get(browser, path).headers["Location"].startswith("/sign-in?")
    grant = grants.of(world.services["oversight"].identity, read(world, "SELECT id FROM account")[0].id)[0]
    assert _post(browser, "/sign-in/role", grant=grant.id).headers["Location"].startswith("/sign-in/enrol")
    given = _enrolment(_get(browser, answer.headers["Location"]).text)
    assert _post(browser, "/sign-in/enrol", sealed=given["sealed"], code="000000").status_code == 422
    shown = _post(browser, "/sign-in/enrol", sealed=given["sealed"], code=given["code"])
    assert len(re.findall(r"<code>[a-z0-9]{4}(?:-[a-z0-9]{4}){5}</code>", shown.text)) == 10
    onwards = _post(browser, "/sign-in/role", next="oversight:/dashboard")
    assert onwards.headers["Location"] == "/dashboard"
    assert _get(browser, "/dashboard").status_code == 200


def test_with_a_second_factor_a_password_alone_opens_nothing(world: World, browser: FlaskClient) -> None:
    id_ = person(world, "lin", "supervisor", "clerk")
    secret, codes = second_factor(world, id_)
    engine = world.services["oversight"].identity
    assert _sign_in(browser, "lin").headers["Location"].startswith("/sign-in/factor")
    for grant in grants.of(engine, id_):  # neither role, though a clerk's asks for no second factor
        assert (
            _post(browser, "/sign-in/role", grant=grant.id).headers["Location"].startswith("/sign-in/factor")
        )
    assert _get(browser, "/sign-in/role").headers["Location"].startswith("/sign-in/factor")
    assert _get(browser, "/sign-in/enrol").status_code == 409
    assert _get(browser, "/me").status_code == 303
    assert _post(browser, "/sign-in/factor", code="000000").status_code == 401
    code = pyotp.TOTP(secret).now()
    assert _post(browser, "/sign-in/factor", code=code).headers["Location"].startswith("/sign-in/role")
    _sign_in(browser, "lin")
    assert _post(browser, "/sign-in/factor", code=code).status_code == 401  # replayed
    assert _post(browser, "/sign-in/factor", code=codes[3]).status_code == 303


def test_codes_cannot_be_guessed_for_long(world: World, browser: FlaskClient) -> None:
    secret, _ = second_factor(world, person(world, "lin", "supervisor"))
    _sign_in(browser, "lin")
    statuses = [_post(browser, "/sign-in/factor", code=f"{n:06}").status_code for n in range(11)]
    assert statuses == [401] * 10 + [429]
    assert _post(browser, "/sign-in/factor", code=pyotp.TOTP(secret).now()).status_code == 429


def test_a_secret_sealed_for_another_session_is_not_taken(world: World, browser: FlaskClient) -> None:
    person(world, "lin", "supervisor")
    person(world, "wang", "supervisor")
    _sign_in(browser, "lin")
    given = _enrolment(_get(browser, "/sign-in/enrol").text)
    _sign_in(browser, "wang")
    assert _post(browser, "/sign-in/enrol", sealed=given["sealed"], code=given["code"]).status_code == 422
    assert read(world, "SELECT totp FROM account WHERE login = 'wang'")[0].totp is None


def test_every_step_changes_the_reference(world: World, browser: FlaskClient) -> None:
    """A reference that somebody planted or saw before is worth nothing after."""
    id_ = person(world, "lin", "supervisor", "clerk")
    secret, _ = second_factor(world, id_)
    seen = []
    _sign_in(browser, "lin")
    seen.append(_held(browser))
    _post(browser, "/sign-in/factor", code=pyotp.TOTP(secret).now())
    for grant in grants.of(world.services["oversight"].identity, id_):
        seen.append(_held(browser))
        assert _post(browser, "/sign-in/role", grant=grant.id).status_code == 303
    assert _get(browser, "/me").status_code == 200
    for old in seen:
        browser.set_cookie(COOKIE, old, secure=True)
        assert _get(browser, "/me").status_code == 303


def test_signing_in_again_ends_the_session_before(world: World, browser: FlaskClient) -> None:
    person(world, "lin", "clerk")
    _sign_in(browser, "lin")
    first = _held(browser)
    _sign_in(browser, "lin")
    browser.set_cookie(COOKIE, first, secure=True)
    assert _get(browser, "/me").status_code == 303


def test_signing_out_ends_the_session_and_not_only_the_cookie(world: World, browser: FlaskClient) -> None:
    person(world, "lin", "clerk")
    _sign_in(browser, "lin")
    held = _held(browser)
    assert _post(browser, "/sign-out").headers["Location"] == "/sign-in"
    assert browser.get_cookie(COOKIE) is None
    browser.set_cookie(COOKIE, held, secure=True)
    assert _get(browser, "/me").status_code == 303


def test_who_signs_out_leaves_nothing_in_the_browser(world: World, browser: FlaskClient) -> None:
    person(world, "lin", "clerk")
    _sign_in(browser, "lin")
    assert _post(browser, "/sign-out").headers["Clear-Site-Data"] == '"cache", "storage"'


def test_a_new_link_does_not_lead_past_the_second_factor(world: World, browser: FlaskClient) -> None:
    id_ = person(world, "lin", "supervisor")
    second_factor(world, id_)
    with world.services["oversight"].identity.begin() as tx:
        link = accounts.link(tx, id_, "setup")
    assert _post(browser, "/set-up", link=link, password=OTHER).status_code == 303
    answer = _sign_in(browser, "lin", OTHER)
    assert answer.headers["Location"].startswith("/sign-in/factor")
    assert _get(browser, "/me").status_code == 303


def test_somebody_without_a_role_is_told_whom_to_ask(world: World, browser: FlaskClient) -> None:
    person(world, "lin")
    page = _get(browser, _sign_in(browser, "lin").headers["Location"])
    assert (page.status_code, "还没有生效的角色" in page.text) == (200, True)


def test_a_link_sets_a_password_once(world: World, browser: FlaskClient) -> None:
    engine = world.services["oversight"].identity
    id_ = person(world, "lin", "clerk", password=None)
    with engine.begin() as tx:
        link = accounts.link(tx, id_, "setup")
    assert "lin" in _get(browser, f"/set-up?link={link}").text
    assert _post(browser, "/set-up", link=link, password=COMMON).status_code == 422
    assert _post(browser, "/set-up", link=link, password=PASSWORD).status_code == 303
    assert _get(browser, f"/set-up?link={link}").status_code == 404
    assert _post(browser, "/set-up", link=link, password=OTHER).status_code == 404
    assert _sign_in(browser, "lin").status_code == 303


def test_a_person_sees_and_ends_their_own_sessions(world: World, browser: FlaskClient) -> None:
    person(world, "lin", "clerk")
    other = world.app("oversight").test_client()
    for each in (browser, other):
        _sign_in(each, "lin")
    ids = re.findall("/me/sessions/(.{8})/end", _get(browser, "/me").text)
    assert len(ids) == 1
    stranger = world.app("oversight").test_client()
    person(world, "wang", "clerk")
    _sign_in(stranger, "wang")
    assert _post(stranger, f"/me/sessions/{ids[0]}/end").status_code == 404
    assert _get(other, "/me").status_code == 200
    assert _post(browser, f"/me/sessions/{ids[0]}/end").status_code == 303
    assert _get(other, "/me").status_code == 303
    _sign_in(other, "lin")
    assert _post(browser, "/me/sessions/end-others").status_code == 303
    assert (_get(other, "/me").status_code, _get(browser, "/me").status_code) == (303, 200)


def test_a_password_is_changed_by_whoever_knows_it(world: World, browser: FlaskClient) -> None:
    person(world, "lin", "clerk")
    _sign_in(browser, "lin")
    assert _post(browser, "/me/password", current=WRONG, password=OTHER).status_code == 422
    assert _post(browser, "/me/password", current=PASSWORD, password=SHORT).status_code == 422
    assert _post(browser, "/me/password", current=PASSWORD, password=OTHER).status_code == 303
    assert _get(browser, "/me").status_code == 200
    assert _sign_in(browser, "lin").status_code == 401
    assert _sign_in(browser, "lin", OTHER).status_code == 303


def test_recovery_codes_are_renewed_by_whoever_knows_the_password(world: World, browser: FlaskClient) -> None:
    _, codes = second_factor(world, person(world, "lin", "clerk"))
    _sign_in(browser, "lin")
    _post(browser, "/sign-in/factor", code=codes[0])
    assert _post(browser, "/me/recovery", again="wrong").status_code == 422
    shown = _post(browser, "/me/recovery", again=PASSWORD).text
    assert codes[1] not in shown and shown.count("<code>") == 10


def test_a_machine_has_no_page_of_its_own(world: World) -> None:
    assert world.client("oversight", "supervisor").get("/me").status_code == 403


def test_passwords_and_codes_are_in_no_log(
    world: World, browser: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    id_ = person(world, "lin", "clerk")
    with world.services["oversight"].identity.begin() as tx:
        link = accounts.link(tx, id_, "setup")
    _get(browser, f"/set-up?link={link}")
    _sign_in(browser, "lin")
    said = capsys.readouterr()
    assert not [each for each in (PASSWORD, link, _held(browser)) if each in said.out + said.err]


def test_time_is_that_of_the_world_and_not_of_a_demo(world: World, browser: FlaskClient) -> None:
    secret, _ = second_factor(world, person(world, "lin", "supervisor"))
    world.later(days=40)
    _sign_in(browser, "lin")
    code = pyotp.TOTP(secret).at(int(time.time()))
    assert _post(browser, "/sign-in/factor", code=code).status_code == 303
    assert factors.STEP == 30
