import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from click.testing import CliRunner, Result

from deploy.minqing import cli, importing
from deploy.minqing.options import Target
from shared import delivery
from shared.web import pace
from tests.world import World, grievance

COMMON = "office=web,channel=web,kind=claim,petitioners.0.name=匿名"


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch):
    """`minqing import` on intake's real application, without a network between."""

    def client(_: Target) -> httpx.Client:
        headers = {"Authorization": f"Bearer {world.key('clerk')}"}
        transport = httpx.WSGITransport(world.app("intake"))
        return httpx.Client(transport=transport, base_url="http://intake", headers=headers)

    monkeypatch.setattr(Target, "client", client)

    def run(*words: object) -> Result:
        return CliRunner().invoke(cli.main, ["import", *map(str, words)])

    return run


@pytest.fixture
def hurried(world: World):
    """Intake lets a key ask sixty times a minute."""
    given = world.app("intake").extensions
    kept = given["minqing"], given["pace"]
    given["minqing"] = replace(kept[0], settings=replace(kept[0].settings, key_rate=60))
    given["pace"] = pace.Pace()
    yield
    given["minqing"], given["pace"] = kept


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """A file of five grievances."""
    file = tmp_path / "five.jsonl"
    file.write_text("".join(json.dumps(grievance(summary=f"第 {n} 件")) + "\n" for n in range(5)))
    return file


def test_every_row_of_a_file_is_registered(run, world, lines):
    assert run(lines).exit_code == 0
    assert world.count("intake", "grievance") == 5


def test_an_import_waits_as_it_is_told_while_too_much_is_waiting(run, world, lines, monkeypatch):
    waited = []
    monkeypatch.setattr(delivery, "MOST_BACKLOG", 2)
    monkeypatch.setattr(importing, "CONNECTIONS", 1)

    def wait(seconds: float) -> None:
        waited.append(seconds)
        world.query("intake", "UPDATE outbox SET state = 'confirmed' RETURNING 1")

    monkeypatch.setattr(importing.time, "sleep", wait)
    assert run(lines).exit_code == 0
    assert waited == [10.0] * 4  # each row but the first found that of the one before it
    assert world.count("intake", "grievance") == 5


def test_an_import_that_is_never_let_in_stops_and_says_so(run, world, lines, monkeypatch):
    monkeypatch.setattr(delivery, "MOST_BACKLOG", 0)
    monkeypatch.setattr(importing.time, "sleep", lambda _: None)
    done = run(lines)
    assert done.exit_code == 1
    assert "takes nothing (HTTP 429)" in done.output


def test_an_import_that_asks_too_fast_waits_a_second_and_loses_nothing(
    run, world, tmp_path, monkeypatch, hurried
):
    waited = []
    monkeypatch.setattr(importing, "CONNECTIONS", 1)
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: sum(waited)))
    monkeypatch.setattr(importing.time, "sleep", waited.append)
    file = tmp_path / "many.jsonl"
    file.write_text("".join(json.dumps(grievance(summary=f"第 {n} 件")) + "\n" for n in range(64)))
    assert run(file).exit_code == 0
    assert waited == [1.0] * 4  # sixty at once, and then one a second
    assert world.count("intake", "grievance") == 64


def test_importing_a_file_again_doubles_nothing(run, world, lines):
    assert [run(lines).exit_code, run(lines).exit_code] == [0, 0]
    assert world.count("intake", "grievance") == 5


def test_equal_rows_are_each_registered(run, world, tmp_path):
    file = tmp_path / "equal.jsonl"
    file.write_text(f"{json.dumps(grievance())}\n" * 2)
    assert run(file).exit_code == 0
    assert world.count("intake", "grievance") == 2


def test_columns_are_chosen_and_gaps_filled(run, world, tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("标题,内容,时间\n路灯不亮,第三盏不亮,2026-03-01 09:30:00\n", "gb18030")
    done = run(file, "--columns", "summary=标题,text=内容,received_at=时间", "--set", COMMON)
    assert done.exit_code == 0, done.output
    assert world.count("intake", "grievance", "received_at = '2026-03-01T01:30:00Z'") == 1


def test_a_row_that_fails_is_named_by_row_column_and_reason_and_kept(run, world, tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("标题,text,place\n路灯,不亮,\n水管,漏水,nowhere\n")
    words = (file, "--columns", "summary=标题,text=text,place=place", "--set", COMMON)
    done = run(*words)
    assert done.exit_code == 1
    assert "row 3  place: 县名录中没有“nowhere”" in done.output
    assert world.count("intake", "grievance") == 1
    errors = tmp_path / "table.errors.csv"
    errors.write_text(errors.read_text("utf-8-sig").replace("nowhere", ""))
    assert run(errors, *words[1:]).exit_code == 0
    assert world.count("intake", "grievance") == 2


def test_a_dry_run_names_what_would_fail_and_registers_nothing(run, world, tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("summary,text,place,kind\n路灯,不亮,,claim\n水管,漏水,nowhere,claim\n井盖,破了,,wish\n")
    done = run(file, "--dry-run", "--set", COMMON)
    assert done.exit_code == 1
    assert "row 3  place: 县名录中没有“nowhere”" in done.output
    assert "row 4  kind: 须为下列之一" in done.output
    assert world.count("intake", "grievance") == 0


def test_the_same_file_read_otherwise_is_refused_instead_of_doubled(run, world, lines):
    run(lines)
    done = run(lines, "--columns", "summary=text,text=text,petitioners=petitioners", "--set", COMMON)
    assert done.exit_code == 1
    assert "was used for another body" in done.output
    assert world.count("intake", "grievance") == 5
