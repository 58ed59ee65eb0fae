"""The checker finds each kind of harm, and calls it by its own name only. A pure function, so no servers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.faults import checker, history
from tests.faults.checker import COUNTS, Verdict
from tests.faults.evidence import Effect, Evidence, Place

NUMBER, OTHER = "2026-000001-1", "2026-000002-0"
HOUSING = "housing"
LINES: list[dict[str, Any]] = [
    {"kind": "invoke", "id": "a", "op": "register", "departments": [HOUSING], "sha256": "text"},
    {"kind": "ok", "id": "a", "number": NUMBER, "status": 201, "seconds": 0.1, "t": 10},
    {"kind": "invoke", "id": "b", "op": "accept", "number": NUMBER, "departments": [HOUSING]},
    {"kind": "ok", "id": "b", "number": NUMBER, "status": 200, "seconds": 0.1, "t": 11},
    {
        "kind": "invoke",
        "id": "c",
        "op": "progress",
        "number": NUMBER,
        "departments": [HOUSING],
        "sha256": "1",
    },
    {"kind": "ok", "id": "c", "number": NUMBER, "status": 200, "seconds": 0.1, "t": 12},
    {
        "kind": "invoke",
        "id": "d",
        "op": "progress",
        "number": NUMBER,
        "departments": [HOUSING],
        "sha256": "2",
    },
    {"kind": "info", "id": "d", "status": 0, "seconds": 0.1, "t": 13},
]
UNCLEAR = (Effect("routing", NUMBER, "task.progressed", HOUSING, "2"),
           Effect("oversight", NUMBER, "progressed", HOUSING, "2"))  # fmt: skip
EFFECTS = (
    Effect("intake", NUMBER, "registered", None, "text"),
    Effect("intake", NUMBER, "case.assigned", HOUSING),
    Effect("intake", NUMBER, "task.accepted", HOUSING),
    Effect("routing", NUMBER, "registered", None, "text"),
    Effect("routing", NUMBER, "case.assigned", HOUSING),
    Effect("routing", NUMBER, "task.accepted", HOUSING),
    Effect("routing", NUMBER, "task.progressed", HOUSING, "1"),
    Effect("oversight", NUMBER, "assigned", HOUSING),
    Effect("oversight", NUMBER, "leading", HOUSING),
    Effect("oversight", NUMBER, "received"),
    Effect("oversight", NUMBER, "accepted", HOUSING),
    Effect("oversight", NUMBER, "progressed", HOUSING, "1"),
)
FIRST, SECOND = (Place("intake", "routing", NUMBER, n) for n in (1, 2))
STREAM = ("intake", "routing", NUMBER)
WHOLE = Evidence(EFFECTS, {FIRST: "x", SECOND: "y"}, {FIRST: "x", SECOND: "y"}, {STREAM: 2})


def _judge(evidence: Evidence, lines: Sequence[Mapping[str, Any]] = LINES) -> Verdict:
    return checker.judge(history.read(map(json.dumps, lines)), evidence)


def _effects(*changed: Effect, without: Sequence[Effect] = ()) -> Evidence:
    return replace(WHOLE, effects=[*(effect for effect in EFFECTS if effect not in without), *changed])


def _lines(*more: dict[str, Any]) -> list[dict[str, Any]]:
    return [*LINES, *({"seconds": 0.1, "t": 20, **line} for line in more)]


def test_what_is_as_it_was_told_is_clean() -> None:
    verdict = _judge(WHOLE)
    assert verdict.clean
    assert verdict.counts == {"gone": 1, "quarantined": 0}


def test_what_nobody_was_told_and_stands_everywhere_is_recovered() -> None:
    verdict = _judge(_effects(*UNCLEAR))
    assert verdict.clean
    assert verdict.counts["recovered"] == 1


TWO_NUMBERS = {"kind": "ok", "id": "a", "number": OTHER, "status": 201}
TWICE = [effect._replace(number=OTHER) for effect in (*EFFECTS[:2], *EFFECTS[3:5], *EFFECTS[7:10])]
UNKNOWN = ({"kind": "invoke", "id": "e", "op": "register", "departments": [], "sha256": "z"},
           {"kind": "ok", "id": "e", "number": OTHER, "status": 201})  # fmt: skip
SWAPPED = [*EFFECTS[:5], EFFECTS[6], EFFECTS[5], *EFFECTS[7:]]


@pytest.mark.parametrize(
    ("count", "evidence", "lines"),
    [
        *(("lost", _effects(without=[effect]), LINES) for effect in EFFECTS[1:]),
        ("phantom", WHOLE, _lines(*UNKNOWN)),
        ("double number", _effects(*TWICE), _lines(TWO_NUMBERS)),
        ("double number", _effects(*TWICE), LINES),
        *(("duplicated", _effects(effect), LINES) for effect in EFFECTS),
        ("unexpected", _effects(Effect("oversight", NUMBER, "answered", HOUSING)), LINES),
        ("unexpected", _effects(Effect("routing", OTHER, "registered", None, "text")), LINES),
        ("partial", _effects(UNCLEAR[0]), LINES),
        ("altered", _effects(EFFECTS[6]._replace(digest="9"), without=[EFFECTS[6]]), LINES),
        ("altered", replace(WHOLE, heard={FIRST: "x", SECOND: "z"}), LINES),
        ("order", replace(WHOLE, effects=SWAPPED), LINES),
        ("order", replace(WHOLE, heard={SECOND: "y"}), LINES),
        ("order", replace(WHOLE, reached={STREAM: 1}), LINES),
        ("parked", replace(WHOLE, parked=["x"]), LINES),
        ("unsettled", replace(WHOLE, unsettled=["x"]), LINES),
    ],
)
def test_each_harm_is_found_and_called_by_its_name_only(
    count: str, evidence: Evidence, lines: Sequence[Mapping[str, Any]]
) -> None:
    verdict = _judge(evidence, lines)
    assert {name: verdict.counts[name] for name in COUNTS if verdict.counts[name]} == {count: 1}


def test_a_grievance_that_intake_lost_is_a_phantom_and_the_rest_of_it_unexpected() -> None:
    verdict = _judge(_effects(without=[EFFECTS[0]]))
    assert (verdict.counts["phantom"], verdict.counts["unexpected"]) == (1, 6)


def test_what_a_restore_took_back_is_listed_and_not_lost() -> None:
    rewound = {"kind": "note", "what": "rewound", "point": 10.5, "at": 15}
    gone = (EFFECTS[2], EFFECTS[5], EFFECTS[6], *EFFECTS[10:])
    verdict = _judge(_effects(without=gone), _lines(rewound))
    assert verdict.clean
    assert verdict.counts["rewound"] == 2


def test_what_was_refused_must_have_no_effect() -> None:
    refused = ({"kind": "invoke", "id": "e", "op": "accept", "number": NUMBER, "departments": ["water"]},
               {"kind": "fail", "id": "e", "status": 409})  # fmt: skip
    verdict = _judge(_effects(Effect("routing", NUMBER, "task.accepted", "water")), _lines(*refused))
    assert verdict.counts["unexpected"] == 1
