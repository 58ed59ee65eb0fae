"""The county's ordered rules (M7): the first that holds decides, and says why. Pure.

Who manages answers: a claim, suggestion or inquiry may well go to the unit it complains about. An
accusation never does, as lead or beside the lead (信访工作条例 Art. 30).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.routing.domain.cases import Matter
from shared.county.model import Condition, County, Rule, Text
from shared.county.terms import ACCUSATION, PLACE

# Why a case waits in triage.
WAITS: Mapping[str, Text] = {
    "no_rule": Text("没有规则适用，请人工分派", "No rule applies; a person decides"),
    "place_unknown": Text("应由属地负责，但地点不明", "The township would answer, but the place is unknown"),
    "accused": Text(
        "依规则应交被检举单位，须回避", "The rules lead to the unit accused, which must not have it"
    ),
    "objection": Text("承办单位提出异议", "A department objected"),
}

MOST_SUGGESTIONS = 3
OPENING = 40  # characters of the text that say what it is about


@dataclass(frozen=True)
class Assignment:
    """Departments to answer, the rule that chose them, why, and the words that it found."""

    lead: str
    cooperating: tuple[str, ...]
    rule: str
    reason: Text
    words: tuple[str, ...]


@dataclass(frozen=True)
class Triage:
    """A person has to decide; `reason` is a key of WAITS."""

    reason: str


@dataclass(frozen=True)
class Suggestion:
    """A department that a person might think of: the rule that nearly holds, and the words that it found."""

    department: str
    rule: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class _Traits:
    """A matter as conditions see it: a category with those above it, a village with its township."""

    kinds: frozenset[str]
    categories: frozenset[str]
    places: frozenset[str]
    units: frozenset[str]
    text: str


def decide(matter: Matter, county: County) -> Assignment | Triage:
    """Who answers, by the first rule that holds; or why a person has to decide.

    Words in the summary decide first. Only where none does is the opening of the text read as well: a long
    text mentions much in passing, and a rule that is not sure is worth less than a person. An accusation is
    read to its end: whom it accuses may stand in the last line.
    """
    if matter.kind == ACCUSATION:
        return _decide(matter, county, f"{matter.summary}\n{matter.text}")
    decided = _decide(matter, county, matter.summary)
    if isinstance(decided, Assignment) and decided.words:
        return decided
    return _decide(matter, county, f"{matter.summary}\n{matter.text[:OPENING]}")


def _decide(matter: Matter, county: County, reading: str) -> Assignment | Triage:
    """By the words of one reading. A rule that leads to the place does not apply where it is unknown.

    Where the rule leads to the accused, only a later rule that is expressly for accusations may take its
    place: a rule on the subject would send it to colleagues of the accused.
    """
    passed: list[str] = []
    for rule in _holding(matter, county, reading):
        lead = _lead(rule, matter, county)
        if lead is None:
            passed.append("place_unknown")
        elif lead == matter.accused:
            passed.append("accused")
        elif "accused" not in passed or ACCUSATION in rule.when.kinds:
            return _assignment(rule, lead, matter, reading)
    return Triage(passed[0] if passed else "no_rule")


def suggest(matter: Matter, county: County) -> tuple[Suggestion, ...]:
    """Up to three departments whose rules find some of their words here, most words first; then the place's.

    Never the accused; for an accusation only rules that are expressly for accusations.
    """
    traits, found = _traits(matter, county, f"{matter.summary}\n{matter.text}"), dict[str, Suggestion]()
    for rule in county.rules:
        lead, words = _lead(rule, matter, county), _words(rule.when, traits.text)
        if lead and words and _suits(rule, lead, matter):
            found.setdefault(lead, Suggestion(lead, rule.id, words))
    best = sorted(found.values(), key=lambda each: -len(each.words))[:MOST_SUGGESTIONS]
    return (*best, *_of_place(matter, county, {each.department for each in best}))


def _of_place(matter: Matter, county: County, named: set[str]) -> Iterator[Suggestion]:
    """The township, which answers where nobody else does (属地管理); not for an accusation."""
    place = county.places.get(matter.place or "")
    if place and place.department not in named and matter.kind != ACCUSATION:
        yield Suggestion(place.department, PLACE, ())


def _suits(rule: Rule, lead: str, matter: Matter) -> bool:
    if matter.kind == ACCUSATION:
        return lead != matter.unit and ACCUSATION in rule.when.kinds
    return not rule.when.kinds or matter.kind in rule.when.kinds


def _holding(matter: Matter, county: County, reading: str) -> Iterator[Rule]:
    """The rules that hold, in the county's order."""
    traits = _traits(matter, county, reading)
    return (rule for rule in county.rules if _holds(rule.when, traits))


def _assignment(rule: Rule, lead: str, matter: Matter, reading: str) -> Assignment:
    others = tuple(each for each in rule.cooperating if each not in (lead, matter.accused))
    return Assignment(lead, others, rule.id, rule.reason, _words(rule.when, reading))


def _lead(rule: Rule, matter: Matter, county: County) -> str | None:
    """The department that a rule leads to; None if that is the place's and the place is unknown."""
    if rule.lead != PLACE:
        return rule.lead
    place = county.places.get(matter.place or "")
    return place.department if place else None


def _traits(matter: Matter, county: County, reading: str) -> _Traits:
    place = county.places.get(matter.place or "")
    return _Traits(
        kinds=frozenset({matter.kind}),
        categories=frozenset(_upwards(matter.category, county)),
        places=frozenset({place.id, place.township} if place else ()),
        units=frozenset({matter.unit} if matter.unit else ()),
        text=reading,
    )


def _upwards(category: str | None, county: County) -> Iterator[str]:
    """A category and those above it."""
    while category is not None and category in county.categories:
        yield category
        category = county.categories[category].parent


def _holds(when: Condition, traits: _Traits) -> bool:
    return (
        _meets(when.kinds, traits.kinds)
        and _meets(when.categories, traits.categories)
        and _meets(when.places, traits.places)
        and _meets(when.units, traits.units)
        and _reads(when, traits.text)
    )


def _meets(asked: tuple[str, ...], given: frozenset[str]) -> bool:
    return not asked or not given.isdisjoint(asked)


def _reads(when: Condition, text: str) -> bool:
    return (
        (not when.any_of or any(word in text for word in when.any_of))
        and all(word in text for word in when.all_of)
        and not any(word in text for word in when.none_of)
    )


def _words(when: Condition, text: str) -> tuple[str, ...]:
    """The words of a condition that stand in the text."""
    return tuple(word for word in (*when.all_of, *when.any_of) if word in text)
