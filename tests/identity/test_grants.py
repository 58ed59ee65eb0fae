"""Two persons for every role."""

import pytest
from sqlalchemy import Engine

from shared.identity import changes, grants, sessions
from shared.problems import Conflict, Forbidden, Invalid
from tests.identity.people import change, entered, person, read
from tests.world import World


@pytest.fixture
def engine(world: World) -> Engine:
    return world.services["oversight"].identity


def _asked(engine: Engine, account: str, by: str, role: str = "clerk", **scope: str) -> str:
    with engine.begin() as tx:
        return grants.ask(tx, account, role, scope, by)


def test_a_role_counts_once_a_second_person_confirmed_it(world: World, engine: Engine) -> None:
    lin, one, two = (person(world, login) for login in ("lin", "one", "two"))
    asked = _asked(engine, lin, one)
    assert grants.of(engine, lin) == []
    with pytest.raises(Forbidden):
        grants.confirm(engine, asked, one)
    with pytest.raises(Forbidden):
        grants.confirm(engine, asked, lin)
    grants.confirm(engine, asked, two)
    assert [grant.role for grant in grants.of(engine, lin)] == ["clerk"]
    with pytest.raises(Conflict):
        grants.confirm(engine, asked, two)


def test_the_database_itself_refuses_one_person_alone(world: World, engine: Engine) -> None:
    asked = _asked(engine, person(world, "lin"), "one")
    with pytest.raises(Exception, match="role_grant_check"):
        change(
            world, "UPDATE role_grant SET confirmed_by = 'one', confirmed_at = now() WHERE id = :id", id=asked
        )


def test_the_first_start_needs_nobody_else(world: World, engine: Engine) -> None:
    assert not grants.has_administrator(engine)
    lin = person(world, "lin", "administrator", password=None)
    assert [grant.role for grant in grants.of(engine, lin)] == ["administrator"]
    assert not grants.has_administrator(engine)  # not before there is a password
    person(world, "wang", "administrator")
    assert grants.has_administrator(engine)


@pytest.mark.parametrize(
    ("role", "scope", "field"),
    [
        ("department", {"department": "housing"}, "role"),
        ("king", {}, "role"),
        ("liaison", {}, "department"),
        ("clerk", {"area": "east"}, "area"),
    ],
)
def test_what_no_person_can_have_is_not_granted(
    world: World, engine: Engine, role: str, scope: dict[str, str], field: str
) -> None:
    lin = person(world, "lin")
    with pytest.raises(Invalid) as refused:
        _asked(engine, lin, "one", role, **scope)
    assert [fault.field for fault in refused.value.faults] == [field]


def test_taking_a_role_away_ends_the_sessions_in_it(world: World, engine: Engine) -> None:
    lin = person(world, "lin", "clerk", "auditor")
    clerk, auditor = entered(world, lin, "clerk"), entered(world, lin, "auditor")
    [grant] = [grant.id for grant in grants.of(engine, lin) if grant.role == "clerk"]
    grants.end(engine, grant, "one")
    assert sessions.caller(engine, clerk) is None
    assert sessions.caller(engine, auditor) is not None
    with pytest.raises(Conflict):
        grants.end(engine, grant, "one")


def test_the_last_administrator_keeps_the_role(world: World, engine: Engine) -> None:
    lin = person(world, "lin", "administrator")
    with pytest.raises(Conflict):
        grants.end(engine, grants.of(engine, lin)[0].id, lin)
    assert grants.has_administrator(engine)


def test_a_refused_role_cannot_be_confirmed_later(world: World, engine: Engine) -> None:
    asked = _asked(engine, person(world, "lin"), "one")
    grants.end(engine, asked, "two")
    with pytest.raises(Conflict):
        grants.confirm(engine, asked, "two")


def test_every_change_is_kept_and_none_can_be_altered(world: World, engine: Engine) -> None:
    lin = person(world, "lin", password=None)
    grants.confirm(engine, _asked(engine, lin, "one"), "two")
    said = [(row.by, row.what) for row in changes.listed(engine)[1]]
    assert said == [
        ("two", "grant.confirmed"),
        ("one", "grant.asked"),
        ("setup", "link.made"),
        ("setup", "account.added"),
    ]
    for sql in ("UPDATE identity_change SET by = 'x'", "DELETE FROM identity_change"):
        with pytest.raises(Exception, match="only ever added"):
            change(world, sql)


@pytest.mark.parametrize("name", ["intake", "routing"])
@pytest.mark.parametrize(
    "table",
    [
        "account",
        "role_grant",
        "session",
        "recovery_code",
        "set_up_link",
        "link_request",
        "failure",
        "identity_change",
        "passkey",
        "passkey_challenge",
        "linked_subject",
        "spent_attempt",
    ],
)
def test_the_other_services_read_nothing_of_people(world: World, name: str, table: str) -> None:
    with (
        pytest.raises(Exception, match="permission denied"),
        world.services[name].identity.begin() as tx,
    ):
        tx.exec_driver_sql(f"SELECT 1 FROM {table}")
    assert read(world, "SELECT 1 FROM signed_in") == []
