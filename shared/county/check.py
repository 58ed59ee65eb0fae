"""Whether a county's files agree: ids given twice, names that nobody bears, rules that are never reached.

These checks read plain data, so that they find what they can even in a file whose schema is not content.
"""

import difflib
from calendar import SATURDAY
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.county import precedence, terms
from shared.county.model import Rule, Year
from shared.county.source import Key, Source, find


@dataclass(frozen=True)
class Reference:
    """Fields of a file that must name an id of another; `also` are words that they may say instead."""

    file: str
    field: str
    names: str
    also: tuple[str, ...] = ()


# Where the ids of each file stand.
IDS: Mapping[str, tuple[str, ...]] = {
    "leaders.yaml": ("* id",),
    "departments.yaml": ("* id",),
    "places.yaml": ("* id", "* villages * id"),
    "offices.yaml": ("* id",),
    "recipients.yaml": ("* id",),
    "categories.yaml": ("* id", "* below * id"),
    "rules.yaml": ("* id",),
    "clocks.yaml": ("* id",),
    "ladder.yaml": ("* id",),
    "calendar.yaml": ("* year",),
}

REFERENCES = (
    Reference("county.yaml", "centre", "departments.yaml"),
    Reference("departments.yaml", "* superior", "leaders.yaml"),
    Reference("places.yaml", "* department", "departments.yaml"),
    Reference("offices.yaml", "* place", "places.yaml"),
    Reference("rules.yaml", "* lead", "departments.yaml", (terms.PLACE,)),
    Reference("rules.yaml", "* with *", "departments.yaml"),
    Reference("rules.yaml", "* when units *", "departments.yaml"),
    Reference("rules.yaml", "* when categories *", "categories.yaml"),
    Reference("rules.yaml", "* when places *", "places.yaml"),
    Reference("clocks.yaml", "* owner", "departments.yaml", (terms.TASK,)),
)


def references(sources: Mapping[str, Source]) -> None:
    """Blame ids that are given twice, and names that no id answers to."""
    for file in IDS:
        _unique(sources[file])
    for reference in REFERENCES:
        _known(sources[reference.file], reference, set(_ids(sources[reference.names])))


def offices(source: Source, departments: Source) -> None:
    """Blame a department's window whose id is not the department's, and a station without a place."""
    known = set(_ids(departments))
    for n, office in enumerate(_entries(source)):
        kind = str(office.get("kind"))
        if kind == "department" and str(office.get("id")) not in known:
            source.blame((n, "id"), "部门窗口的 id 应与部门相同", "a window's id must be its department's")
        if kind.endswith("station") and "place" not in office:
            source.blame((n, "place"), "工作站要写明地点，请补上", "a station has a place; add it")


def clocks(source: Source) -> None:
    """Blame a clock of a case that is owed by a task, and one that stops where it starts."""
    for n, clock in enumerate(_entries(source)):
        if clock.get("scope") == "case" and clock.get("owner") == terms.TASK:
            source.blame((n, "owner"), "整件诉求的期限要写明责任部门", "a case's deadline needs a department")
        if clock.get("starts") in (stop for _, stop in find(clock, "stops", "*")):
            source.blame((n, "stops"), "止于起点，永远不会计时", "stops where it starts, so it never runs")


def rules(source: Source, ordered: Sequence[Rule]) -> None:
    """Blame a rule that an earlier one never lets be reached, and one that names a department twice."""
    for n, rule in enumerate(ordered):
        if len({rule.lead, *rule.cooperating}) <= len(rule.cooperating):
            source.blame((n, "with"), "牵头、协办部门重复，请删去", "names a department twice; remove one")
        before = next((each.id for each in ordered[:n] if precedence.covers(each, rule)), None)
        if before:
            zh = f"永远轮不到：前面的规则 {before} 已包括它，请调换次序或删去"
            en = f"is never reached, since {before} before it covers it; reorder or remove it"
            source.blame((n, "when"), zh, en)


def years(source: Source, known: Mapping[int, Year]) -> None:
    """Blame years that are left out, days of another year, and make-up days that are no weekend."""
    missing = sorted(set(range(min(known), max(known))) - set(known))
    if missing:
        source.blame((), f"缺少年份 {missing}，请补上", f"the years {missing} are missing; add them")
    for field in ("holidays", "worked"):
        for key, text in find(source.data, "*", field, "*"):
            _day(source, key, text)


def _day(source: Source, key: Key, text: str) -> None:
    year = source.data[key[0]]["year"]
    if not all(day.startswith(f"{year}-") for day in text.split("..")):
        source.blame(key, f"不在 {year} 年，请移到那一年", f"is not in {year}; move it to its year")
    if "worked" in key and date.fromisoformat(text).weekday() < SATURDAY:
        source.blame(
            key, "调休上班日应在周末，请核对通知", "is no weekend, so no make-up day; check the notice"
        )


def _entries(source: Source) -> list[dict[str, Any]]:
    entries = source.data if isinstance(source.data, list) else []
    return [each if isinstance(each, dict) else {} for each in entries]


def _ids(source: Source) -> list[str]:
    return [value for pattern in IDS[source.name] for _, value in find(source.data, *pattern.split())]


def _unique(source: Source) -> None:
    seen: set[str] = set()
    for pattern in IDS[source.name]:
        for key, value in find(source.data, *pattern.split()):
            if str(value) in seen:
                source.blame(key, f"“{value}”已用过，请换一个", f"{value} is taken already; choose another")
            seen.add(str(value))


def _known(source: Source, reference: Reference, ids: Iterable[str]) -> None:
    choices = {str(each) for each in ids} | set(reference.also)
    for key, value in find(source.data, *reference.field.split()):
        if isinstance(value, str) and value not in choices:
            near = difflib.get_close_matches(value, choices, 1)
            zh, en = (
                (f"，是否 {near[0]}？", f"; did you mean {near[0]}?") if near else ("", "; correct or add it")
            )
            zh, en = f"{reference.names} 中没有“{value}”{zh}", f"{reference.names} has no {value}{en}"
            source.blame(key, zh, en)
