"""The county directory as the choices of a form: (id, name) in the chosen language, under headings."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from shared import words
from shared.county.model import County, Text
from shared.language import text

Choice = tuple[str, str]
Group = tuple[str, list[Choice]]


class Entry(Protocol):
    """What the directory has under an id: an office or a department."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def name(self) -> Text:
        """What it is called."""

    @property
    def kind(self) -> str:
        """What kind it is of."""


def choices(names: Mapping[str, Text]) -> list[Choice]:
    """Codes and what they are called."""
    return [(code, text(name)) for code, name in names.items()]


def explained(names: Mapping[str, Text], hints: Mapping[str, Text]) -> list[tuple[str, str, str]]:
    """Codes, what they are called, and what that means."""
    return [(code, text(name), text(hints[code])) for code, name in names.items()]


def departments(county: County) -> list[Group]:
    """All departments, by kind."""
    return _by_kind(county.departments.values(), words.DEPARTMENT_KINDS)


def offices(offices: Iterable[Entry]) -> list[Group]:
    """Offices that grievances come through, by kind."""
    return _by_kind(offices, words.OFFICE_KINDS)


def places(county: County) -> list[Group]:
    """Each township with its villages."""
    groups: dict[str, list[Choice]] = {}
    for place in county.places.values():
        groups.setdefault(place.township, []).append((place.id, text(place.name)))
    return [(text(county.places[township].name), found) for township, found in groups.items()]


def categories(county: County) -> list[Group]:
    """Each subject with those below it; a subject itself comes first, for what fits none below."""
    groups: dict[str, list[Choice]] = {}
    for category in county.categories.values():
        groups.setdefault(category.parent or category.id, []).append((category.id, text(category.name)))
    return [(text(county.categories[top].name), found) for top, found in groups.items()]


def _by_kind(entries: Iterable[Entry], kinds: Mapping[str, Text]) -> list[Group]:
    groups: dict[str, list[Choice]] = {}
    for entry in entries:
        groups.setdefault(entry.kind, []).append((entry.id, text(entry.name)))
    return [(text(kinds[kind]) if kind in kinds else kind, found) for kind, found in groups.items()]
