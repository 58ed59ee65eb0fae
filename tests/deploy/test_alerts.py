"""The alarms: made of figures that exist, each with a section that says what to do."""

import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from deploy.minqing import cli
from shared import disk
from shared.disk import Space
from tests.world import NAMES, World

ROOT = Path(__file__).resolve().parents[2]
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
MANUAL = (ROOT / "docs/operations.md").read_text("utf-8")

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


def test_every_figure_of_an_alarm_is_one_that_the_services_give(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(world.services["intake"].settings), "disk", tmp_path)
    monkeypatch.setattr(disk, "space", lambda _: Space(1, 2))
    given = "".join(world.client(name).get("/metrics").text for name in NAMES)
    named = {name for rule in RULES for name in re.findall(r"minqing_\w+", rule["expr"])}
    assert named == set(re.findall(r"^(minqing_\w+)\{", given, re.MULTILINE))


def test_every_sign_of_life_of_an_alarm_is_one_that_some_service_gives(world: World) -> None:
    given = "".join(world.client(name).get("/metrics").text for name in NAMES)
    of = set(re.findall(r'of="([^"]+)"', given))
    for pattern in {found for rule in RULES for found in re.findall(r'of=~?"([^"]+)"', rule["expr"])}:
        assert any(re.fullmatch(pattern, each) for each in of), pattern


def test_every_alarm_has_its_section_and_every_section_its_alarm() -> None:
    sections = re.findall(r"^### (\w+)$", MANUAL, re.MULTILINE)
    assert sorted(sections) == sorted(rule["alert"] for rule in RULES)


@every_rule
def test_an_alarm_speaks_both_languages_and_leads_to_its_section(rule: dict[str, Any]) -> None:
    said = rule["annotations"]
    assert re.search(r"[\u4e00-\u9fff]", said["zh"]) and not re.search(r"[\u4e00-\u9fff]", said["en"])
    assert said["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
    assert rule["labels"]["severity"] in ("warning", "critical")


def test_every_command_of_the_manual_exists_with_its_options() -> None:
    named = re.findall(r"`minqing ([^`…]+)`", MANUAL.replace("\n", " "))
    assert len(named) > 10
    for words in map(str.split, named):
        command: click.Command = cli.main
        while isinstance(command, click.Group) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        assert command is not cli.main, words
        assert not isinstance(command, click.Group) or command.invoke_without_command, words
        assert {word for word in words if word.startswith("--")} <= known, words


def test_every_link_inside_the_manual_leads_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", MANUAL, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", MANUAL)) <= anchors
