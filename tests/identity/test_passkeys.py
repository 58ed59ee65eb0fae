"""Passkeys against a device in software: what is taken, and everything that is not."""

import json
from collections.abc import Callable
from contextlib import suppress

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from shared import keyring
from shared.identity import accounts, changes, factors, passkeys, sessions
from shared.identity.passkeys import Site
from shared.identity.sessions import Session
from shared.problems import Conflict, Invalid, NotFound
from tests.identity.device import PRESENT, SITE, VERIFIED, Device, altered
from tests.identity.people import change, person, second_factor
from tests.world import World

HERE = Site(SITE, "localhost", "清河县")
ELSEWHERE = Site("https://evil.example", "evil.example", "清河县")


@pytest.fixture
def engine(world: World) -> Engine:
    return world.services["oversight"].identity


def session(engine: Engine, account: str) -> Session:
    """A session of someone whose password was right."""
    begun = sessions.living(engine, sessions.begin(engine, account, "", ""))
    assert begun is not None
    return begun


def added(engine: Engine, account: str, device: Device, name: str = "office") -> list[str]:
    """Add a device's passkey, in a session of its own; the recovery codes."""
    own = session(engine, account)
    answer = device.make(passkeys.challenge_to_add(engine, own, HERE))
    return passkeys.add(engine, own, HERE, name, answer)


def refused(act: Callable[[], object]) -> str:
    """Why something is refused, in English."""
    with pytest.raises(Invalid) as found:
        act()
    return found.value.faults[0].en


def test_a_passkey_is_added_with_recovery_codes_and_then_shown(world: World, engine: Engine) -> None:
    lin, device = person(world, "lin", "supervisor"), Device()
    assert len(added(engine, lin, device)) == factors.CODES == factors.left(engine, lin)
    account = accounts.get(engine, lin)
    assert (account.second_factor, account.totp, account.passkeys) == (True, False, 1)
    own = session(engine, lin)
    passkeys.show(engine, own, HERE, device.show(passkeys.challenge_to_show(engine, own, HERE)))
    found = passkeys.listed(engine, lin)[0]
    assert found.name == "office" and found.last_used_at is not None


def test_what_a_browser_is_asked_for(world: World, engine: Engine) -> None:
    lin, device = person(world, "lin"), Device()
    added(engine, lin, device)
    asked = json.loads(passkeys.challenge_to_add(engine, session(engine, lin), HERE))
    assert asked["rp"] == {"id": "localhost", "name": "清河县"}
    assert asked["attestation"] == "none"
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert asked["timeout"] == 300_000
    assert len(asked["excludeCredentials"]) == 1
    assert "lin" not in str(asked["user"]["id"])  # what a device gives away names nobody
    shown = json.loads(passkeys.challenge_to_show(engine, session(engine, lin), HERE))
    assert (shown["userVerification"], len(shown["allowCredentials"])) == ("required", 1)
    assert len(shown["challenge"]) >= 43  # 256 bits


def test_codes_stay_when_a_further_factor_is_added(world: World, engine: Engine) -> None:
    lin = person(world, "lin")
    _, codes = second_factor(world, lin)
    assert added(engine, lin, Device()) == []
    assert added(engine, lin, Device()) == []
    assert factors.show(engine, keyring.seal(world.secrets, "account"), lin, codes[0])


def test_an_answer_counts_once(world: World, engine: Engine) -> None:
    lin, device = person(world, "lin"), Device()
    own = session(engine, lin)
    answer = device.make(passkeys.challenge_to_add(engine, own, HERE))
    passkeys.add(engine, own, HERE, "office", answer)
    assert "too old" in refused(lambda: passkeys.add(engine, own, HERE, "again", answer))
    shown = device.show(passkeys.challenge_to_show(engine, own, HERE))
    passkeys.show(engine, own, HERE, shown)
    assert "too old" in refused(lambda: passkeys.show(engine, own, HERE, shown))
    passkeys.challenge_to_show(engine, own, HERE)  # not even to the next challenge
    assert "not accepted" in refused(lambda: passkeys.show(engine, own, HERE, shown))


def test_a_wrong_answer_uses_the_challenge_up(world: World, engine: Engine) -> None:
    lin, device = person(world, "lin"), Device()
    added(engine, lin, device)
    own = session(engine, lin)
    right = device.show(passkeys.challenge_to_show(engine, own, HERE))
    refused(lambda: passkeys.show(engine, own, HERE, "{}"))
    assert "too old" in refused(lambda: passkeys.show(engine, own, HERE, right))


def test_an_answer_to_another_session_is_refused(world: World, engine: Engine) -> None:
    lin, device = person(world, "lin"), Device()
    added(engine, lin, device)
    one, other = session(engine, lin), session(engine, lin)
    shown = device.show(passkeys.challenge_to_show(engine, one, HERE))
    assert "too old" in refused(lambda: passkeys.show(engine, other, HERE, shown))
    passkeys.challenge_to_show(engine, other, HERE)
    assert "not accepted" in refused(lambda: passkeys.show(engine, other, HERE, shown))
    passkeys.show(engine, one, HERE, shown)


def test_a_challenge_to_add_is_none_to_show(world: World, engine: Engine) -> None:
    lin, device = person(world, "lin"), Device()
    added(engine, lin, device)
    own = session(engine, lin)
    passkeys.challenge_to_show(engine, own, HERE)
    asked = json.loads(passkeys.challenge_to_add(engine, own, HERE)) | {"rpId": "localhost"}
    assert "too old" in refused(lambda: passkeys.show(engine, own, HERE, device.show(json.dumps(asked))))


def test_a_challenge_lives_five_minutes(world: World, engine: Engine) -> None:
    lin, device = person(world, "lin"), Device()
    added(engine, lin, device)
    own = session(engine, lin)
    shown = device.show(passkeys.challenge_to_show(engine, own, HERE))
    change(world, "UPDATE passkey_challenge SET expires_at = expires_at - interval '4 minutes 50 seconds'")
    passkeys.show(engine, own, HERE, shown)
    shown = device.show(passkeys.challenge_to_show(engine, own, HERE))
    change(world, "UPDATE passkey_challenge SET expires_at = expires_at - interval '5 minutes'")
    assert "too old" in refused(lambda: passkeys.show(engine, own, HERE, shown))


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost",
        "https://localhost:8443",
        "https://localhost.evil.example",
        "null",
    ],
)
def test_an_answer_made_on_another_site_is_refused(world: World, engine: Engine, origin: str) -> None:
    lin, device = person(world, "lin"), Device()
    own = session(engine, lin)
    made = device.make(passkeys.challenge_to_add(engine, own, HERE), origin)
    assert "not accepted" in refused(lambda: passkeys.add(engine, own, HERE, "office", made))
    added(engine, lin, device)
    shown = device.show(passkeys.challenge_to_show(engine, own, HERE), origin)
    assert "not accepted" in refused(lambda: passkeys.show(engine, own, HERE, shown))


def test_an_answer_for_another_host_is_refused(world: World, engine: Engine) -> None:
    lin, device = person(world, "lin"), Device()
    own = session(engine, lin)
    made = device.make(passkeys.challenge_to_add(engine, own, ELSEWHERE))
    assert "not accepted" in refused(lambda: passkeys.add(engine, own, HERE, "office", made))
    added(engine, lin, device)
    shown = device.show(passkeys.challenge_to_show(engine, own, ELSEWHERE))
    assert "not accepted" in refused(lambda: passkeys.show(engine, own, HERE, shown))


@pytest.mark.parametrize("flags", [0, PRESENT, VERIFIED])
def test_the_person_must_be_there_and_verified(world: World, engine: Engine, flags: int) -> None:
    lin, device = person(world, "lin"), Device()
    added(engine, lin, device)
    device.flags = flags
    own = session(engine, lin)
    shown = device.show(passkeys.challenge_to_show(engine, own, HERE))
    if flags != VERIFIED:  # who was verified was there
        assert "not accepted" in refused(lambda: passkeys.show(engine, own, HERE, shown))
    made = Device(flags=flags).make(passkeys.challenge_to_add(engine, own, HERE))
    assert "not accepted" in refused(lambda: passkeys.add(engine, own, HERE, "phone", made))


@pytest.mark.parametrize("part", ["clientDataJSON", "authenticatorData", "signature"])
def test_an_answer_that_was_altered_is_refused(world: World, engine: Engine, part: str) -> None:
    lin, device = person(world, "lin"), Device()
    added(engine, lin, device)
    own = session(engine, lin)
    shown = device.show(passkeys.challenge_to_show(engine, own, HERE))
    forged = altered(shown, part, lambda value: value[:-1] + bytes([value[-1] ^ 1]))
    assert "not accepted" in refused(lambda: passkeys.show(engine, own, HERE, forged))


def test_a_copy_that_counts_from_where_it_was_copied_is_refused(world: World, engine: Engine) -> None:
    lin, device = person(world, "lin"), Device(count=7)
    added(engine, lin, device)
    own = session(engine, lin)
    copy = Device(device.id, device.key, count=7)
    passkeys.show(engine, own, HERE, device.show(passkeys.challenge_to_show(engine, own, HERE)))
    shown = copy.show(passkeys.challenge_to_show(engine, own, HERE))
    assert "not accepted" in refused(lambda: passkeys.show(engine, own, HERE, shown))


def test_a_device_that_does_not_count_is_taken(world: World, engine: Engine) -> None:
    lin, device = person(world, "lin"), Device()
    added(engine, lin, device)
    own = session(engine, lin)
    for _ in range(2):
        device.count = -1
        passkeys.show(engine, own, HERE, device.show(passkeys.challenge_to_show(engine, own, HERE)))


def test_another_persons_passkey_is_none_of_mine(world: World, engine: Engine) -> None:
    lin, wang = person(world, "lin"), person(world, "wang")
    mine, theirs = Device(), Device()
    added(engine, lin, mine)
    added(engine, wang, theirs)
    own = session(engine, lin)
    shown = theirs.show(passkeys.challenge_to_show(engine, own, HERE))
    assert "not accepted" in refused(lambda: passkeys.show(engine, own, HERE, shown))
    again = theirs.make(passkeys.challenge_to_add(engine, own, HERE))
    assert "not accepted" in refused(lambda: passkeys.add(engine, own, HERE, "office", again))
    with pytest.raises(NotFound):
        passkeys.remove(engine, lin, passkeys.listed(engine, wang)[0].id)
    assert len(passkeys.listed(engine, wang)) == 1


def test_an_id_longer_than_any_honest_one_is_refused(world: World, engine: Engine) -> None:
    lin = person(world, "lin")
    own = session(engine, lin)
    made = Device(id=b"x" * 1025).make(passkeys.challenge_to_add(engine, own, HERE))
    assert "not accepted" in refused(lambda: passkeys.add(engine, own, HERE, "office", made))


@pytest.mark.parametrize("key", [{}, {1: 2, 3: -7}, {1: 2, 3: -7, -1: 1, -2: 5, -3: "y"}, [], 7])
def test_a_key_that_is_none_is_refused(world: World, engine: Engine, key: object) -> None:
    lin, device = person(world, "lin"), Device(public=cbor2.dumps(key))
    own = session(engine, lin)
    made = device.make(passkeys.challenge_to_add(engine, own, HERE))
    with suppress(Invalid):
        passkeys.add(engine, own, HERE, "office", made)
        shown = device.show(passkeys.challenge_to_show(engine, own, HERE))
        passkeys.show(engine, own, HERE, shown)
        pytest.fail("taken")


def test_nobody_hoards_passkeys(world: World, engine: Engine) -> None:
    lin = person(world, "lin")
    for _ in range(passkeys.MOST):
        added(engine, lin, Device())
    with pytest.raises(Conflict):
        passkeys.challenge_to_add(engine, session(engine, lin), HERE)


def test_the_last_factor_of_a_role_that_needs_one_stays(world: World, engine: Engine) -> None:
    lin = person(world, "lin", "supervisor", "clerk")
    codes = added(engine, lin, Device())
    only = passkeys.listed(engine, lin)[0].id
    with pytest.raises(Conflict):
        passkeys.remove(engine, lin, only)
    assert factors.left(engine, lin) == len(codes)  # nothing of it happened
    added(engine, lin, Device())
    passkeys.remove(engine, lin, only)
    rest = passkeys.listed(engine, lin)[0].id
    second_factor(world, lin)
    passkeys.remove(engine, lin, rest)
    assert accounts.get(engine, lin).second_factor


def test_with_the_last_factor_of_others_go_the_recovery_codes(world: World, engine: Engine) -> None:
    lin = person(world, "lin", "clerk")
    added(engine, lin, Device())
    passkeys.remove(engine, lin, passkeys.listed(engine, lin)[0].id)
    assert not accounts.get(engine, lin).second_factor
    assert factors.left(engine, lin) == 0


def test_a_lost_factor_is_taken_away_with_the_passkeys(world: World, engine: Engine) -> None:
    lin = person(world, "lin", "supervisor")
    added(engine, lin, Device())
    with engine.begin() as tx:
        factors.remove(tx, lin, "command-line")
    assert not accounts.get(engine, lin).second_factor


def test_every_change_of_passkeys_is_kept(world: World, engine: Engine) -> None:
    lin = person(world, "lin")
    added(engine, lin, Device(), "办公电脑")
    passkeys.remove(engine, lin, passkeys.listed(engine, lin)[0].id)
    said = [(row.by, row.what, row.subject, row.detail) for row in changes.listed(engine)[1][:2]]
    assert said == [
        (lin, "passkey.removed", lin, {"label": "办公电脑"}),
        (lin, "passkey.added", lin, {"label": "办公电脑"}),
    ]


@pytest.mark.parametrize(
    ("address", "origin", "host"),
    [
        ("https://minqing.example/", "https://minqing.example", "minqing.example"),
        ("https://Minqing.Example:8443/x", "https://minqing.example:8443", "minqing.example"),
        ("http://localhost:8603", "http://localhost:8603", "localhost"),
    ],
)
def test_passkeys_are_bound_to_the_address_that_browsers_see(address: str, origin: str, host: str) -> None:
    assert passkeys.site(address, "x") == Site(origin, host, "x")


@pytest.mark.parametrize("address", ["http://127.0.0.1:8603/", "https://10.1.2.3", "https://[::1]:8603/"])
def test_no_passkey_is_made_for_a_number(address: str) -> None:
    assert passkeys.site(address, "x") is None


PARTS = ("clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle")
WRONG = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text() | st.just("AAAA"),
        "rawId": st.text() | st.just("AAAA"),
        "type": st.text() | st.just("public-key"),
        "authenticatorAttachment": st.text() | st.integers(),
        "response": st.dictionaries(st.sampled_from(PARTS), st.text() | st.none() | st.just("AAAA"))
        | st.text(),
    },
)
WHOLE = {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": dict.fromkeys(PARTS, "AAAA")}
NONSENSE = st.one_of(
    st.text(),
    st.sampled_from(["[" * 9000, '{"a":' * 3000, "[]", "null", "1e999", '"\\ud800"']),
    st.builds(json.dumps, WRONG),
    st.builds(lambda wrong: json.dumps(WHOLE | wrong), WRONG),
)
often = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def own(world: World, engine: Engine) -> Session:
    """A session of somebody who has a passkey."""
    lin = person(world, "lin")
    added(engine, lin, Device())
    return session(engine, lin)


@given(answer=NONSENSE)
@often
def test_nonsense_is_refused_and_breaks_nothing(engine: Engine, own: Session, answer: str) -> None:
    passkeys.challenge_to_show(engine, own, HERE)
    refused(lambda: passkeys.show(engine, own, HERE, answer))
    passkeys.challenge_to_add(engine, own, HERE)
    refused(lambda: passkeys.add(engine, own, HERE, "office", answer))


@given(
    part=st.sampled_from(["clientDataJSON", "attestationObject"]),
    at=st.floats(0, 1),
    length=st.integers(0, 8),
    instead=st.binary(max_size=8),
)
@often
def test_a_mangled_answer_breaks_nothing(
    world: World, engine: Engine, own: Session, part: str, at: float, length: int, instead: bytes
) -> None:
    """Nobody signs for a device that is not asked what it is, so some of them may be taken."""

    def mangled(value: bytes) -> bytes:
        first = int(at * len(value))
        return value[:first] + instead + value[first + length :]

    made = Device().make(passkeys.challenge_to_add(engine, own, HERE))
    with suppress(Invalid):
        passkeys.add(engine, own, HERE, "office", altered(made, part, mangled))
    change(world, "DELETE FROM passkey")
