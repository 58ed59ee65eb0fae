"""The second wall: what PostgreSQL itself shows to an API, though the program forgot every condition."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from shared.identity.model import Caller
from shared.policy import Follower
from shared.service import Service, Who
from tests.policy.test_table import AGENT, CENTRE, DISCIPLINE, HOTLINE, HOUSING, SUPERVISOR, caller
from tests.world import NAMES, World

ROWS = {
    "intake": ("grievance", "petitioner", "step", "deadline"),
    "routing": ("case_file", "task", "ledger_entry"),
    "oversight": ("watched", "milestone", "deadline", "notice"),
}
TABLES = [(name, table) for name, tables in ROWS.items() for table in tables]
ENVIRONMENT = caller("liaison", department="environment")
OWN = (None, None)  # as many as it answers for
CALLED = {"summary": "工地扬尘严重", "place": "dongmen", "office": "hotline", "channel": "phone"}


@pytest.fixture(scope="module")
def county(shared_world: World) -> World:
    """Three cases: a claim, an accusation against housing, an accusation against discipline."""
    shared_world.empty()
    shared_world.__dict__.pop("workers", None)
    for kind, unit in (("claim", None), ("accusation", "housing"), ("accusation", "discipline")):
        answer = shared_world.register(f"k{unit}", kind=kind, unit=unit, **CALLED)
        assert answer.status_code == 201
    shared_world.settle()
    supervisor = shared_world.client("routing", "supervisor")
    for [number] in shared_world.query("routing", "SELECT number FROM case_file WHERE state = 'triage'"):
        body = {"lead": "environment", "cooperating": ["market"], "reason": "职责在此"}
        assert supervisor.post(f"/v1/triage/{number}/decision", json=body).status_code == 200
    shared_world.settle()
    return shared_world


def _door(world: World, name: str) -> Service:
    made: Service = world.app(name).extensions["minqing"]
    return made


def _seen(world: World, name: str, table: str, who: Who) -> int:
    with _door(world, name).reading(who) as tx:
        return int(tx.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


@pytest.mark.parametrize("name", NAMES)
def test_whoever_speaks_to_the_database_through_an_api_becomes_nobody_else(county: World, name: str) -> None:
    """Whatever SQL they got in: the API signs in as its door, and does not merely take that role."""
    for sql in (f"SELECT set_config('role', '{name}', false)", f"SET SESSION AUTHORIZATION {name}"):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            _door(county, name).transaction() as tx,
        ):
            tx.execute(text(sql))
    with _door(county, name).transaction() as tx:
        tx.execute(text("RESET ROLE"))
        assert tx.execute(text("SELECT current_user || session_user")).scalar_one() == f"{name}_door" * 2


@pytest.mark.parametrize(("name", "table"), TABLES)
def test_told_of_nobody_the_database_shows_no_row(county: World, name: str, table: str) -> None:
    assert _seen(county, name, table, None) == 0
    with _door(county, name).transaction() as tx:
        assert tx.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0


@pytest.mark.parametrize("who", [SUPERVISOR, DISCIPLINE, caller("supervisor", bodies=("housing",))])
def test_whoever_watches_sees_all_but_what_accuses_their_own_unit(county: World, who: Caller) -> None:
    expected = 3 if who is SUPERVISOR else 2
    for name, table in (("intake", "grievance"), ("routing", "case_file"), ("oversight", "watched")):
        assert _seen(county, name, table, who) == expected, table


@pytest.mark.parametrize(
    ("who", "counts"),
    [
        (CENTRE, (3, 3)),
        (HOTLINE, (3, 0)),
        (AGENT, (0, 0)),
        (HOUSING, (None, None)),
        (ENVIRONMENT, (None, None)),
    ],
)
def test_everyone_else_sees_what_is_theirs(county: World, who: Caller, counts: tuple[int, Any]) -> None:
    [own] = county.query("routing", f"SELECT count(*) FROM task WHERE department = '{who.department}'")[0]
    grievances, cases = (own if expected is None else expected for expected in counts)
    assert _seen(county, "intake", "grievance", who) == grievances
    assert _seen(county, "intake", "petitioner", who) == grievances
    assert _seen(county, "routing", "case_file", who) == cases
    with _door(county, "routing").reading(who) as tx:
        ledgers = set(tx.execute(text("SELECT DISTINCT department FROM ledger_entry")).scalars())
    assert who is CENTRE or ledgers <= {who.department}


def test_a_petitioner_sees_the_one_grievance_whose_code_they_showed(county: World) -> None:
    [number] = county.query("intake", "SELECT min(number) FROM grievance")[0]
    assert _seen(county, "intake", "grievance", Follower(number)) == 1
    with _door(county, "intake").reading(Follower(number)) as tx:
        assert set(tx.execute(text("SELECT number FROM step")).scalars()) <= {number}


def test_one_caller_s_sight_does_not_stay_for_the_next(county: World) -> None:
    door = _door(county, "intake")
    for who in (SUPERVISOR, None, SUPERVISOR, AGENT):
        with door.reading(who) as tx, door.transaction() as other:
            assert other.execute(text("SELECT count(*) FROM grievance")).scalar_one() == 0
            seen = tx.execute(text("SELECT count(*) FROM grievance")).scalar_one()
        assert seen == (3 if who is SUPERVISOR else 0)
        with door.direct(who) as driver:
            row = driver.execute("SELECT count(*) FROM grievance").fetchone()
        assert row is not None
        assert row[0] == seen


FORBIDDEN = [
    *((name, f"DELETE FROM {table}") for name, table in TABLES),
    *((name, "SELECT payload FROM outbox") for name in NAMES),
    *((name, "SELECT body FROM inbox") for name in NAMES),
    *((name, "DELETE FROM outbox") for name in NAMES),
    *((name, "CREATE TABLE mine (n int)") for name in NAMES),
    *((name, "ALTER TABLE outbox DISABLE TRIGGER ALL") for name in NAMES),
    ("intake", "UPDATE grievance SET status = 'answered'"),
    ("routing", "UPDATE ledger_entry SET words = '{}'"),
    ("oversight", "UPDATE notice SET department = 'tax'"),
    ("oversight", "UPDATE deadline SET due_at = now()"),
]


@pytest.mark.parametrize(("name", "statement"), FORBIDDEN)
def test_an_api_cannot_do_what_no_request_asks_for(county: World, name: str, statement: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied|must be owner"),
        _door(county, name).transaction(SUPERVISOR) as tx,
    ):
        tx.execute(text(statement))
