"""Passkeys at the door and on a person's page: each step, and every way past one."""

import html
import re

import pyotp
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.identity import accounts, passkeys
from shared.web import cookie
from tests.identity import people
from tests.identity.device import SITE, Device
from tests.identity.people import PASSWORD, change, person, read, second_factor
from tests.world import World

ME = "oversight:/me"


@pytest.fixture
def browser(world: World) -> FlaskClient:
    return world.app("oversight").test_client()


def _get(browser: FlaskClient, path: str) -> TestResponse:
    return browser.get(path, base_url=SITE, headers={"Accept": "text/html"})


def _post(browser: FlaskClient, path: str, origin: str = SITE, **data: str) -> TestResponse:
    return browser.post(path, base_url=SITE, data=data, headers={"Accept": "text/html", "Origin": origin})


def _sign_in(browser: FlaskClient, login: str, wanted: str = ME) -> TestResponse:
    return _post(browser, "/sign-in", login=login, password=PASSWORD, next=wanted)


def _challenge(page: TestResponse) -> str:
    return html.unescape(re.findall('data-challenge="(.*?)"', page.text)[0])


def _add(browser: FlaskClient, device: Device, name: str = "phone", current: str = PASSWORD) -> TestResponse:
    asked = _post(browser, "/sign-in/enrol/passkey", name=name, current=current, next=ME)
    answer = device.make(_challenge(asked))
    return _post(browser, "/sign-in/enrol/passkey/answer", name=name, answer=answer, next=ME)


def _show(browser: FlaskClient, device: Device) -> TestResponse:
    asked = _challenge(_post(browser, "/sign-in/passkey", next=ME))
    return _post(browser, "/sign-in/passkey/answer", answer=device.show(asked), next=ME)


def _with_passkey(world: World, login: str, *roles: str) -> Device:
    """Somebody who has a passkey and nothing else."""
    person(world, login, *roles)
    device, browser = Device(), world.app("oversight").test_client()
    _sign_in(browser, login)
    assert _add(browser, device).status_code == 200
    return device


def test_a_supervisor_enrols_with_a_passkey_and_signs_in_with_it(world: World, browser: FlaskClient) -> None:
    person(world, "lin", "supervisor")
    device = Device()
    enrol = _sign_in(browser, "lin").headers["Location"]
    assert "/sign-in/enrol/passkey" in _get(browser, enrol).text
    shown = _add(browser, device, current="")  # who just came in by password is not asked again
    assert shown.text.count("<code>") == 10
    assert _post(browser, "/sign-in/role", next=ME).headers["Location"] == "/me"
    assert _get(browser, "/dashboard").status_code == 200
    _post(browser, "/sign-out")
    assert _sign_in(browser, "lin").headers["Location"].startswith("/sign-in/factor")
    assert _get(browser, "/dashboard").status_code == 303
    assert _show(browser, device).headers["Location"] == "/me"
    assert _get(browser, "/dashboard").status_code == 200


def test_whoever_has_only_a_passkey_is_asked_for_no_app(world: World, browser: FlaskClient) -> None:
    _with_passkey(world, "lin", "supervisor")
    page = _get(browser, _sign_in(browser, "lin").headers["Location"]).text
    assert "使用通行密钥" in page and "手机验证器" not in page and "恢复码" in page


def test_whoever_has_no_passkey_is_not_offered_one(world: World, browser: FlaskClient) -> None:
    second_factor(world, person(world, "lin", "supervisor"))
    assert "通行密钥" not in _get(browser, _sign_in(browser, "lin").headers["Location"]).text
    assert _post(browser, "/sign-in/passkey").status_code == 404


def test_a_recovery_code_stands_in_for_a_lost_passkey(world: World, browser: FlaskClient) -> None:
    person(world, "lin", "supervisor")
    _sign_in(browser, "lin")
    code = re.findall("<code>(.*?)</code>", _add(browser, Device()).text)[0]
    _sign_in(browser, "lin")
    assert _post(browser, "/sign-in/factor", code=code, next=ME).headers["Location"] == "/me"


def test_an_answer_replayed_or_made_elsewhere_opens_nothing(world: World, browser: FlaskClient) -> None:
    device = _with_passkey(world, "lin", "supervisor")
    _sign_in(browser, "lin")
    answer = device.show(_challenge(_post(browser, "/sign-in/passkey")))
    assert _post(browser, "/sign-in/passkey/answer", answer=answer).status_code == 303
    _sign_in(browser, "lin")
    assert _post(browser, "/sign-in/passkey/answer", answer=answer).status_code == 401
    foreign = device.show(_challenge(_post(browser, "/sign-in/passkey")), "https://evil.example")
    assert _post(browser, "/sign-in/passkey/answer", answer=foreign).status_code == 401
    other = world.app("oversight").test_client()
    _sign_in(other, "lin")
    theirs = device.show(_challenge(_post(other, "/sign-in/passkey")))
    _post(browser, "/sign-in/passkey")
    assert _post(browser, "/sign-in/passkey/answer", answer=theirs).status_code == 401
    assert _get(browser, "/me").status_code == 303


def test_answers_cannot_be_tried_for_long(world: World, browser: FlaskClient) -> None:
    device = _with_passkey(world, "lin", "supervisor")
    _sign_in(browser, "lin")
    tries = [_post(browser, "/sign-in/passkey/answer", answer="{}").status_code for _ in range(11)]
    assert tries == [401] * 10 + [429]
    assert _show(browser, device).status_code == 429


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
@pytest.mark.parametrize(
    "path",
    ["/sign-in/passkey", "/sign-in/passkey/answer", "/sign-in/enrol/passkey", "/sign-in/enrol/passkey/answer",
     "/me/passkeys/remove"],
)  # fmt: skip
def test_no_other_site_moves_passkeys(world: World, browser: FlaskClient, path: str, origin: str) -> None:
    device = _with_passkey(world, "lin", "clerk")
    _sign_in(browser, "lin")
    _show(browser, device)
    before = (
        read(world, "SELECT p::text FROM passkey p"),
        read(world, "SELECT c::text FROM passkey_challenge c"),
    )
    assert _post(browser, path, origin, name="x", current=PASSWORD).status_code in (401, 403)
    after = (
        read(world, "SELECT p::text FROM passkey p"),
        read(world, "SELECT c::text FROM passkey_challenge c"),
    )
    assert after == before


def test_a_password_alone_adds_no_factor_beside_one(world: World, browser: FlaskClient) -> None:
    _with_passkey(world, "lin", "supervisor")
    second_factor(world, person(world, "wang", "supervisor"))
    for login in ("lin", "wang"):
        _sign_in(browser, login)
        for path in ("/sign-in/enrol", "/sign-in/enrol/passkey"):
            assert _get(browser, path).status_code == 409
            assert _post(browser, path, name="x", current=PASSWORD, code="1").status_code == 409
        assert _post(browser, "/sign-in/enrol/passkey/answer", name="x", answer="{}").status_code == 409


def test_at_work_only_whoever_knows_the_password_adds_one(world: World, browser: FlaskClient) -> None:
    person(world, "lin", "clerk")
    _sign_in(browser, "lin")
    refused = _post(browser, "/sign-in/enrol/passkey", name="phone", current="wrong")
    assert refused.status_code == 422 and "data-challenge" not in refused.text
    assert _post(browser, "/sign-in/enrol/passkey", name=" ", current=PASSWORD).status_code == 422
    assert read(world, "SELECT 1 FROM passkey_challenge") == []
    made = Device().make('{"challenge": "AAAA", "rp": {"id": "localhost"}}')
    assert _post(browser, "/sign-in/enrol/passkey/answer", name="phone", answer=made).status_code == 422
    assert _add(browser, Device()).text.count("<code>") == 10
    assert _add(browser, Device(), "key").headers["Location"] == "/me"  # the codes stay
    page = _get(browser, "/me/passkeys").text
    assert "phone" in page and "key" in page
    assert "通行密钥：2 把" in _get(browser, "/me").text


def test_an_app_is_added_beside_a_passkey(world: World, browser: FlaskClient) -> None:
    device = _with_passkey(world, "lin", "supervisor")
    _sign_in(browser, "lin")
    _show(browser, device)
    page = _get(browser, "/sign-in/enrol").text
    secret = re.findall('<code id="secret">(.*?)</code>', page)[0].replace(" ", "")
    sealed = re.findall('name="sealed" value="(.*?)"', page)[0]
    code = pyotp.TOTP(secret).now()
    assert _post(browser, "/sign-in/enrol", sealed=sealed, code=code).status_code == 200
    assert _get(browser, "/sign-in/enrol").status_code == 409
    assert accounts.of_login(world.services["oversight"].identity, "lin").totp


def test_a_passkey_is_removed_by_its_owner_with_the_password(world: World, browser: FlaskClient) -> None:
    device = _with_passkey(world, "lin", "clerk")
    theirs = _with_passkey(world, "wang", "clerk")
    engine = world.services["oversight"].identity
    mine, other = (
        passkeys.listed(engine, accounts.of_login(engine, login).id)[0].id for login in ("lin", "wang")
    )
    _sign_in(browser, "lin")
    _show(browser, device)
    for given, status in (
        ({"passkey": mine, "current": "wrong"}, 422),
        ({"current": PASSWORD}, 422),
        ({"passkey": other, "current": PASSWORD}, 404),
        ({"passkey": mine, "current": PASSWORD}, 303),
        ({"passkey": mine, "current": PASSWORD}, 404),
    ):
        assert _post(browser, "/me/passkeys/remove", **given).status_code == status
    assert theirs and len(read(world, "SELECT 1 FROM passkey")) == 1


def test_a_supervisor_keeps_the_last_one(world: World, browser: FlaskClient) -> None:
    device = _with_passkey(world, "lin", "supervisor")
    _sign_in(browser, "lin")
    _show(browser, device)
    page = _get(browser, "/me/passkeys").text
    assert "/me/passkeys/remove" not in page and "这是最后一种二次验证" in page
    only = read(world, "SELECT id FROM passkey")[0].id
    assert _post(browser, "/me/passkeys/remove", passkey=only, current=PASSWORD).status_code == 409


def test_adding_and_showing_change_the_reference(world: World, browser: FlaskClient) -> None:
    device, name = _with_passkey(world, "lin", "clerk"), f"__Host-{cookie.NAME}"
    _sign_in(browser, "lin")
    seen = []
    for act in (lambda: _show(browser, device), lambda: _add(browser, Device())):
        held = browser.get_cookie(name)
        assert held is not None
        seen.append(held.value)
        assert act().status_code == 303
    assert _get(browser, "/me").status_code == 200
    for old in seen:
        browser.set_cookie(name, old, secure=True)
        assert _get(browser, "/me").status_code == 303


def test_an_auditor_reads_who_added_what(world: World, browser: FlaskClient) -> None:
    _with_passkey(world, "lin", "clerk")
    audit = person(world, "audit", "auditor")
    browser = people.browser(world, "oversight", people.entered(world, audit, "auditor"))
    page = _get(browser, "/people/changes").text
    assert "添加通行密钥" in page and "phone" in page


def test_at_an_address_by_number_none_is_offered(world: World) -> None:
    person(world, "lin", "supervisor")
    browser, site = world.app("oversight").test_client(), "https://10.1.2.3"
    sent = {"base_url": site, "headers": {"Accept": "text/html", "Origin": site}}
    browser.post("/sign-in", data={"login": "lin", "password": PASSWORD}, **sent)
    assert "通行密钥</h2>" not in browser.get("/sign-in/enrol", base_url=site).text
    assert browser.post("/sign-in/enrol/passkey", data={"name": "x"}, **sent).status_code == 404


def test_what_post_answers_has_a_page_for_get(world: World, browser: FlaskClient) -> None:
    """The switch of languages asks for the same address again."""
    _with_passkey(world, "lin", "supervisor")
    _sign_in(browser, "lin")
    assert _get(browser, "/sign-in/passkey?lang=en").headers["Location"].startswith("/sign-in/factor")
    change(world, "DELETE FROM passkey")
    assert _get(browser, "/sign-in/enrol/passkey?lang=en").status_code == 200
