"""Signing in at a provider: what is asked of it, what is believed, and every way to deceive."""

import base64
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import orjson
import pytest

from shared import keyring
from shared.identity import accounts, oidc
from shared.web import cookie
from tests.identity.people import change, person, read, second_factor
from tests.oidc.browser import ATTEMPT, RETURN, SITE, Browser, link
from tests.oidc.forger import (
    CLIENT,
    DISCOVERY,
    KEYS,
    OWN,
    SECRET,
    STRANGE,
    TOKEN,
    Answer,
    Forger,
    serving,
    shared,
    signed,
    unsigned,
)
from tests.world import World

COOKIE = f"__Host-{cookie.NAME}"
FAILED, UNLINKED = "统一身份认证没有成功", "没有关联可用的账户"


def _paths(forger: Forger) -> list[str]:
    return [path for path, *_ in forger.asked]


def _sessions(world: World) -> int:
    return len(read(world, "SELECT 1 FROM session"))


def test_a_linked_person_works_at_once_where_they_wanted_to(
    world: World, browser: Browser, forger: Forger
) -> None:
    link(world, forger, person(world, "lin", "clerk"))
    answer = browser.come_back(browser.go("/sign-in/oidc?next=oversight:/me"))
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{SITE}/me")
    assert "lin" in browser.get("/me").text
    assert read(world, "SELECT 1 FROM failure") == []


def test_a_supervisor_is_still_asked_for_the_second_factor(
    world: World, browsers: Callable[[], Browser], forger: Forger
) -> None:
    lin = person(world, "lin", "supervisor")
    link(world, forger, lin)
    for expected in ("/sign-in/enrol", "/sign-in/factor"):
        browser = browsers()
        answer = browser.come_back(
            browser.go("/sign-in/oidc?next=oversight:/dashboard"), acr="2", amr=["mfa"]
        )
        assert answer.headers["Location"].startswith(f"{expected}?next=oversight")
        assert browser.get("/dashboard").status_code == 303
        if expected == "/sign-in/enrol":
            second_factor(world, lin)


def test_the_provider_is_asked_with_pkce_for_a_new_sign_in_and_told_who_asks(
    world: World, browser: Browser, forger: Forger
) -> None:
    asked = browser.go()
    assert asked["response_type"] == "code" and asked["client_id"] == CLIENT and asked["prompt"] == "login"
    assert asked["redirect_uri"] == f"{SITE}{RETURN}" and asked["code_challenge_method"] == "S256"
    held = browser.client.get_cookie(ATTEMPT)
    assert held is not None
    assert (held.http_only, held.secure, held.same_site, held.max_age) == (True, True, "Strict", 600)
    assert asked["nonce"] not in held.value
    browser.come_back(asked)
    form, who = next((form, who) for path, form, who in forger.asked if path == TOKEN)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
    assert challenge.decode().rstrip("=") == asked["code_challenge"]
    assert form["grant_type"] == "authorization_code" and form["redirect_uri"] == asked["redirect_uri"]
    said = base64.b64decode(who.removeprefix("Basic ")).decode()
    assert said == f"{CLIENT}:a%20secret%3A%20of%20two%2Fwords"  # RFC 6749, 2.3.1
    assert browser.go()["nonce"] != asked["nonce"]


def test_coming_back_shows_a_page_that_sends_on_and_does_nothing_itself(
    world: World, browser: Browser, forger: Forger
) -> None:
    link(world, forger, person(world, "lin", "clerk"))
    asked = browser.go()
    forger.asked.clear()
    page = browser.get(f"{RETURN}?code=%22%3Ex&state={asked['state']}&session_state=1")
    assert (
        page.status_code == 200
        and 'value="&#34;&gt;x"' in page.text
        and 'name="session_state"' not in page.text
    )
    assert forger.asked == [] and _sessions(world) == 0
    assert browser.get(RETURN).headers["Location"] == "/sign-in"


def test_without_a_provider_there_is_no_button_and_no_such_page(world: World) -> None:
    client = world.app("oversight").test_client()
    person(world, "lin", "clerk")
    headers = {"Accept": "text/html", "Origin": SITE}
    assert "oidc" not in client.get("/sign-in", base_url=SITE, headers=headers).text
    assert (
        client.post(
            "/sign-in", base_url=SITE, headers=headers, data={"login": "lin", "password": "晨光 照在 河堤上"}
        ).status_code
        == 303
    )
    assert "oidc" not in client.get("/me", base_url=SITE, headers=headers).text
    for path in ("/sign-in/oidc", "/me/oidc", RETURN):
        assert client.get(path, base_url=SITE, headers=headers).status_code == 404
    for path in (RETURN, "/me/oidc", "/me/oidc/end"):
        assert client.post(path, base_url=SITE, headers=headers).status_code == 404


def test_nobody_is_made_by_signing_in_and_a_shut_account_stays_shut(
    world: World, browsers: Callable[[], Browser], forger: Forger
) -> None:
    gone = person(world, "gone", "clerk")
    link(world, forger, gone, "gone-1")
    accounts.disable(world.services["oversight"].identity, gone, accounts.SETUP)
    for subject in ("nobody-1", "gone-1"):
        browser = browsers()
        answer = browser.come_back(browser.go(), sub=subject)
        assert answer.status_code == 401 and UNLINKED in answer.text
        assert browser.client.get_cookie(COOKIE) is None
    assert len(read(world, "SELECT 1 FROM account")) == 1 and _sessions(world) == 0


def test_the_same_subject_of_another_issuer_is_somebody_else(
    world: World, browser: Browser, forger: Forger
) -> None:
    link(world, forger, person(world, "lin", "clerk"), issuer="https://earlier.example")
    answer = browser.come_back(browser.go())
    assert answer.status_code == 401 and UNLINKED in answer.text


FORGED: dict[str, Callable[[Forger, str], Any]] = {
    "for another client": lambda f, n: signed(f.claims(n, aud="another")),
    "for us and another": lambda f, n: signed(f.claims(n, aud=[CLIENT, "another"])),
    "for nobody": lambda f, n: signed(f.claims(n, aud=None)),
    "given to another": lambda f, n: signed(f.claims(n, azp="another")),
    "expired": lambda f, n: signed(f.claims(n, exp=int(time.time()) - 120)),
    "for ever": lambda f, n: signed(f.claims(n, exp=None)),
    "of tomorrow": lambda f, n: signed(f.claims(n, iat=int(time.time()) + 86400)),
    "not valid yet": lambda f, n: signed(f.claims(n, nbf=int(time.time()) + 86400)),
    "of another attempt": lambda f, n: signed(f.claims("another nonce")),
    "of no attempt": lambda f, n: signed(f.claims(None)),
    "of another issuer": lambda f, n: signed(f.claims(n, iss="https://another.example")),
    "of no issuer": lambda f, n: signed(f.claims(n, iss=None)),
    "of nobody": lambda f, n: signed(f.claims(n, sub=None)),
    "of a number": lambda f, n: signed(f.claims(n, sub=7)),
    "of too long a name": lambda f, n: signed(f.claims(n, sub="x" * 256)),
    "of what no row can hold": lambda f, n: signed(f.claims(n, sub="lin-1\0")),
    "of yesterday's password": lambda f, n: signed(f.claims(n, auth_time=int(time.time()) - 86400)),
    "of no time": lambda f, n: signed(f.claims(n, auth_time="now")),
    "signed by nobody": lambda f, n: unsigned(f.claims(n)),
    "signed by a stranger": lambda f, n: signed(f.claims(n), STRANGE),
    "signed with our secret": lambda f, n: shared(f.claims(n), SECRET.encode()),
    "signed with a public key": lambda f, n: shared(f.claims(n), OWN.as_pem(private=False)),
    "altered": lambda f, n: _altered(f, n),
    "no token": lambda f, n: "lin-1",
    "nothing": lambda f, n: None,
    "an object": lambda f, n: f.claims(n),
}


def _altered(forger: Forger, nonce: str) -> str:
    head, _, end = signed(forger.claims(nonce, sub="another")).split(".")
    return ".".join((head, signed(forger.claims(nonce)).split(".")[1], end))


@pytest.mark.parametrize("name", FORGED)
def test_a_token_that_is_not_right_opens_nothing(
    world: World, browser: Browser, forger: Forger, name: str
) -> None:
    link(world, forger, person(world, "lin", "clerk"))
    asked = browser.go()
    forger.gives(FORGED[name](forger, asked["nonce"]))
    answer = browser.post(RETURN, state=asked["state"], code="a code")
    assert answer.status_code == 401 and FAILED in answer.text
    assert KEYS in _paths(forger)
    assert browser.client.get_cookie(COOKIE) is None and _sessions(world) == 0


def test_what_comes_back_is_of_this_browsers_attempt(
    world: World, browsers: Callable[[], Browser], forger: Forger
) -> None:
    link(world, forger, person(world, "lin", "clerk"))
    victim, enemy, other = browsers(), browsers(), browsers()
    theirs, own = enemy.go(), victim.go()
    assert other.come_back(theirs).status_code == 401  # began nothing
    assert victim.come_back(theirs).status_code == 401  # is led into the enemy's attempt
    assert victim.come_back(own | {"state": ""}).status_code == 401
    assert victim.come_back(own | {"state": own["state"] + "x"}).status_code == 401
    assert TOKEN not in _paths(forger)
    assert victim.come_back(own).status_code == 303


def test_an_attempt_comes_back_once(world: World, browser: Browser, forger: Forger) -> None:
    link(world, forger, person(world, "lin", "clerk"))
    asked = browser.go()
    assert browser.come_back(asked).status_code == 303
    forger.asked.clear()
    assert browser.come_back(asked).status_code == 401
    assert forger.asked == [] and _sessions(world) == 1


def test_an_attempt_lives_for_ten_minutes(world: World, browser: Browser, forger: Forger) -> None:
    link(world, forger, person(world, "lin", "clerk"))
    begun = replace(oidc.attempt("", ""), begun=time.time() - 601)
    kept = keyring.seal(world.secrets, "account").close(orjson.dumps(asdict(begun)), "attempt")
    browser.client.set_cookie(ATTEMPT, kept, domain="localhost")
    assert browser.come_back(asdict(begun)).status_code == 401
    assert forger.asked == []


@pytest.mark.parametrize("given", [{"error": "access_denied"}, {"iss": "https://another.example"}])
def test_whoever_refused_or_was_led_astray_is_not_signed_in(
    world: World, browser: Browser, forger: Forger, given: dict[str, str]
) -> None:
    link(world, forger, person(world, "lin", "clerk"))
    asked = browser.go("/sign-in/oidc?next=intake:/register")
    forger.gives(signed(forger.claims(asked["nonce"])))
    answer = browser.post(RETURN, state=asked["state"], code="a code", **given)
    assert answer.status_code == 401 and 'value="intake:/register"' in answer.text
    assert TOKEN not in _paths(forger)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_no_other_site_sends_anybody_through(
    world: World, browser: Browser, forger: Forger, origin: str
) -> None:
    link(world, forger, person(world, "lin", "clerk"))
    asked = browser.go()
    forger.gives(signed(forger.claims(asked["nonce"])))
    answer = browser.post(RETURN, origin, state=asked["state"], code="a code")
    assert answer.status_code == 403 and "Set-Cookie" not in answer.headers


def test_failures_shut_the_door_that_passwords_go_through_and_successes_do_not(
    world: World, browser: Browser, forger: Forger
) -> None:
    link(world, forger, person(world, "lin", "clerk"))
    assert [browser.come_back(browser.go()).status_code for _ in range(11)] == [303] * 11
    asked = browser.go()
    statuses = [browser.come_back(asked | {"state": "x"}).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    assert browser.come_back(asked).status_code == 429
    assert browser.sign_in("nobody").status_code == 429  # to Lin, this browser is known
    change(world, "UPDATE failure SET at = at - interval '15 minutes'")
    assert browser.come_back(asked).status_code == 303


def _elsewhere(forger: Forger, path: str) -> Answer:
    return Answer(b"", 302, {"Location": f"{forger.issuer}/other{path}"})


SAID: dict[str, Callable[[Forger, str], Answer]] = {
    "an error": lambda f, p: Answer(b"{}", 500),
    "a redirect": _elsewhere,
    "too much": lambda f, p: Answer(f.says[p].body + b" " * oidc.MOST),
    "without an end": lambda f, p: Answer(b"{" + b" " * oidc.MOST, headers={"Content-Length": "9" * 12}),
    "packed": lambda f, p: Answer(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
    "no JSON": lambda f, p: Answer(b"<html>"),
    "no object": lambda f, p: Answer(b"[]"),
    "nothing known": lambda f, p: Answer(b"{}"),
}


@pytest.mark.parametrize("path", [DISCOVERY, TOKEN, KEYS])
def test_an_answer_that_cannot_be_read_is_no_answer(
    world: World, browser: Browser, forger: Forger, path: str
) -> None:
    link(world, forger, person(world, "lin", "clerk"))
    for say in SAID.values():
        asked = browser.go()
        forger.gives(signed(forger.claims(asked["nonce"])))
        good = forger.says[f"/other{path}"] = forger.says[path]
        forger.says[path] = say(forger, path)
        forger.asked.clear()
        answer = browser.post(RETURN, state=asked["state"], code="a code")
        assert answer.status_code == 401 and FAILED in answer.text
        assert path in _paths(forger) and f"/other{path}" not in _paths(forger)
        forger.says[path] = good
    assert _sessions(world) == 0


ELSEWHERE = (
    "{other}/x",
    "http://169.254.169.254/latest",
    "file:///etc/passwd",
    "x",
    "http://[",
    "{issuer}@evil.example/x",
    "",
)


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_nobody_is_asked_but_the_issuer_whatever_its_document_names(
    world: World, browser: Browser, forger: Forger, name: str
) -> None:
    link(world, forger, person(world, "lin", "clerk"))
    with serving() as other:
        for place in ELSEWHERE:
            forger.discovers()
            asked = browser.go()
            forger.gives(signed(forger.claims(asked["nonce"])))
            forger.discovers(**{name: place.format(other=other.issuer, issuer=forger.issuer)})
            assert browser.post(RETURN, state=asked["state"], code="a code").status_code == 401
        assert other.asked == [] and _sessions(world) == 0


def test_a_document_of_another_issuer_is_refused(browser: Browser, forger: Forger) -> None:
    forger.discovers(issuer="https://another.example")
    assert browser.get("/sign-in/oidc").status_code == 503


def test_whoever_is_away_leaves_the_password(world: World, browser: Browser, forger: Forger) -> None:
    person(world, "lin", "clerk")
    forger.says[DISCOVERY] = Answer(b"", 503)
    page = browser.get("/sign-in/oidc?next=oversight:/me")
    assert (
        page.status_code == 503 and 'action="/sign-in"' in page.text and 'value="oversight:/me"' in page.text
    )
    assert browser.sign_in("lin").status_code == 303


def test_a_provider_that_hangs_takes_two_threads_and_no_more(
    browsers: Callable[[], Browser], forger: Forger
) -> None:
    gate = threading.Event()
    forger.says[DISCOVERY].gate = gate
    waiting = [threading.Thread(target=browsers().get, args=["/sign-in/oidc"]) for _ in range(2)]
    for thread in waiting:
        thread.start()
        assert forger.arrived.acquire(timeout=10)
    assert browsers().get("/sign-in/oidc").status_code == 503
    assert len(forger.asked) == 2
    gate.set()
    for thread in waiting:
        thread.join()
    assert browsers().get("/sign-in/oidc").status_code == 303


def test_nobody_waits_long(browser: Browser, forger: Forger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "SECONDS", 0.2)
    forger.says[DISCOVERY].gate = threading.Event()
    assert browser.get("/sign-in/oidc").status_code == 503
