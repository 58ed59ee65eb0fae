"""What an administrator does about events that could not be applied."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.minqing.cli import main
from services.routing.events import CONSUMES
from shared import identity
from shared.identity.model import Caller
from shared.problems import Conflict
from tests.world import World

Run = Callable[..., Result]


@pytest.fixture
def minqing(world: World, data: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, led to the databases of this test."""
    for database in ("intake", "routing", "oversight", "identity"):
        role = "oversight" if database == "identity" else database
        monkeypatch.setenv(f"MINQING_{database.upper()}_DATABASE_URL", world.servers.url(role, database))
    monkeypatch.delenv("MINQING_KEY", raising=False)

    def run(*words: str, key: str | None = None) -> Result:
        given = {"MINQING_KEY": key} if key else {}
        return CliRunner().invoke(main, [*words, f"--data={data}"], env=given)

    return run


def _refuse(*_: object) -> None:
    raise Conflict


@pytest.fixture
def parked(world: World) -> str:
    """The id of an event that routing could not apply."""
    world.register()
    world.worker("intake").round()
    world.worker("routing", dict.fromkeys(CONSUMES, _refuse)).round()
    (row,) = world.query("routing", "SELECT event_id, status FROM inbox")
    assert row.status == "parked"
    return str(row.event_id)


def test_a_parked_event_is_listed_and_shown_with_its_reason(minqing: Run, parked: str) -> None:
    assert "rule-violated" in minqing("parked", "list").output
    answer = minqing("parked", "show", parked)
    assert answer.exit_code == 0, answer.output
    shown = json.loads(answer.output)
    assert (shown["service"], shown["type"], shown["reason"]) == (
        "routing",
        "grievance.registered",
        "rule-violated",
    )


@pytest.mark.parametrize("words", [("--all",), ("--all", "--reason", "rule-violated")])
def test_all_parked_events_are_retried_at_once(
    minqing: Run, parked: str, world: World, words: tuple[str, ...]
) -> None:
    assert "1 events" in minqing("parked", "retry", *words).output
    world.worker("routing").round()
    assert world.count("routing", "case_file") == 1
    world.settle()


def test_only_those_parked_for_the_reason_are_retried(minqing: Run, parked: str) -> None:
    assert "0 events" in minqing("parked", "retry", "--all", "--reason", "handler-error").output
    assert parked in minqing("parked", "list").output


def test_two_supervisors_give_up_an_event(minqing: Run, parked: str, world: World) -> None:
    first, second = world.key("supervisor"), world.key("supervisor", "another")
    asked = minqing("parked", "discard", parked, "--reason", "重复登记", key=first)
    assert asked.exit_code == 0, asked.output
    assert "重复登记" in minqing("parked", "list").output
    refused = minqing("parked", "confirm", parked, key=first)
    assert (refused.exit_code, "须由另一人确认" in refused.output) == (1, True)
    assert minqing("parked", "confirm", parked, key=second).exit_code == 0
    world.worker("routing").round()
    assert world.query("routing", "SELECT status FROM inbox")[0].status == "discarded"


@pytest.mark.parametrize("role", ["clerk", None])
def test_only_a_supervisor_decides(minqing: Run, parked: str, world: World, role: str | None) -> None:
    key = world.key(role) if role else "mq_live_nonsense"
    refused = minqing("parked", "discard", parked, "--reason", "x", key=key)
    assert (refused.exit_code, "supervisor" in refused.output) == (1, True)
    assert world.count("routing", "discard") == 0


def test_a_supervisors_key_that_may_only_read_decides_nothing(
    minqing: Run, parked: str, world: World
) -> None:
    caller = Caller(identity.new_id(), "supervisor", None, None, scopes=("read",))
    expires = datetime.now(UTC) + timedelta(days=1)
    key = identity.issue(world.services["oversight"].identity, caller, "reads", expires)
    assert minqing("parked", "discard", parked, "--reason", "x", key=key).exit_code == 1
    assert world.count("routing", "discard") == 0


@pytest.mark.parametrize(
    "words",
    [
        ("show", "nonsense"),
        ("retry",),
        ("retry", "x", "--all"),
        ("retry", "00000000-0000-0000-0000-000000000000"),
        ("confirm", "x"),
        ("discard", "x", "--reason", "y"),
    ],
)
def test_nonsense_gets_an_answer_and_changes_nothing(
    minqing: Run, parked: str, world: World, words: tuple[str, ...]
) -> None:
    answer = minqing("parked", *words, key=world.key("supervisor"))
    assert (answer.exit_code, answer.exception.__class__) == (1, SystemExit)
    assert world.query("routing", "SELECT status FROM inbox")[0].status == "parked"


def test_the_outbox_shows_what_is_unconfirmed_by_destination(minqing: Run, world: World) -> None:
    world.register()
    world.worker("intake").round()
    lines = json.loads(minqing("outbox", "--json").output)
    mine = [(line["to"], line["sent"], line["attempts"]) for line in lines if line["service"] == "intake"]
    assert mine == [("oversight", 1, 1), ("routing", 1, 1)]
    assert lines[0]["worker_seconds"] < 60
    table = minqing("outbox").output
    assert "最久" in table
    assert len(table.splitlines()) == 2 + len(lines)
