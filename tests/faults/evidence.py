"""What stands in the databases after the storm: effects in the order in which they were written."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Rows = Sequence[Sequence[Any]]
Query = Callable[[str, str], Rows]  # of a database's name and a statement

SERVICES = ("intake", "routing", "oversight")


class Effect(NamedTuple):
    """Something that an operation brought about in a service. `digest` is of its text, where that is kept."""

    service: str
    number: str
    what: str
    department: str | None = None
    digest: str = ""


class Place(NamedTuple):
    """An event's place in what one service tells another about a grievance."""

    source: str
    reader: str
    number: str
    sequence: int


@dataclass(frozen=True)
class Evidence:
    """All that is compared. `said` and `heard` are digests of what events told, by their places.

    `reached` is how far each reader says that it applied a stream, by source, reader and number.
    """

    effects: Sequence[Effect] = ()
    said: Mapping[Place, str] = field(default_factory=dict)
    heard: Mapping[Place, str] = field(default_factory=dict)
    reached: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    parked: Sequence[str] = ()
    unsettled: Sequence[str] = ()
    quarantined: int = 0


# Tables that are only ever added to, without a key that would hide a second application.
STEPS = """
    SELECT number, what, department, coalesce(words->>'explanation', words->>'facts') FROM step ORDER BY n
"""
ENTRIES = """
    SELECT number, what, department, coalesce(words->>'note', words->>'explanation', words->>'facts'), at
    FROM ledger_entry ORDER BY n
"""
MILESTONES = "SELECT number, name, department, at FROM milestone ORDER BY n"
SAID = "SELECT dest, subject, sequence, payload::jsonb FROM outbox"
HEARD = """
    SELECT source, subject, sequence, digest FROM inbox WHERE status IN ('applied', 'discarded')
"""
REACHED = "SELECT source, subject, n FROM stream_position"
PARKED = """
    SELECT source || ' ' || subject || ' ' || type || ' ' || reason || ' ' || coalesce(error, '')
    FROM inbox WHERE status = 'parked'
"""
UNSETTLED = """
    SELECT 'outbox ' || dest || ' ' || subject || ' ' || sequence || ' ' || state FROM outbox
    WHERE state NOT IN ('confirmed', 'discarded')
    UNION ALL
    SELECT 'inbox ' || source || ' ' || subject || ' ' || sequence || ' ' || status FROM inbox
    WHERE status NOT IN ('applied', 'discarded')
"""


def gather(query: Query) -> Evidence:
    """Ask the databases."""
    return Evidence(
        effects=[*_intake(query), *_routing(query), *_oversight(query)],
        said={Place(name, *row[:3]): _digest_of_data(row[3]) for name, row in _all(query, SAID)},
        heard={Place(row[0], name, *row[1:3]): row[3] for name, row in _all(query, HEARD)},
        reached={(row[0], name, row[1]): row[2] for name, row in _all(query, REACHED) if row[2]},
        parked=[f"{name}: {row[0]}" for name, row in _all(query, PARKED)],
        unsettled=[f"{name}: {row[0]}" for name, row in _all(query, UNSETTLED)],
        quarantined=sum(row[0] for _, row in _all(query, "SELECT count(*) FROM quarantine")),
    )


def _all(query: Query, sql: str) -> list[tuple[str, Sequence[Any]]]:
    return [(name, row) for name in SERVICES for row in query(name, sql)]


def _intake(query: Query) -> list[Effect]:
    registered = query("intake", "SELECT number, text FROM grievance ORDER BY registered_at, number")
    return [
        *(Effect("intake", number, "registered", None, _digest(text)) for number, text in registered),
        *(Effect("intake", *row[:3], _digest(row[3])) for row in query("intake", STEPS)),
    ]


def _routing(query: Query) -> list[Effect]:
    opened = query("routing", "SELECT number, text FROM case_file")
    return [
        *(Effect("routing", number, "registered", None, _digest(text)) for number, text in opened),
        *(Effect("routing", *row[:3], _digest(row[3])) for row in query("routing", ENTRIES)),
    ]


def _oversight(query: Query) -> list[Effect]:
    """A milestone of progress keeps no note; its moment names the ledger's line that has it."""
    notes = {(row[0], row[2], row[4]): _digest(row[3]) for row in query("routing", ENTRIES)}
    return [
        Effect("oversight", number, name, department, _noted(notes, name, (number, department, at)))
        for number, name, department, at in query("oversight", MILESTONES)
    ]


def _noted(notes: Mapping[tuple[Any, ...], str], name: str, of: tuple[Any, ...]) -> str:
    return notes.get(of, "nobody noted this") if name == "progressed" else ""


def _digest(text: str | None) -> str:
    return "" if text is None else hashlib.sha256(text.encode()).hexdigest()


def _digest_of_data(data: Any) -> str:
    """As readers keep it; kept here a second time, since the checker trusts none of the program's code."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
