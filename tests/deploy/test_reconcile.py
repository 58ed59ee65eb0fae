"""`minqing reconcile` on real databases, one of which somebody wrote to."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from deploy.minqing import cli, databases
from shared import reconcile
from tests.world import World


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch):
    """The command, on the databases of the suite, in which one grievance is known to all."""
    monkeypatch.setattr(reconcile, "REST", timedelta(0))
    for name in databases.SERVICES:
        url = world.servers.url(name, name)
        monkeypatch.setenv(f"MINQING_{name.upper()}_DATABASE_URL", url)
    world.register()
    world.settle()

    def run(*words: str) -> Result:
        return CliRunner().invoke(cli.main, ["reconcile", *words])

    return run


def test_a_whole_suite_agrees(run):
    done = run()
    assert done.exit_code == 0, done.output
    assert done.output.count("0 days differ") == 6
    assert json.loads(run("--json").output)["agree"] is True


def test_every_event_that_differs_is_named_with_what_is_wrong(run, world):
    number = world.query("intake", "SELECT number FROM grievance")[0].number
    world.query("routing", "DELETE FROM inbox WHERE source = 'intake' RETURNING 1")
    world.query("oversight", "UPDATE inbox SET digest = 'x' WHERE source = 'intake' RETURNING 1")
    world.query("intake", "DELETE FROM outbox WHERE dest = 'routing' RETURNING 1")
    world.query("routing", "DELETE FROM outbox WHERE dest = 'intake' AND sequence = 1 RETURNING 1")
    done = run()
    assert done.exit_code == 1
    assert f"{number} #1  两边内容不同" in done.output
    assert "its source never said it" in done.output
    assert json.loads(run("--json").output)["agree"] is False
    assert world.count("oversight", "divergence", "source = 'intake'") == 1


def test_what_was_not_heard_is_sent_again_and_then_all_agree(run, world):
    world.query("routing", "DELETE FROM inbox WHERE source = 'intake' RETURNING 1")
    assert "has not heard it" in run("--send-again").output
    world.settle()
    assert (run().exit_code, world.count("routing", "case_file")) == (0, 1)
    assert world.count("routing", "divergence") == 0


@pytest.mark.parametrize("days", ["0", "-1", "401", "all"])
def test_days_that_cannot_be_compared_are_refused(run, days):
    assert run("--days", days).exit_code == 2
