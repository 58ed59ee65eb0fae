"""Sessions, second factors, limits."""

import math
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest
from sqlalchemy import Engine

from shared import keyring
from shared.identity import accounts, factors, grants, limits, sessions
from shared.keyring import Seal
from shared.problems import Conflict
from tests.identity.people import PASSWORD, change, person, read, second_factor
from tests.world import NAMES, World


@pytest.fixture
def engine(world: World) -> Engine:
    return world.services["oversight"].identity


@pytest.fixture
def seal(world: World) -> Seal:
    return keyring.seal(world.secrets, "account")


def _begun(engine: Engine, account: str) -> str:
    found = sessions.living(engine, sessions.begin(engine, account, "127.0.0.1", "test"))
    assert found is not None
    return found.id


def _entered(engine: Engine, account: str) -> str:
    reference = sessions.enter(engine, _begun(engine, account), grants.of(engine, account)[0].id)
    assert reference is not None
    return reference


def test_a_session_says_in_all_services_who_works_as_what(world: World, engine: Engine) -> None:
    lin = person(world, "lin", "liaison", department="housing")
    reference = _entered(engine, lin)
    for name in NAMES:
        found = sessions.caller(world.services[name].identity, reference)
        assert found is not None
        assert (found.account, found.name, found.held, found.bodies) == (lin, "Lin", "liaison", ("housing",))
        assert (found.department, found.office) == ("housing", None)


def test_who_found_a_lost_second_factor_has_no_session_left(world: World, engine: Engine) -> None:
    lin = person(world, "lin", "clerk")
    reference = _entered(engine, lin)
    with engine.begin() as tx:
        factors.remove(tx, lin, "command-line")
    assert sessions.caller(engine, reference) is None


def test_a_session_without_a_role_is_nobody(world: World, engine: Engine) -> None:
    reference = sessions.begin(engine, person(world, "lin", "clerk"), "::1", "test")
    assert sessions.living(engine, reference) is not None
    assert sessions.caller(engine, reference) is None


def test_each_step_gives_a_new_reference_and_ends_the_one_before(world: World, engine: Engine) -> None:
    lin = person(world, "lin", "clerk")
    first = sessions.begin(engine, lin, "::1", "test")
    begun = sessions.living(engine, first)
    assert begun is not None
    second = sessions.show_factor(engine, begun.id)
    third = sessions.enter(engine, begun.id, grants.of(engine, lin)[0].id) or ""
    assert (sessions.living(engine, first), sessions.living(engine, second)) == (None, None)
    assert sessions.caller(engine, third) is not None


@pytest.mark.parametrize("role", ["supervisor", "administrator"])
def test_some_roles_are_closed_without_a_second_factor(world: World, engine: Engine, role: str) -> None:
    lin = person(world, "lin", role)
    session = _begun(engine, lin)
    assert sessions.enter(engine, session, grants.of(engine, lin)[0].id) is None
    sessions.show_factor(engine, session)
    reference = sessions.enter(engine, session, grants.of(engine, lin)[0].id) or ""
    assert sessions.caller(engine, reference) is not None
    change(world, "UPDATE session SET factor_at = NULL")
    assert sessions.caller(engine, reference) is None


def test_nobody_works_in_the_role_of_another_or_in_one_that_waits(world: World, engine: Engine) -> None:
    lin, wang = person(world, "lin", "clerk"), person(world, "wang", "clerk")
    with engine.begin() as tx:
        waits = grants.ask(tx, lin, "auditor", {}, "one")
    for grant in (grants.of(engine, wang)[0].id, waits, "none"):
        assert sessions.enter(engine, _begun(engine, lin), grant) is None


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE session SET created_at = now() - interval '12 hours'",
        "UPDATE session SET ended_at = now()",
        "UPDATE account SET status = 'disabled'",
        "UPDATE role_grant SET ended_at = now()",
    ],
)
def test_a_session_is_over_at_its_next_request(world: World, engine: Engine, sql: str) -> None:
    reference = _entered(engine, person(world, "lin", "clerk"))
    change(world, sql)
    for name in NAMES:
        assert sessions.caller(world.services[name].identity, reference) is None


def test_a_changed_password_ends_all_other_sessions(world: World, engine: Engine) -> None:
    lin = person(world, "lin", "clerk")
    other, mine = _entered(engine, lin), _entered(engine, lin)
    own = sessions.living(engine, mine)
    assert own is not None
    accounts.change_password(engine, accounts.get(engine, lin), PASSWORD + "!", own.id)
    assert sessions.caller(engine, other) is None
    assert sessions.caller(engine, mine) is not None


def test_only_ones_own_sessions_can_be_ended(world: World, engine: Engine) -> None:
    lin, wang = person(world, "lin", "clerk"), person(world, "wang", "clerk")
    reference = _entered(engine, lin)
    session = sessions.listed(engine, lin)[0].id
    assert not sessions.end(engine, wang, session, "own")
    assert sessions.caller(engine, reference) is not None
    assert sessions.end(engine, lin, session, "own")
    assert sessions.caller(engine, reference) is None


def test_the_reference_is_nowhere_in_the_database(world: World, engine: Engine) -> None:
    reference = _entered(engine, person(world, "lin", "clerk"))
    assert reference not in str(read(world, "SELECT s::text FROM session s"))


def test_a_code_counts_once_and_only_near_its_time(world: World, engine: Engine, seal: Seal) -> None:
    lin = person(world, "lin")
    secret, _ = second_factor(world, lin)
    app, now = pyotp.TOTP(secret), factors.time.time()
    for far in (-90, 90):
        assert not factors.show(engine, seal, lin, app.at(int(now) + far))
    code = app.at(int(now))
    assert factors.show(engine, seal, lin, f"{code[:3]} {code[3:]}")
    assert not factors.show(engine, seal, lin, code)
    assert not factors.show(engine, seal, lin, app.at(int(now) - 30))  # earlier than one used


def test_one_code_at_fifty_doors_opens_one(world: World, engine: Engine, seal: Seal) -> None:
    lin = person(world, "lin")
    secret, _ = second_factor(world, lin)
    code = pyotp.TOTP(secret).now()
    with ThreadPoolExecutor(8) as pool:
        shown = list(pool.map(lambda _: factors.show(engine, seal, lin, code), range(50)))
    assert sum(shown) == 1


def test_a_recovery_code_counts_once_however_it_is_typed(world: World, engine: Engine, seal: Seal) -> None:
    lin, wang = person(world, "lin"), person(world, "wang")
    _, codes = second_factor(world, lin)
    assert (len(set(codes)), factors.left(engine, lin)) == (10, 10)
    assert not factors.show(engine, seal, wang, codes[0])
    assert factors.show(engine, seal, lin, codes[0].upper().replace("-", " "))
    assert not factors.show(engine, seal, lin, codes[0])
    assert factors.left(engine, lin) == 9
    assert len(factors.renew_codes(engine, lin)) == 10
    assert not factors.show(engine, seal, lin, codes[1])


def test_a_recovery_code_has_so_many_letters_that_its_digest_tells_nothing(
    world: World, engine: Engine
) -> None:
    """A plain digest is enough from 112 bits on (ASVS 6.5.2)."""
    _, codes = second_factor(world, person(world, "lin"))
    letters = len(codes[0].replace("-", ""))
    assert letters * math.log2(len(factors.LETTERS)) >= 112


def test_a_lost_factor_that_is_taken_away_ends_all_sessions(world: World, engine: Engine) -> None:
    lin = person(world, "lin", "supervisor")
    second_factor(world, lin)
    begun = sessions.begin(engine, lin, "127.0.0.1", "test")
    assert sessions.living(engine, begun) is not None
    with engine.begin() as tx:
        factors.remove(tx, lin, "command-line")
    assert sessions.living(engine, begun) is None


@pytest.mark.parametrize("code", ["", "000000", "12345", "abcdef", "１２３４５６", "x" * 10_000])
def test_a_wrong_code_is_no_second_factor(world: World, engine: Engine, seal: Seal, code: str) -> None:
    with_one, without = person(world, "lin"), person(world, "wang")
    second_factor(world, with_one)
    assert not factors.show(engine, seal, with_one, code)
    assert not factors.show(engine, seal, without, code)


def test_a_second_factor_is_set_up_by_a_right_code_and_not_replaced(
    world: World, engine: Engine, seal: Seal
) -> None:
    lin, secret = person(world, "lin"), factors.secret()
    assert factors.enrol(engine, seal, lin, secret, "000000") is None
    second_factor(world, lin)
    with pytest.raises(Conflict):
        factors.enrol(engine, seal, lin, secret, pyotp.TOTP(secret).now())


def test_the_secret_is_sealed_for_its_account(world: World, engine: Engine, seal: Seal) -> None:
    lin, wang = person(world, "lin"), person(world, "wang")
    secret, codes = second_factor(world, lin)
    kept = str(
        read(world, "SELECT a::text FROM account a") + read(world, "SELECT r::text FROM recovery_code r")
    )
    assert secret not in kept
    assert codes[0] not in kept
    change(world, "UPDATE account SET totp = (SELECT totp FROM account WHERE id = :lin) WHERE id = :wang",
           lin=lin, wang=wang)  # fmt: skip
    with pytest.raises(keyring.Tampered):
        factors.show(engine, seal, wang, pyotp.TOTP(secret).now())


def test_the_eleventh_try_in_a_row_is_refused_at_any_door_it_comes_through(engine: Engine) -> None:
    for n in range(10):
        assert limits.enter(engine, ["login:lin", f"address:{n}"])
    assert not limits.enter(engine, ["login:lin", "address:99"])
    assert limits.enter(engine, ["login:wang", "address:99"])


def test_a_hundred_tries_at_once_are_no_more_than_ten(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        let_in = list(pool.map(lambda _: limits.enter(engine, ["login:lin", "address:1"]), range(100)))
    assert sum(let_in) == 10


def test_a_success_forgets_the_account_and_not_the_guesses_of_its_address(engine: Engine) -> None:
    for n in range(9):
        assert limits.enter(engine, [f"login:{n}", "address:1"])
    for _ in range(5):  # an attacker's own account between the guesses
        assert limits.enter(engine, ["login:own", "address:1"])
        limits.succeed(engine, "login:own", "address:1")
    assert limits.enter(engine, ["login:x", "address:1"])
    assert not limits.enter(engine, ["login:own", "address:1"])


def test_limits_outlive_the_loss_of_redis_and_end_by_themselves(world: World, engine: Engine) -> None:
    for _ in range(10):
        limits.enter(engine, ["login:lin"])
    world.redis.flushall()
    assert not limits.enter(engine, ["login:lin"])
    change(world, "UPDATE failure SET at = at - interval '15 minutes'")
    assert limits.enter(engine, ["login:lin"])


def test_a_household_with_ipv6_is_one_address() -> None:
    assert limits.of_address("2001:db8::1") == limits.of_address("2001:db8::ffff:2")
    assert limits.of_address("2001:db8::1") != limits.of_address("2001:db8:0:1::1")
    assert limits.of_address(None) == limits.of_address("nonsense")


def test_addresses_of_ipv4_that_are_written_as_ipv6_are_not_one_household() -> None:
    assert limits.of_address("::ffff:192.0.2.1") == limits.of_address("192.0.2.1")
    assert limits.of_address("::ffff:192.0.2.1") != limits.of_address("::ffff:192.0.2.2")
