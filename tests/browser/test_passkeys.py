"""Passkeys in a real browser, with a device that is real to it: Chromium's virtual authenticator."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.browser.visit import Visit
from tests.identity.people import PASSWORD, change, person

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SHOW = """async challenge => {
    const asked = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(challenge));
    return JSON.stringify(await navigator.credentials.get({publicKey: asked}));
}"""


@dataclass
class Desk:
    """A window, the device of the person before it, and the address of oversight."""

    window: Visit
    devtools: CDPSession
    device: str
    oversight: str

    @property
    def page(self) -> Page:
        return self.window.page

    def sign_in(self, login: str) -> None:
        self.page.goto(f"{self.oversight}sign-in?next=oversight:/dashboard")
        self.page.fill("#login", login)
        self.page.fill("#password", PASSWORD)
        self.page.click("main button")

    def enrol(self, login: str) -> None:
        """Go through the first sign-in of somebody who needs a second factor, with a passkey."""
        person(self.window.site, login, "supervisor")
        self.sign_in(login)
        self.page.click("main .sheet a.button")
        self.page.fill("#name", "办公电脑")
        self.page.click("main button")
        expect(self.page.locator("#codes li")).to_have_count(10)

    def held(self) -> list[Any]:
        """What the device keeps."""
        found = self.devtools.send("WebAuthn.getCredentials", {"authenticatorId": self.device})
        return list(found["credentials"])

    def verify(self, *, willing: bool) -> None:
        """Let the person confirm, or fail to."""
        said = {"authenticatorId": self.device, "isUserVerified": willing}
        self.devtools.send("WebAuthn.setUserVerified", said)

    def send(self, answer: str) -> int:
        """Send an answer as the page would; the status of what comes back."""
        return self.page.request.post(
            f"{self.oversight}sign-in/passkey/answer",
            form={"answer": answer},
            headers={"Origin": self.oversight.rstrip("/")},
            max_redirects=0,
        ).status


@pytest.fixture
def sit(visit: Callable[..., Visit]) -> Iterator[Callable[..., Desk]]:
    """Opens a window with a device: `sit("en", 320)`."""

    def opened(locale: str = "zh-CN", width: int = 1280) -> Desk:
        window = visit(locale, width)
        devtools = window.context.new_cdp_session(window.page)
        devtools.send("WebAuthn.enable")
        made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        return Desk(window, devtools, made["authenticatorId"], window.site.addresses["oversight"])

    yield opened


def test_a_supervisor_enrols_a_passkey_and_signs_in_with_it(sit: Callable[..., Desk]) -> None:
    desk = sit(width=320)
    desk.enrol("passkey.one")
    assert desk.page.evaluate(WIDER) == 0
    assert [each["rpId"] for each in desk.held()] == ["localhost"]
    desk.page.click("main button")
    expect(desk.page).to_have_url(f"{desk.oversight}dashboard")
    desk.page.click(".account button")
    desk.sign_in("passkey.one")
    desk.page.click("#answer button")
    expect(desk.page).to_have_url(f"{desk.oversight}dashboard")
    assert desk.held()[0]["signCount"] >= 2
    assert desk.window.complaints == []


def _add(desk: Desk) -> None:
    """Ask for a further passkey on the person's own page."""
    desk.page.goto(f"{desk.oversight}me/passkeys")
    desk.page.click("main a.button")
    desk.page.fill("#name", "phone")
    desk.page.fill("#current", PASSWORD)
    desk.page.click("main button")


def test_one_passkey_on_a_device_is_enough(sit: Callable[..., Desk]) -> None:
    desk = sit()
    desk.enrol("passkey.eight")
    desk.page.click("main button")
    _add(desk)
    expect(desk.page.locator("#known")).to_be_visible()
    assert len(desk.held()) == 1


def test_a_person_adds_and_removes_one_on_their_page(sit: Callable[..., Desk]) -> None:
    desk = sit("en")
    desk.enrol("passkey.two")
    page = desk.page
    page.click("main button")
    page.goto(f"{desk.oversight}me/passkeys")
    expect(page.locator("main form")).to_have_count(0)  # the last second factor stays
    desk.devtools.send("WebAuthn.clearCredentials", {"authenticatorId": desk.device})
    _add(desk)
    expect(page.locator("tbody tr")).to_have_count(2)
    page.locator("main form input[type=radio]").first.check()
    page.fill("#current", PASSWORD)
    page.click("main form button")
    expect(page.locator("tbody th")).to_have_text("phone")
    assert desk.window.complaints == []


def test_whoever_does_not_confirm_can_try_again(sit: Callable[..., Desk]) -> None:
    desk = sit()
    desk.enrol("passkey.three")
    desk.page.click("main button")
    desk.page.click(".account button")
    desk.sign_in("passkey.three")
    desk.verify(willing=False)
    desk.page.click("#answer button")
    expect(desk.page.locator("#failed")).to_be_visible()
    expect(desk.page.locator("main form button")).to_be_enabled()
    desk.verify(willing=True)
    desk.page.click("main form button")
    expect(desk.page).to_have_url(f"{desk.oversight}dashboard")


def _challenge(desk: Desk, login: str) -> str:
    """A challenge to show a passkey, which the page has not answered yet."""
    desk.sign_in(login)
    desk.verify(willing=False)
    desk.page.click("#answer button")
    expect(desk.page.locator("#failed")).to_be_visible()
    desk.verify(willing=True)
    return str(desk.page.locator("form[data-challenge]").get_attribute("data-challenge"))


def _leave(desk: Desk) -> None:
    desk.page.click("main button")
    desk.page.click(".account button")


def test_a_replayed_answer_is_refused(sit: Callable[..., Desk]) -> None:
    desk = sit()
    desk.enrol("passkey.four")
    _leave(desk)
    answer = desk.page.evaluate(SHOW, _challenge(desk, "passkey.four"))
    assert desk.send(answer) == 303
    _challenge(desk, "passkey.four")
    assert desk.send(answer) == 401


def test_an_answer_made_on_another_origin_is_refused(sit: Callable[..., Desk]) -> None:
    """Another port of the same host: the browser lets it use the passkey, we do not take its answer."""
    desk = sit()
    desk.enrol("passkey.five")
    _leave(desk)
    challenge = _challenge(desk, "passkey.five")
    desk.page.goto(desk.window.site.addresses["intake"])
    answer = desk.page.evaluate(SHOW, challenge)
    assert desk.send(answer) == 401
    desk.page.goto(desk.oversight)
    assert json.loads(answer)["type"] == "public-key"


def test_an_answer_to_another_sessions_challenge_is_refused(sit: Callable[..., Desk]) -> None:
    desk = sit()
    desk.enrol("passkey.six")
    _leave(desk)
    answer = desk.page.evaluate(SHOW, _challenge(desk, "passkey.six"))
    _challenge(desk, "passkey.six")
    assert desk.send(answer) == 401


def test_a_copy_of_a_device_is_refused(sit: Callable[..., Desk]) -> None:
    desk = sit()
    desk.enrol("passkey.seven")
    _leave(desk)
    change(desk.window.site, "UPDATE passkey SET sign_count = 1000")
    answer = desk.page.evaluate(SHOW, _challenge(desk, "passkey.seven"))
    assert desk.send(answer) == 401


def test_without_javascript_the_code_is_all_there_is(visit: Callable[..., Visit]) -> None:
    window = visit(javascript=False)
    lin = person(window.site, "passkey.none", "supervisor")
    kept = "INSERT INTO passkey VALUES ('x', :lin, 'x', 'x', 0, 'x')"
    change(window.site, kept, lin=lin)
    window.page.goto(f"{window.site.addresses['oversight']}sign-in")
    window.page.fill("#login", "passkey.none")
    window.page.fill("#password", PASSWORD)
    window.page.click("main button")
    expect(window.page.locator("#code")).to_be_visible()
    expect(window.page.locator("#answer")).to_be_hidden()
