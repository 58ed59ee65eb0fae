"""Whoever knows a login cannot keep its owner out: browsers that the owner came in with are counted apart."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pyotp
import pytest
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from services.oversight.pages import device
from shared.identity import accounts, passwords
from shared.identity.devices import LIVES
from tests.identity.people import PASSWORD, change, person, read, second_factor
from tests.world import World

SITE = "https://localhost"
KNOWN = f"__Host-{device.NAME}"
HOME, ELSEWHERE = "192.0.2.1", "192.0.2.2"
OTHER = "a new password"  # pragma: allowlist secret


@pytest.fixture
def browsers(world: World) -> Callable[..., FlaskClient]:
    """Makes a new browser at an address."""

    def made(address: str = HOME) -> FlaskClient:
        client = world.app("oversight").test_client()
        client.environ_base["REMOTE_ADDR"] = address
        return client  # type: ignore[no-any-return]

    return made


def post(browser: FlaskClient, path: str, **data: str) -> TestResponse:
    return browser.post(path, base_url=SITE, data=data, headers={"Accept": "text/html", "Origin": SITE})


def sign_in(browser: FlaskClient, login: str = "lin", password: str = PASSWORD) -> int:
    return post(browser, "/sign-in", login=login, password=password).status_code


def leave(browser: FlaskClient) -> None:
    assert post(browser, "/sign-out").status_code == 303


def known(browser: FlaskClient) -> str:
    found = browser.get_cookie(KNOWN)
    return "" if found is None else found.value


def attack(browser: FlaskClient, times: int = 11) -> None:
    """Guess until the door is shut, and on."""
    statuses = [sign_in(browser, password=f"wrong {n}") for n in range(times)]
    assert statuses == [401] * 10 + [429] * (times - 10)


@pytest.fixture
def owner(world: World, browsers: Callable[..., FlaskClient]) -> FlaskClient:
    """The browser of Lin, a clerk, who came in with it and left."""
    person(world, "lin", "clerk")
    made = browsers()
    assert sign_in(made) == 303
    leave(made)
    return made


def test_a_strangers_hundred_failures_do_not_keep_the_owners_known_browser_out(
    owner: FlaskClient, browsers: Callable[..., FlaskClient]
) -> None:
    stranger = browsers(HOME)  # behind the same address, which they shut as well
    attack(stranger, 100)
    assert sign_in(browsers(ELSEWHERE)) == 429
    assert sign_in(owner) == 303
    assert sign_in(stranger) == 429  # that the owner came in makes no room for guesses
    leave(owner)
    assert sign_in(owner) == 303


def test_nor_keep_the_owner_from_showing_a_second_factor(
    world: World, browsers: Callable[..., FlaskClient]
) -> None:
    secret, codes = second_factor(world, person(world, "lin", "supervisor"))
    owner = browsers()
    sign_in(owner)
    assert known(owner) == ""  # a password alone makes no browser known
    assert post(owner, "/sign-in/factor", code=pyotp.TOTP(secret).now()).status_code == 303
    assert known(owner)
    leave(owner)
    attack(browsers(HOME))
    assert sign_in(owner) == 303
    assert post(owner, "/sign-in/factor", code=codes[0]).status_code == 303


def test_nor_keep_the_owner_from_changing_the_password(
    owner: FlaskClient, browsers: Callable[..., FlaskClient]
) -> None:
    sign_in(owner)
    attack(browsers(HOME))
    changed = post(owner, "/me/password", current=PASSWORD, password=OTHER)
    assert changed.headers["Location"].endswith("done=password")


def test_who_is_signed_in_guesses_the_password_ten_times_and_no_more(owner: FlaskClient) -> None:
    sign_in(owner)
    pages = [post(owner, "/me/password", current=f"wrong {n}", password=OTHER).text for n in range(11)]
    assert [("15 分钟" in page) for page in pages] == [False] * 10 + [True]
    assert "15 分钟" in post(owner, "/me/password", current=PASSWORD, password=OTHER).text


def test_a_known_browser_has_ten_guesses_of_its_own_and_no_more(
    owner: FlaskClient, browsers: Callable[..., FlaskClient]
) -> None:
    thief = browsers(ELSEWHERE)
    thief.set_cookie(KNOWN, known(owner), secure=True)
    attack(thief, 20)
    assert sign_in(thief) == 429
    assert sign_in(browsers(HOME)) == 303  # neither the login nor an address is shut


def test_its_guesses_at_the_second_factor_are_counted_apart_from_those_at_the_password(
    world: World, browsers: Callable[..., FlaskClient]
) -> None:
    """Else a right password after nine wrong codes would make room for nine more."""
    secret, _ = second_factor(world, person(world, "lin", "supervisor"))
    thief = browsers()
    sign_in(thief)
    post(thief, "/sign-in/factor", code=pyotp.TOTP(secret).now())
    change(world, "UPDATE account SET totp_step = 0")
    leave(thief)
    statuses = []
    for _ in range(4):
        assert sign_in(thief) == 303
        statuses += [post(thief, "/sign-in/factor", code=f"{n:06}").status_code for n in range(3)]
    assert statuses == [401] * 10 + [429] * 2


def _forged(world: World, owner: FlaskClient) -> None:
    value = known(owner)
    owner.set_cookie(KNOWN, value[:-4] + "AAA=", secure=True)


def _foreign(world: World, owner: FlaskClient) -> None:
    """Wang's, who came in with a browser of their own."""
    person(world, "wang", "clerk")
    theirs = world.app("oversight").test_client()
    theirs.environ_base["REMOTE_ADDR"] = "192.0.2.3"
    assert sign_in(theirs, "wang") == 303
    owner.set_cookie(KNOWN, known(theirs), secure=True)


def _of_an_old_password(world: World, owner: FlaskClient) -> None:
    [row] = read(world, "SELECT id FROM account WHERE login = 'lin'")
    engine = world.services["oversight"].identity
    with engine.begin() as tx:
        link = accounts.link(tx, row.id, accounts.SETUP)
    accounts.set_up(engine, link, PASSWORD)  # even to the same one


def _over_plain_http(world: World, owner: FlaskClient) -> None:
    """What anybody on the way could set there has no prefix, and counts for nothing over https."""
    value = known(owner)
    owner.delete_cookie(KNOWN)
    owner.set_cookie(device.NAME, value)


@pytest.mark.parametrize("done", [_forged, _foreign, _of_an_old_password, _over_plain_http])
def test_a_forged_foreign_or_ended_cookie_is_a_strangers(
    world: World,
    owner: FlaskClient,
    browsers: Callable[..., FlaskClient],
    done: Callable[[World, FlaskClient], None],
) -> None:
    done(world, owner)
    attack(browsers(HOME))
    assert sign_in(owner) == 429


def test_a_cookie_of_ninety_days_ago_is_a_strangers(
    owner: FlaskClient, browsers: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    attack(browsers(HOME))
    later = device.time.time() + LIVES.total_seconds() + 60
    monkeypatch.setattr(device, "time", SimpleNamespace(time=lambda: later))
    assert sign_in(owner) == 429


def test_no_other_host_can_set_the_cookie_and_it_names_nobody(owner: FlaskClient) -> None:
    found = owner.get_cookie(KNOWN)
    assert found is not None
    assert (found.http_only, found.secure, found.same_site, found.path) == (True, True, "Strict", "/")
    assert found.max_age == LIVES.total_seconds()
    assert "lin" not in found.value


def test_a_computer_at_a_counter_is_known_to_everybody_who_works_there(
    world: World, owner: FlaskClient, browsers: Callable[..., FlaskClient]
) -> None:
    person(world, "wang", "clerk")
    assert sign_in(owner, "wang") == 303
    leave(owner)
    attack(browsers(HOME))
    assert sign_in(owner, "wang") == 303
    leave(owner)
    assert sign_in(owner, "lin") == 303


def test_who_changes_the_password_stays_known_where_they_did(
    world: World, owner: FlaskClient, browsers: Callable[..., FlaskClient]
) -> None:
    another = browsers()
    assert sign_in(another) == sign_in(owner) == 303
    assert post(owner, "/me/password", current=PASSWORD, password=OTHER).status_code == 303
    leave(owner)
    attack(browsers(HOME))
    assert sign_in(owner, password=OTHER) == 303
    assert sign_in(another, password=OTHER) == 429


def test_who_is_shut_out_comes_in_with_a_link_of_an_administrator(
    world: World, owner: FlaskClient, browsers: Callable[..., FlaskClient]
) -> None:
    attack(browsers(HOME))
    fresh = browsers(HOME)
    [row] = read(world, "SELECT id FROM account")
    with world.services["oversight"].identity.begin() as tx:
        link = accounts.link(tx, row.id, accounts.SETUP)
    assert post(fresh, "/set-up", link=link, password=OTHER).status_code == 303
    assert sign_in(fresh, password=OTHER) == 303
    assert sign_in(browsers(HOME), password=OTHER) == 429


@contextmanager
def _work(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is done that takes time: every statement on the identity database, every hash."""
    done: list[str] = []
    engine = world.app("oversight").extensions["minqing"].identity

    def statement(_: Any, __: Any, sql: str, *___: Any) -> None:
        done.append(sql)

    fits = passwords.fits

    def hashed(*given: Any) -> bool:
        done.append("hash")
        return fits(*given)

    monkeypatch.setattr(passwords, "fits", hashed)
    event.listen(engine, "before_cursor_execute", statement)
    yield done
    event.remove(engine, "before_cursor_execute", statement)
    monkeypatch.setattr(passwords, "fits", fits)


@pytest.mark.parametrize("cookie", ["none", "forged", "foreign"])
def test_neither_the_answer_nor_its_work_tells_a_stranger_whether_there_is_such_a_login(
    world: World,
    owner: FlaskClient,
    browsers: Callable[..., FlaskClient],
    monkeypatch: pytest.MonkeyPatch,
    cookie: str,
) -> None:
    stranger = browsers(ELSEWHERE)
    if cookie == "forged":
        stranger.set_cookie(KNOWN, known(owner)[:-4] + "AAA=", secure=True)
    if cookie == "foreign":
        _foreign(world, stranger)
    seen = []
    for login in ("lin", "nobody"):
        with _work(world, monkeypatch) as done:
            answers = [post(stranger, "/sign-in", login=login, password=OTHER) for _ in range(2)]
        pages = [re.sub('id="login" name="login".*?>', "", answer.text) for answer in answers]
        seen.append(([answer.status_code for answer in answers], pages, done))
    assert seen[0] == seen[1]
    assert seen[0][2].count("hash") == 2
    assert sum("FROM account" in each for each in seen[0][2]) == (4 if cookie == "foreign" else 2)
