"""docs/inventory.md says what the code says: limits, keys, what is logged of authentication."""

import re
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from shared import keyring

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/inventory.md").read_text("utf-8")
LIMITS = re.findall(r"^\| [^|]+ \| `(\d+)` (\w+)[^|]* \| `([\w.]+):(\w+)` \|$", PAGE, re.MULTILINE)
UNITS = {"分钟": timedelta(minutes=1), "小时": timedelta(hours=1), "天": timedelta(days=1)}
EVENT = re.compile(r'telemetry\.log\.\w+\(\s*"([^"]+)"')


def test_the_limits_were_found() -> None:
    rows = PAGE.partition("## 限额")[2].partition("\n## ")[0].count("\n| ") - 1  # without the heading
    assert len(LIMITS) == rows >= 16


@pytest.mark.parametrize(("number", "unit", "module", "name"), LIMITS)
def test_a_limit_is_what_the_code_says(number: str, unit: str, module: str, name: str) -> None:
    value: Any = getattr(import_module(module), name)
    said: Any = int(number) * UNITS[unit] if isinstance(value, timedelta) else int(number)
    assert value == said


def test_every_key_file_is_in_the_inventory() -> None:
    files = [f"{name}.key" for name in keyring.SYMMETRIC] + [f"{name}.sign" for name in keyring.SERVICES]
    assert [file for file in files if f"`{file}`" not in PAGE] == []


def test_every_event_of_authentication_is_in_the_inventory() -> None:
    said = {
        event
        for file in (ROOT / "shared/identity").rglob("*.py")
        for event in EVENT.findall(file.read_text())
    }
    assert len(said) >= 8
    assert [event for event in sorted(said) if f"`{event}`" not in PAGE] == []
