"""The cases that are played: one of every kind through each door, and what happens to each. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from deploy.minqing.leaktest import markers
from deploy.minqing.leaktest.markers import IDENTITY, Marker

ACCUSED = "housing"  # the department that the accusations complain about
OFFICE = "administrative-reception"

# What each kind is about: words that the sample county's rules know, or know not.
MATTERS: Mapping[str, Mapping[str, Any]] = {
    "claim": {"summary": "工地扬尘严重", "place": "yunmen-town"},
    "accusation": {"summary": "执法人员收受好处", "unit": ACCUSED},
    "suggestion": {"summary": "说不清的一件事"},
    "inquiry": {"summary": "问不清的一件事"},
}
# What is done with each. `decide` gives it to the department in LEADS; what nobody accepts is published.
STEPS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("claim", "api"): ("accept", "explain", "progress", "answer"),
    ("claim", "page"): ("accept", "explain", "progress", "answer"),
    ("accusation", "api"): ("accept", "progress", "answer"),
    ("accusation", "page"): (),
    ("suggestion", "api"): ("decide",),
    ("suggestion", "page"): ("decide", "accept", "progress", "answer"),
    ("inquiry", "api"): ("decide", "object", "decide", "accept", "progress"),
    ("inquiry", "page"): ("decide", "object", "decide", "accept", "progress", "answer"),
}
LEADS = {"suggestion": "agriculture", "inquiry": "forestry"}
# The words that each step asks for.
WORDS: Mapping[str, tuple[str, ...]] = {
    "accept": (),
    "decide": ("reason",),
    "object": ("reason",),
    "explain": ("explanation",),
    "progress": ("note",),
    "answer": ("claim", "facts", "opinion", "basis"),
}


@dataclass
class Case:
    """A grievance with markers in every field. Number, code and departments are known once it is played."""

    kind: str
    door: str
    number: str = ""
    code: str = ""
    departments: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How markers and findings call it."""
        return f"{self.kind} by {self.door}"

    @property
    def accused(self) -> str | None:
        """The department that must not learn of it."""
        return MATTERS[self.kind].get("unit") if self.kind == "accusation" else None


def every() -> list[Case]:
    """A case of every kind through each door."""
    return [Case(kind, door) for kind, door in STEPS]


@dataclass
class Planter:
    """Makes markers and remembers them."""

    random: Random
    planted: list[Marker] = field(default_factory=list)

    def plant(self, name: str, label: str, door: str) -> str:
        """A new marker for a field, to be typed there."""
        made = markers.make(self.random, name, label, door)
        self.planted.append(made)
        return made.value

    def person(self, label: str, door: str) -> dict[str, Any]:
        """A petitioner with a marker in each identity field."""
        return {name: self.plant(name, label, door) for name in IDENTITY}

    def grievance(self, case: Case) -> dict[str, Any]:
        """A request to register a case, with a marker in each field that people fill."""
        matter = {"kind": case.kind, "office": OFFICE, "channel": "visit", **MATTERS[case.kind]}
        summary = f"{matter['summary']} {self.plant('summary', case.label, case.door)}"
        text = f"{matter['summary']}。{self.plant('text', case.label, case.door)}"
        people = [self.person(case.label, case.door)]
        return matter | {"summary": summary, "text": text, "petitioners": people}

    def words(self, case: Case, step: str, *, lead: bool) -> dict[str, str]:
        """What a step asks for, a marker in each."""
        said = {name: self.plant(name, case.label, case.door) for name in WORDS[step]}
        return {**said, "outcome": "solved"} if step == "answer" and lead else said


def form(request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A request to register as the page's form sends it."""
    for name, value in request.items():
        if name != "petitioners":
            yield name, str(value)
    for n, person in enumerate(request["petitioners"]):
        yield from ((f"petitioners.{n}.{part}", str(value)) for part, value in person.items())
