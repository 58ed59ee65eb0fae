"""What an administrator finds out about the record of views."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from deploy.minqing.cli import main
from tests.intake.people import REASON, registered
from tests.world import World

Run = Callable[..., Result]


@pytest.fixture
def verify(world: World, data: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, led to the database of this test, after three views."""
    monkeypatch.setenv("MINQING_INTAKE_DATABASE_URL", world.servers.url("intake", "intake"))
    number = registered(world)["number"]
    for _ in range(3):
        answer = world.client("intake", "clerk").post(f"/v1/grievances/{number}/petitioners", json=REASON)
        assert answer.status_code == 200
    return lambda *words: CliRunner().invoke(main, ["views", "verify", *words, f"--data={data}"])


def _break(world: World, *sql: str) -> None:
    with world.services["intake"].transaction() as tx:
        tx.execute(text("ALTER TABLE identity_view DISABLE TRIGGER append_only"))
        for each in sql:
            tx.execute(text(each))
        tx.execute(text("ALTER TABLE identity_view ENABLE TRIGGER append_only"))


def test_a_whole_record_is_said_to_be_whole_with_its_end(verify: Run) -> None:
    done = verify()
    assert done.exit_code == 0, done.output
    end = re.search(r"3:[0-9a-f]{64}", done.output)
    assert end and verify("--head", end[0]).exit_code == 0


def test_a_line_that_was_taken_out_is_named(world: World, verify: Run) -> None:
    _break(world, "DELETE FROM identity_view WHERE n = 2")
    done = verify()
    assert done.exit_code == 1
    assert "line 3: something before it was taken out" in done.output


def test_a_record_written_anew_as_a_whole_is_found_by_an_end_that_was_noted(
    world: World, verify: Run
) -> None:
    noted = re.search(r"3:[0-9a-f]{64}", verify().output)
    assert noted
    _break(world, "DELETE FROM identity_view", "DELETE FROM identity_view_head")
    assert verify().exit_code == 0
    done = verify("--head", noted[0])
    assert done.exit_code == 1
    assert "line 3 is not the end that was noted" in done.output


def test_an_end_that_cannot_be_read_is_refused(verify: Run) -> None:
    assert verify("--head", "yesterday").exit_code == 1
