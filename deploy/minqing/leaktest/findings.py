"""What was searched, and what was found where it must not be."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from deploy.minqing.leaktest.markers import PLAIN, Marker, spellings

# What a form gives back in its own fields is what was just typed there.
TYPED = re.compile(rb'(<textarea[^>]*>)[^<]*|( value=)"[^"]*"')


@dataclass(frozen=True)
class Found:
    """Something that a place holds: an answer, a file, a message. `where` says which."""

    place: str
    where: str
    data: bytes


@dataclass(frozen=True)
class Hit:
    """A marker where it must not be, and how it is written there."""

    place: str
    where: str
    marker: Marker
    form: str


@dataclass
class Findings:
    """The search for markers in everything that is shown to it.

    `searched` counts things by place; `permitted` the markers of free text that stood where they may.
    """

    markers: Sequence[Marker]
    searched: Counter[str] = field(default_factory=Counter)
    permitted: Counter[str] = field(default_factory=Counter)
    hits: list[Hit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._needles = [(n, form, m) for m in self.markers for n, form in spellings(m).items()]
        self._known: dict[bytes, list[tuple[Marker, str]]] = {}

    def look(self, found: Found, allowed: Iterable[str] = ()) -> None:
        """Search a thing where free text of the `allowed` cases may stand, and nothing else."""
        self._note(found, self._search(found.data), set(allowed))

    def look_at_answer(self, found: Found, allowed: Iterable[str] = ()) -> None:
        """Search an answer: what a form holds in its own fields does not count."""
        self.look(Found(found.place, found.where, TYPED.sub(rb"\1\2", found.data)), allowed)

    def look_for_identity(self, found: Found, *, plain: bool = False) -> None:
        """Search where all free text may stand. `plain`: in the usual spellings alone, which is quicker."""
        forms = {PLAIN} if plain else None
        needles = [each for each in self._needles if each[2].identity and (forms is None or each[1] in forms)]
        self._note(found, [(m, form) for needle, form, m in needles if needle in found.data], set())

    def _search(self, data: bytes) -> list[tuple[Marker, str]]:
        """What stands in it; the same answer is searched once."""
        if data not in self._known:
            self._known[data] = [(m, form) for needle, form, m in self._needles if needle in data]
        return self._known[data]

    def _note(self, found: Found, seen: Iterable[tuple[Marker, str]], allowed: set[str]) -> None:
        self.searched[found.place] += 1
        for marker, form in seen:
            if marker.identity or marker.case not in allowed:
                self.hits.append(Hit(found.place, found.where, marker, form))
            else:
                self.permitted[found.place] += 1

    def counts(self) -> Mapping[str, tuple[int, int, int]]:
        """By place: how many things were searched, and how many hits of identity and of free text."""
        identity = Counter(hit.place for hit in self.hits if hit.marker.identity)
        text = Counter(hit.place for hit in self.hits if not hit.marker.identity)
        return {place: (n, identity[place], text[place]) for place, n in self.searched.items()}
