"""Accounts, passwords, set-up links."""

import time
from statistics import median

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine

from shared.identity import accounts, passwords, sessions
from shared.problems import Conflict, Invalid, NotFound
from tests.identity.people import PASSWORD, change, person, read
from tests.world import World


@pytest.fixture
def engine(world: World) -> Engine:
    return world.services["oversight"].identity


def test_a_password_hashed_with_yesterdays_parameters_is_hashed_anew_and_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = world.services["oversight"].identity
    person(world, "lin", "clerk")
    old = accounts.of_login(engine, "lin").password
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=3, memory_cost=19_456, parallelism=1))
    found = accounts.verify(engine, "lin", PASSWORD)
    assert found is not None and found.password != old
    assert found == accounts.verify(engine, "lin", PASSWORD) == accounts.of_login(engine, "lin")


@pytest.mark.parametrize(
    "password",
    [
        "x" * 7,
        "x" * 257,
        "password",
        "PassWord",
        "1234567890",
        "ｐａｓｓｗｏｒｄ",
        "my Lin.Chen 2026",
        "",
        "LIN.CHEN",
    ],
)
def test_a_password_that_others_would_guess_is_refused(password: str) -> None:
    assert passwords.refusal(password, "lin.chen") is not None


@pytest.mark.parametrize(
    "password", ["Minqing-2026!", "民情信访2026!!", "supervisor!1", "admincounty", "密码密码密码密码x"]
)
def test_a_password_of_the_words_of_this_place_is_refused(password: str) -> None:
    assert passwords.refusal(password, "lin.chen") == passwords.OWN


@pytest.mark.parametrize("password", ["83920174650123", "minqing horse staple", "admin 晨光照在河堤"])
def test_digits_alone_and_such_words_with_others_are_taken(password: str) -> None:
    assert passwords.refusal(password, "lin.chen") is None


@pytest.mark.parametrize(
    "password", ["晨光照在河堤上", "a b c d e", "x" * 256, "🐟" * 8, " leading and trailing "]
)
def test_any_other_password_is_taken_whatever_it_is_made_of(password: str) -> None:
    if len(password) >= passwords.SHORTEST:
        assert passwords.refusal(password, "lin.chen") is None
    assert passwords.fits(passwords.close(password), password)


def test_one_password_typed_on_two_keyboards_is_one_password() -> None:
    assert passwords.fits(passwords.close("１２３ hehe ａｂｃ"), "123 hehe abc")


def test_a_person_enters_with_the_login_in_any_case(world: World, engine: Engine) -> None:
    person(world, "lin.chen")
    found = accounts.verify(engine, " Lin.Chen ", PASSWORD)
    assert found is not None
    assert (found.login, found.name, found.ready) == ("lin.chen", "Lin.Chen", True)


def test_nobody_else_enters(world: World, engine: Engine) -> None:
    person(world, "ready")
    person(world, "unready", password=None)
    accounts.disable(engine, person(world, "gone"), accounts.SETUP)
    for login, password in [
        ("ready", PASSWORD + "x"), ("ready", ""), ("unready", ""), ("unready", PASSWORD), ("gone", PASSWORD),
        ("nobody", PASSWORD), ("", ""), ("unready", "nobody has this password"), ("x\0", "y\0"),
    ]:  # fmt: skip
        assert accounts.verify(engine, login, password) is None, login


def test_an_unknown_login_takes_as_long_as_a_wrong_password(world: World, engine: Engine) -> None:
    person(world, "lin.chen")

    def seconds(login: str) -> float:
        start = time.perf_counter()
        accounts.verify(engine, login, "wrong password")
        return time.perf_counter() - start

    seconds("nobody")
    pairs = [(seconds("lin.chen"), seconds("nobody")) for _ in range(15)]
    known, unknown = (median(times) for times in zip(*pairs, strict=True))
    assert 0.7 < known / unknown < 1.4


def test_the_password_is_nowhere_in_the_database(world: World, engine: Engine) -> None:
    person(world, "lin.chen")
    kept = read(world, "SELECT a::text FROM account a")[0][0]
    assert PASSWORD not in kept
    assert "$argon2id$" in kept


def test_a_hash_of_other_parameters_is_made_anew_at_the_next_entry(world: World, engine: Engine) -> None:
    id_ = person(world, "lin.chen")
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    change(world, "UPDATE account SET password = :old WHERE id = :id", old=old, id=id_)
    assert accounts.verify(engine, "lin.chen", PASSWORD)
    assert read(world, "SELECT password FROM account")[0].password != old
    assert accounts.verify(engine, "lin.chen", PASSWORD)


def test_a_login_is_taken_once(world: World) -> None:
    person(world, "lin.chen")
    with pytest.raises(Invalid):
        person(world, "LIN.chen")


def test_a_link_sets_a_password_once(world: World, engine: Engine) -> None:
    id_ = person(world, "lin.chen", password=None)
    with engine.begin() as tx:
        link = accounts.link(tx, id_, accounts.SETUP)
    with pytest.raises(Invalid):
        accounts.set_up(engine, link, "short")
    accounts.set_up(engine, link, PASSWORD)
    assert accounts.linked(engine, link) is None
    with pytest.raises(NotFound):
        accounts.set_up(engine, link, "another password")
    assert accounts.verify(engine, "lin.chen", PASSWORD)


def test_a_link_that_expired_or_was_replaced_or_invented_sets_nothing(world: World, engine: Engine) -> None:
    id_ = person(world, "lin.chen", password=None)
    with engine.begin() as tx:
        first = accounts.link(tx, id_, accounts.SETUP)
    with engine.begin() as tx:
        second = accounts.link(tx, id_, accounts.SETUP)
    change(world, "UPDATE set_up_link SET expires_at = now() WHERE used_at IS NULL")
    for link in (first, second, "", "invented"):
        with pytest.raises(NotFound):
            accounts.set_up(engine, link, PASSWORD)


def test_a_link_is_kept_as_a_digest(world: World, engine: Engine) -> None:
    with engine.begin() as tx:
        link = accounts.link(tx, accounts.add(tx, "lin", "Lin", accounts.SETUP), accounts.SETUP)
    assert link not in str(read(world, "SELECT l::text FROM set_up_link l"))


def test_disabling_ends_sessions_and_links(world: World, engine: Engine) -> None:
    id_ = person(world, "lin.chen", "clerk")
    session = sessions.begin(engine, id_, "127.0.0.1", "test")
    with engine.begin() as tx:
        link = accounts.link(tx, id_, accounts.SETUP)
    accounts.disable(engine, id_, accounts.SETUP)
    assert sessions.living(engine, session) is None
    assert accounts.linked(engine, link) is None
    with pytest.raises(Conflict):
        accounts.disable(engine, id_, accounts.SETUP)
    accounts.enable(engine, id_, accounts.SETUP)
    assert (sessions.living(engine, session), accounts.linked(engine, link)) == (None, None)


def test_the_last_administrator_cannot_be_disabled(world: World, engine: Engine) -> None:
    first, second = person(world, "first", "administrator"), person(world, "second", "administrator")
    accounts.disable(engine, first, second)
    with pytest.raises(Conflict):
        accounts.disable(engine, second, second)
    assert accounts.verify(engine, "second", PASSWORD)
