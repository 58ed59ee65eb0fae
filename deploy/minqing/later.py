"""What was said after the moment that was restored: to be entered again by hand.

It is found in the database that was put aside, if that can be started still, and else in intake's log.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, text

from deploy.minqing import databases, resync

REGISTERED = "grievance.registered"
FOLLOW = ("case.triaged", "deadline.set", "deadline.met", "deadline.missed")  # of themselves, from the rest
# A transaction that began before the moment and was committed after it is later, too: hence the hour.
SAID = text(
    """
    SELECT DISTINCT event_id::text AS id, type, subject, created_at, payload FROM outbox
    WHERE created_at > CAST(:since AS timestamptz) - interval '1 hour' AND type <> ALL(:follow)
    ORDER BY created_at, subject
    """
)
NUMBERS = text("SELECT number FROM grievance")
SEQUENCE = text("SELECT last_value FROM grievance_sequence")
NOTICES = text("SELECT year, n FROM notice_sequence")
LIFT_NOTICES = text(
    """
    INSERT INTO notice_sequence AS kept (year, n) VALUES (:year, :n)
    ON CONFLICT (year) DO UPDATE SET n = greatest(kept.n, excluded.n)
    """
)


@dataclass(frozen=True)
class Act:
    """Something that a service said: of which grievance, when, and all of it (JSON), if that is known."""

    service: str
    type: str
    number: str
    at: str
    said: str


def between(urls: Mapping[str, str], restored: Mapping[str, str], since: datetime) -> list[Act]:
    """Return what the databases at `urls` say since then and those at `restored` do not."""
    acts = []
    for service, url in urls.items():
        known = {row.id for row in _said(restored[service], since)}
        acts += [
            Act(service, row.type, row.subject, row.created_at.isoformat(), row.payload)
            for row in _said(url, since)
            if row.id not in known
        ]
    return acts


def _said(url: str, since: datetime) -> Sequence[Row[Any]]:
    with databases.opened(url) as tx:
        return tx.execute(SAID, {"since": since, "follow": list(FOLLOW)}).all()


def logged(logs: Path, restored: str, since: datetime) -> list[Act]:
    """Return the numbers that intake's log says were registered since then, and that its database lacks."""
    with databases.opened(restored) as tx:
        known = set(tx.execute(NUMBERS).scalars())
    files = sorted(logs.glob("intake-api.log*"), reverse=True)
    lines = (line for file in files for line in _lines(file))
    return [
        Act("intake", REGISTERED, line["number"], line["timestamp"], "")
        for line in lines
        if line["number"] not in known and datetime.fromisoformat(line["timestamp"]) > since
    ]


@dataclass(frozen=True)
class Used:
    """The last numbers given out, to a grievance, and to notices by year: never to be given again."""

    grievance: int
    notices: Mapping[int, int]


def used(urls: Mapping[str, str]) -> Used:
    """Return what the databases at `urls` have given out."""
    with databases.opened(urls["intake"]) as intake, databases.opened(urls["oversight"]) as oversight:
        number = int(intake.execute(SEQUENCE).scalar_one())
        return Used(number, {row.year: row.n for row in oversight.execute(NOTICES)})


def lift(urls: Mapping[str, str], given: Used) -> None:
    """Let the databases at `urls` go on above what was given out."""
    resync.lift_numbers(urls["intake"], given.grievance)
    with databases.opened(urls["oversight"]) as tx:
        for year, n in given.notices.items():
            tx.execute(LIFT_NOTICES, {"year": year, "n": n})


def registered(acts: Iterable[Act]) -> list[str]:
    """Return the numbers of grievances registered among them."""
    return [act.number for act in acts if act.type == REGISTERED]


def write(file: Path, acts: Iterable[Act]) -> None:
    """Write them to a CSV file for the owner alone: it tells of people's matters."""
    file.touch(mode=0o600)
    with file.open("w", encoding="utf-8-sig", newline="") as out:  # with a mark by which Excel knows it
        rows = csv.writer(out)
        rows.writerow(column.name for column in fields(Act))
        rows.writerows(astuple(act) for act in acts)


def _lines(file: Path) -> Iterator[dict[str, str]]:
    """The lines of a log that tell of a registration; others, and what is cut off, are passed over."""
    with file.open(encoding="utf-8", errors="replace") as log:
        whole = (line for line in log if '"registered"' in line and line[0] == "{" and line[-2:] == "}\n")
        yield from (line for line in map(json.loads, whole) if line.get("event") == "registered")
