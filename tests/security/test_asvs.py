"""docs/asvs.csv: no requirement is missing, and what is said to hold is shown by something that exists."""

import ast
import csv
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
with (ROOT / "docs/asvs.csv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))

# How many requirements ASVS 5.0.0 has, by chapter: level 1 and level 2; and those of level 3 that we took on.
# Of chapter 9 those for who accepts a token, of chapter 10 those of a client; 17 (WebRTC) is not ours.
COUNTS = {
    1: (8, 19, 0),
    2: (4, 7, 1),
    3: (8, 11, 0),
    4: (2, 8, 0),
    5: (4, 5, 0),
    6: (13, 22, 0),
    7: (6, 12, 0),
    8: (4, 3, 1),
    9: (4, 2, 0),
    10: (0, 9, 0),
    11: (3, 11, 0),
    12: (3, 6, 0),
    13: (1, 12, 0),
    14: (2, 7, 3),
    15: (3, 10, 0),
    16: (0, 16, 0),
}
PENDING = "pending "
EVIDENCE = [
    (row["id"], each.strip())
    for row in ROWS
    for each in row["evidence"].split(";")
    if each.strip() and not each.strip().startswith(PENDING)
]


def _place(id_: str) -> tuple[int, ...]:
    return tuple(int(part) for part in id_.split("."))


def test_no_requirement_is_missing_or_there_twice() -> None:
    found = Counter((_place(row["id"])[0], row["level"]) for row in ROWS)
    counts = {chapter: tuple(found[chapter, level] for level in "123") for chapter, _ in found}
    assert counts == COUNTS
    ids = [row["id"] for row in ROWS]
    assert len(set(ids)) == len(ids) == 230
    assert ids == sorted(ids, key=_place)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["id"]))
def test_a_row_says_what_it_must(row: dict[str, str]) -> None:
    assert row["requirement_zh"] and row["requirement_en"]
    assert row["applies"] in ("yes", "no")
    assert row["holds"] in (("yes", "partly", "no") if row["applies"] == "yes" else ("",))
    shown = [each for each in row["evidence"].split("; ") if each and not each.startswith(PENDING)]
    assert shown or row["holds"] != "yes", "what holds is shown by something that exists"
    assert row["note"] or row["holds"] == "yes", "what does not hold, or does not apply, says why"


@pytest.mark.parametrize(("id_", "shown"), EVIDENCE, ids=lambda value: str(value))
def test_what_shows_it_exists(id_: str, shown: str) -> None:
    path, _, name = shown.partition("::")
    assert (ROOT / path).exists(), path
    assert not name or name in (_defined(path) if path.endswith(".py") else _text(path)), name


def test_the_page_about_security_has_the_true_counts() -> None:
    page = (ROOT / "docs/security.md").read_text("utf-8")
    held = Counter(row["holds"] for row in ROWS if row["applies"] == "yes")
    for number in (len(ROWS), sum(held.values()), held["yes"], held["partly"], held["no"]):
        assert f"**{number}**" in page, number


@cache
def _defined(path: str) -> frozenset[str]:
    """The functions, classes and names that a module defines at its top, or in a class."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(_text(path))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(each.id for each in targets if isinstance(each, ast.Name))
    return frozenset(names)


@cache
def _text(path: str) -> str:
    return (ROOT / path).read_text("utf-8")
