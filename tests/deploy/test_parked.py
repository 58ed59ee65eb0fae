"""What an administrator does about events that could not be applied."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.minqing.cli import main
from shared.inbox import Door
from shared.wire import Envelope
from tests.shared import said
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


@pytest.fixture
def parked(world: World) -> Envelope:
    """An event of a type that routing did not know yet."""
    (event,) = said.stream(1)
    Door(world.services["routing"], {}).accept("intake", [event])
    return event


def test_a_parked_event_is_listed_and_shown_with_its_reason(minqing: Run, parked: Envelope) -> None:
    assert "type-unknown" in minqing("parked", "list").output
    shown = json.loads(minqing("parked", "show", parked.id).output)
    assert (shown["service"], shown["subject"], shown["reason"]) == ("routing", said.FIRST, "type-unknown")


@pytest.mark.parametrize("words", [("--all",), ("--all", "--reason", "type-unknown")])
def test_all_parked_events_are_retried_at_once(
    minqing: Run, parked: Envelope, world: World, words: tuple[str, ...]
) -> None:
    assert "1 events" in minqing("parked", "retry", *words).output
    world.settle()
    world.worker("routing").round()
    assert world.count("routing", "case_file") == 1


def test_only_those_parked_for_the_reason_are_retried(minqing: Run, parked: Envelope) -> None:
    assert "0 events" in minqing("parked", "retry", "--all", "--reason", "handler-error").output
    assert parked.id in minqing("parked", "list").output


def test_two_supervisors_give_up_an_event(minqing: Run, parked: Envelope, world: World) -> None:
    first, second = world.key("supervisor"), world.key("supervisor", "another")
    asked = minqing("parked", "discard", parked.id, "--reason", "重复登记", key=first)
    assert asked.exit_code == 0, asked.output
    assert "重复登记" in minqing("parked", "list").output
    refused = minqing("parked", "confirm", parked.id, key=first)
    assert (refused.exit_code, "须由另一人确认" in refused.output) == (1, True)
    assert minqing("parked", "confirm", parked.id, key=second).exit_code == 0
    world.worker("routing").round()
    assert world.query("routing", "SELECT status FROM inbox")[0].status == "discarded"


@pytest.mark.parametrize("role", ["clerk", None])
def test_only_a_supervisor_decides(minqing: Run, parked: Envelope, world: World, role: str | None) -> None:
    key = world.key(role) if role else "mq_live_nonsense"
    refused = minqing("parked", "discard", parked.id, "--reason", "x", key=key)
    assert (refused.exit_code, "supervisor" in refused.output) == (1, True)
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
    minqing: Run, parked: Envelope, world: World, words: tuple[str, ...]
) -> None:
    answer = minqing("parked", *words, key=world.key("supervisor"))
    assert (answer.exit_code, answer.exception.__class__) == (1, SystemExit)
    assert world.query("routing", "SELECT status FROM inbox")[0].status == "parked"


def test_the_outbox_shows_what_is_unconfirmed_by_destination(minqing: Run, world: World) -> None:
    world.register()
    world.worker("intake").round()
    lines = json.loads(minqing("outbox", "--json").output)
    mine = [(line["dest"], line["sent"], line["attempts"]) for line in lines if line["service"] == "intake"]
    assert mine == [("oversight", 1, 1), ("routing", 1, 1)]
    assert lines[0]["worker_seconds"] < 60
    table = minqing("outbox").output
    assert "最久" in table
    assert len(table.splitlines()) == 2 + len(lines)
