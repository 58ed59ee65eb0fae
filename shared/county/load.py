"""Reads a county's directory of YAML files, and refuses it with everything that is wrong with it."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from shared.county import check, schemas, source
from shared.county.fields import SPLIT
from shared.county.flaws import CountyError
from shared.county.model import Category, Condition, County, Place, Rule
from shared.county.source import Source

DIGITS = 12


def load(directory: Path) -> County:
    """The county in `directory`. Raises `CountyError` with every flaw of its files, by file and line.

    A condition that names a category or a township means those below it too, and lists them when loaded.
    """
    sources = {file: source.read(directory / file) for file in schemas.FILES}
    values = {file: _value(each) for file, each in sources.items()}
    values["rules.yaml"] = _spelt_out(values)
    _check(sources, values)
    flaws = [flaw for each in sources.values() for flaw in each.flaws]
    if flaws:
        raise CountyError(flaws)
    return _county(values, _version(sources.values()))


def _value(each: Source) -> Any:
    """What the file means, or None where it cannot be read."""
    if not each.data:
        return None
    value, wrong = schemas.read(each.name, each.data)
    for key, message in wrong:
        each.blame(key, *message.split(SPLIT, 1))
    return value


def _check(sources: Mapping[str, Source], values: Mapping[str, Any]) -> None:
    check.references(sources)
    check.offices(sources["offices.yaml"], sources["departments.yaml"])
    check.clocks(sources["clocks.yaml"])
    check.rules(sources["rules.yaml"], values["rules.yaml"])
    if values["calendar.yaml"]:
        check.years(sources["calendar.yaml"], dict(values["calendar.yaml"]))


def _county(values: Mapping[str, Any], version: str) -> County:
    return County(
        **values["county.yaml"],
        version=version,
        departments=_by_id(values["departments.yaml"]),
        places=_by_id(chain.from_iterable(values["places.yaml"])),
        offices=_by_id(values["offices.yaml"]),
        categories=_by_id(chain.from_iterable(values["categories.yaml"])),
        leaders=_by_id(values["leaders.yaml"]),
        recipients=_by_id(values["recipients.yaml"]),
        rules=values["rules.yaml"],
        clocks=_by_id(values["clocks.yaml"]),
        ladder=tuple(values["ladder.yaml"]),
        years=MappingProxyType(dict(values["calendar.yaml"])),
    )


def _by_id(entries: Iterable[Any]) -> Mapping[str, Any]:
    return MappingProxyType({entry.id: entry for entry in entries})


def _spelt_out(values: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules with the villages of the townships they name, and the categories below those they name."""
    places = [*chain.from_iterable(values["places.yaml"] or ())]
    categories = [*chain.from_iterable(values["categories.yaml"] or ())]
    return tuple(
        replace(rule, when=_with_all_below(rule.when, places, categories))
        for rule in values["rules.yaml"] or ()
    )


def _with_all_below(when: Condition, places: Iterable[Place], categories: Iterable[Category]) -> Condition:
    return replace(
        when,
        places=tuple(each.id for each in places if {each.id, each.township} & set(when.places)),
        categories=tuple(each.id for each in categories if {each.id, each.parent} & set(when.categories)),
    )


def _version(sources: Iterable[Source]) -> str:
    """A short digest of the files: the same files, the same version."""
    digest = hashlib.sha256()
    for each in sorted(sources, key=lambda each: each.name):
        digest.update(each.name.encode() + b"\0" + each.content + b"\0")
    return digest.hexdigest()[:DIGITS]
