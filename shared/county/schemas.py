"""What each file of the county may say, and the value of the model that each entry becomes."""

from calendar import SATURDAY
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, post_load
from marshmallow.fields import Date, Integer, Nested

from shared.county import model, terms
from shared.county.fields import (
    FILLED,
    NO_DATE,
    SAYINGS,
    TYPES,
    UNKNOWN,
    YEARS,
    Days,
    Flag,
    Id,
    Some,
    Span,
    Words,
    is_zone,
    one_of,
)
from shared.county.source import Key


class Entry(Schema):
    """An entry of a file. A field that it does not know is refused."""

    value: ClassVar[Callable[..., Any]]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.error_messages |= {"unknown": UNKNOWN, "type": TYPES}

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> Any:
        """The value of the model."""
        return self.value(**data)


class Text(Entry):
    """Words in both languages."""

    value = model.Text
    zh = Words()
    en = Words()


class Name(Nested):
    """A required name in both languages."""

    def __init__(self) -> None:
        super().__init__(Text, required=True, error_messages=SAYINGS)


class Head(Entry):
    """county.yaml: what the county is called, its time zone, and the department that is its centre."""

    value = dict
    name = Name()
    timezone = Words(validate=is_zone)
    centre = Id()


class Department(Entry):
    """One of departments.yaml."""

    value = model.Department
    id = Id()
    name = Name()
    kind = one_of(terms.DEPARTMENTS)
    superior = Id()
    phone = Words()
    supervises = Flag()


class Village(Entry):
    """A village within its township."""

    value = dict
    id = Id()
    name = Name()


class Township(Entry):
    """One of places.yaml: a township with its villages. Gives them all, the township first."""

    id = Id()
    name = Name()
    department = Id()
    villages = Some(Nested(Village, error_messages=SAYINGS))

    @staticmethod
    def value(villages: Sequence[dict[str, Any]], **township: Any) -> tuple[model.Place, ...]:
        """The places, the villages under their township and its department."""
        shared = {"township": township["id"], "department": township["department"]}
        places = (model.Place(**place, **shared) for place in villages)
        return model.Place(id=township["id"], name=township["name"], **shared), *places


class Office(Entry):
    """One of offices.yaml."""

    value = model.Office
    id = Id()
    name = Name()
    kind = one_of(terms.OFFICES)
    place = Id(required=False, load_default=None)


class Subject(Entry):
    """A category below another."""

    value = dict
    id = Id()
    name = Name()


class Category(Entry):
    """One of categories.yaml with those below it. Gives them all, the upper first."""

    id = Id()
    name = Name()
    below = Some(Nested(Subject, error_messages=SAYINGS))

    @staticmethod
    def value(id: str, name: model.Text, below: Sequence[dict[str, Any]]) -> tuple[model.Category, ...]:
        """The categories."""
        return model.Category(id, name, None), *(model.Category(**each, parent=id) for each in below)


class Leader(Entry):
    """One of leaders.yaml."""

    value = model.Leader
    id = Id()
    name = Name()
    title = Name()


class Recipient(Entry):
    """One of recipients.yaml."""

    value = model.Recipient
    id = Id()
    name = Name()


class Condition(Entry):
    """The `when` of a rule."""

    value = model.Condition
    kinds = Some(one_of(terms.KINDS))
    categories = Some(Id())
    places = Some(Id())
    units = Some(Id())
    any_of = Some(Words())
    all_of = Some(Words())
    none_of = Some(Words())


class Rule(Entry):
    """One of rules.yaml."""

    value = model.Rule
    id = Id()
    when = Nested(Condition, required=True, error_messages=SAYINGS)
    lead = Id()
    cooperating = Some(Id(), data_key="with")
    reason = Name()


class Clock(Entry):
    """One of clocks.yaml."""

    value = model.Clock
    id = Id()
    name = Name()
    scope = one_of(terms.SCOPES)
    owner = Id()
    starts = one_of(terms.MILESTONES)
    stops = Some(one_of(terms.MILESTONES), required=True, validate=FILLED)
    length = Span(required=True)
    kinds = Some(one_of(terms.KINDS))
    channels = Some(one_of(terms.CHANNELS))
    urgencies = Some(one_of(terms.URGENCIES))
    linked = Flag()
    duty = Flag(load_default=True)
    shown = Flag()
    basis = Name()


class Rung(Entry):
    """One of ladder.yaml."""

    value = model.Rung
    id = Id()
    name = Name()
    after = Span(required=True)
    feedback = Span(load_default=None)
    published = Flag()


class Year(Entry):
    """One of calendar.yaml. Gives its number and the year; a holiday on a weekend is off anyhow."""

    year = Integer(required=True, validate=YEARS, error_messages=SAYINGS)
    source = Words()
    provisional = Flag()
    holidays = Some(Days())
    worked = Some(Date(error_messages=SAYINGS | {"invalid": NO_DATE}))

    @staticmethod
    def value(year: int, holidays: Sequence[Sequence[date]], **rest: Any) -> tuple[int, model.Year]:
        """The year under its number."""
        off = frozenset(day for run in holidays for day in run if day.weekday() < SATURDAY)
        return year, model.Year(off=off, **rest | {"worked": frozenset(rest["worked"])})


# Every file of a county, in the order in which a person would fill them in.
FILES: Mapping[str, Entry] = {
    "county.yaml": Head(),
    "leaders.yaml": Leader(many=True),
    "departments.yaml": Department(many=True),
    "places.yaml": Township(many=True),
    "offices.yaml": Office(many=True),
    "recipients.yaml": Recipient(many=True),
    "categories.yaml": Category(many=True),
    "rules.yaml": Rule(many=True),
    "clocks.yaml": Clock(many=True),
    "ladder.yaml": Rung(many=True),
    "calendar.yaml": Year(many=True),
}


def read(file: str, data: Any) -> tuple[Any, list[tuple[Key, str]]]:
    """What `data` of `file` means, None if it is wrong, and what is wrong: where, and in which words."""
    try:
        return FILES[file].load(data), []
    except ValidationError as error:
        return None, list(_flatten(error.messages))


def _flatten(messages: Any, key: Key = ()) -> Iterator[tuple[Key, str]]:
    if not isinstance(messages, dict):
        yield from ((key, message) for message in messages)
        return
    for step, below in messages.items():
        yield from _flatten(below, key if step == "_schema" else (*key, step))
