"""The county directory as frozen values. Pure: `load.py` reads them from YAML.

Every name a person reads is a `Text`: Chinese first, English complete.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Text:
    """The same words in Chinese and in English."""

    zh: str
    en: str


@dataclass(frozen=True)
class Department:
    """A body that answers for grievances: a bureau, a township government, a party organ, a utility.

    `superior` is the leader (an id of `leaders.yaml`) who is above it: where disputes and accusations
    against it go. `supervises` marks bodies that read the dashboard and check ledgers.
    """

    id: str
    name: Text
    kind: str
    superior: str
    phone: str
    supervises: bool


@dataclass(frozen=True)
class Place:
    """A township (`township` is its own id) or a village of one; `department` answers for it."""

    id: str
    name: Text
    township: str
    department: str


@dataclass(frozen=True)
class Office:
    """A door that grievances come through (M1, M3): office, station, hotline, web, a department's window."""

    id: str
    name: Text
    kind: str
    place: str | None


@dataclass(frozen=True)
class Category:
    """A subject of grievances. `parent` is a category of the level above, or None at the top."""

    id: str
    name: Text
    parent: str | None


@dataclass(frozen=True)
class Leader:
    """A county leader: superior of departments, named in charge of cases (M23)."""

    id: str
    name: Text
    title: Text


@dataclass(frozen=True)
class Recipient:
    """Who receives the Grievance Feedback Form (M6)."""

    id: str
    name: Text


@dataclass(frozen=True)
class Condition:
    """What a rule asks of a grievance. Every given part must hold; an empty part asks nothing.

    `any_of`, `all_of` and `none_of` are words looked for in the summary and the opening of the text (of an
    accusation: in all of it).
    """

    kinds: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    all_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One ordered routing rule (M7). `lead` is a department, or "place": the township that answers there."""

    id: str
    when: Condition
    lead: str
    cooperating: tuple[str, ...]
    reason: Text


@dataclass(frozen=True)
class Length:
    """A span of legal time: `unit` is hours, days, working_days or months."""

    n: int
    unit: str


@dataclass(frozen=True)
class Clock:
    """A deadline's rule (M12): from one milestone until another.

    `scope` says for what there is one deadline each: "case", "task" (of every department), or "lead"
    (the lead's task). `owner` names the department that owes it, or "task" for the task's own.
    `linked` limits it to cases of several departments. `duty` is False for a mere right (an objection
    window): its end is no failure. `shown` tells the petitioner. Empty `kinds`, `channels` and
    `urgencies` mean all.
    """

    id: str
    name: Text
    scope: str
    starts: str
    stops: tuple[str, ...]
    length: Length
    owner: str
    kinds: tuple[str, ...]
    channels: tuple[str, ...]
    urgencies: tuple[str, ...]
    linked: bool
    duty: bool
    shown: bool
    basis: Text


@dataclass(frozen=True)
class Rung:
    """One step of accountability (M13), taken when a deadline has been missed for `after`.

    `published` lets two supervisors make it public (never for an accusation); `feedback` is the time that
    the department has.
    """

    id: str
    name: Text
    after: Length
    published: bool
    feedback: Length | None


@dataclass(frozen=True)
class Year:
    """A year's holiday arrangement: weekdays that are off, weekend days that are worked.

    `provisional` while the State Council has not published it.
    """

    off: frozenset[date]
    worked: frozenset[date]
    source: str
    provisional: bool


@dataclass(frozen=True)
class County:
    """The whole directory. `version` is a digest of its files, written on every decision it led to."""

    name: Text
    version: str
    timezone: str
    centre: str
    departments: Mapping[str, Department]
    places: Mapping[str, Place]
    offices: Mapping[str, Office]
    categories: Mapping[str, Category]
    leaders: Mapping[str, Leader]
    recipients: Mapping[str, Recipient]
    rules: tuple[Rule, ...]
    clocks: Mapping[str, Clock]
    ladder: tuple[Rung, ...]
    years: Mapping[int, Year]
