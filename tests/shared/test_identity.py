"""Access keys."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from shared import identity
from shared.identity.model import Caller
from tests.world import World

NEXT_MONTH = datetime.now(UTC) + timedelta(days=30)


def _engine(world: World, name: str = "oversight") -> Engine:
    return world.services[name].identity


def _issued(world: World, role: str = "department", expires: datetime = NEXT_MONTH) -> tuple[Caller, str]:
    holder = Caller(identity.new_id(), role, "housing" if role == "department" else None, None)
    return holder, identity.issue(_engine(world), holder, f"test {holder.key}", expires)


@pytest.mark.parametrize("role", identity.KEY_ROLES)
def test_a_key_names_its_holder_in_every_service(world: World, role: str) -> None:
    holder, key = _issued(world, role)
    for name in ("intake", "routing", "oversight"):
        assert identity.verify(_engine(world, name), key) == holder
        assert identity.holder(_engine(world, name), holder.key) == holder


def test_the_secret_is_nowhere_in_the_database(world: World) -> None:
    _, key = _issued(world)
    secret = key.split("_")[3]
    with _engine(world).connect() as connection:
        assert secret not in str(connection.exec_driver_sql("SELECT k::text FROM access_key k").all())
    assert all("secret_digest" not in row._mapping for row in identity.listed(_engine(world)))


def test_any_changed_letter_ends_a_key(world: World) -> None:
    _, key = _issued(world)
    for at in range(len(key)):
        changed = key[:at] + ("x" if key[at] != "x" else "y") + key[at + 1 :]
        assert identity.verify(_engine(world), changed) is None


def test_a_right_check_does_not_replace_the_secret(world: World) -> None:
    holder, _ = _issued(world)
    body = f"{identity.PREFIX}_{holder.key}_{'a' * 32}"
    assert identity.verify(_engine(world), f"{body}_{identity._check(body)}") is None


@pytest.mark.parametrize("id_", ["\0", "é", "' OR 1=1 --", "", "\ud800"])
def test_nonsense_with_a_right_check_is_no_key_and_no_error(world: World, id_: str) -> None:
    body = f"{identity.PREFIX}_{id_}_secret"
    check = identity._check(body) if id_.isascii() else "000000"
    assert identity.verify(_engine(world), f"{body}_{check}") is None


@pytest.mark.parametrize("text", ["", "_", "mq_live", "Bearer x", "é_é_é_é_é", "a" * 10_000])
def test_what_is_no_key_is_refused(world: World, text: str) -> None:
    assert identity.verify(_engine(world), text) is None


def test_an_expired_key_is_refused(world: World) -> None:
    holder, key = _issued(world, expires=datetime.now(UTC) - timedelta(seconds=1))
    assert identity.verify(_engine(world), key) is None
    assert identity.holder(_engine(world), holder.key) is None


def test_a_revoked_key_ends_at_once_and_once(world: World) -> None:
    holder, key = _issued(world)
    assert identity.revoke(_engine(world), holder.key)
    assert identity.verify(_engine(world, "intake"), key) is None
    assert identity.holder(_engine(world, "routing"), holder.key) is None
    assert not identity.revoke(_engine(world), holder.key)


@pytest.mark.parametrize(
    ("role", "department"),
    [("king", None), ("department", None), ("clerk", "housing")],
)
def test_a_key_that_makes_no_sense_is_not_issued(world: World, role: str, department: str | None) -> None:
    with pytest.raises(ValueError, match="role|department"):
        identity.issue(_engine(world), Caller("x", role, department, None), "test", NEXT_MONTH)


@pytest.mark.parametrize("name", ["intake", "routing"])
def test_only_oversight_writes_keys(world: World, name: str) -> None:
    holder, _ = _issued(world)
    with pytest.raises(Exception, match="permission denied"):
        identity.revoke(_engine(world, name), holder.key)


def test_a_holder_has_two_keys_at_most_and_a_rotation_ends_the_first(world: World) -> None:
    engine, first = _engine(world), Caller(identity.new_id(), "department", "housing", None, scopes=("read",))
    old = identity.issue(engine, first, "ledger system", NEXT_MONTH)
    new = identity.rotate(engine, first.key, NEXT_MONTH, timedelta(hours=1))
    found = identity.verify(engine, new)
    assert found is not None
    assert (found.department, found.scopes) == ("housing", ("read",))
    assert identity.verify(engine, old) is not None  # for an hour
    with pytest.raises(ValueError, match="2 live keys"):
        identity.rotate(engine, found.key, NEXT_MONTH, timedelta())
    identity.revoke(engine, first.key)
    third = identity.rotate(engine, found.key, NEXT_MONTH, timedelta())
    assert [identity.verify(engine, key) is None for key in (old, new, third)] == [True, True, False]
    with pytest.raises(ValueError, match="not live"):
        identity.rotate(engine, first.key, NEXT_MONTH, timedelta())


def test_a_key_lives_a_year_at_most_and_does_no_more_than_its_role(world: World) -> None:
    with pytest.raises(ValueError, match="within a year"):
        _issued(world, expires=datetime.now(UTC) + timedelta(days=400))
    holder = Caller(identity.new_id(), "supervisor", None, None, scopes=("read", "register"))
    with pytest.raises(ValueError, match="register"):
        identity.issue(_engine(world), holder, "test", NEXT_MONTH)


@pytest.mark.parametrize("name", ["intake", "routing", "oversight"])
def test_the_last_use_of_a_key_is_known_wherever_it_was_used(world: World, name: str) -> None:
    holder, key = _issued(world)
    assert identity.listed(_engine(world))[0].last_used_at is None
    assert identity.verify(_engine(world, name), key) == holder
    first = identity.listed(_engine(world))[0].last_used_at
    assert abs((first - datetime.now(UTC)).total_seconds()) < 60
    identity.verify(_engine(world, name), key)
    assert identity.listed(_engine(world))[0].last_used_at == first  # written once an hour
