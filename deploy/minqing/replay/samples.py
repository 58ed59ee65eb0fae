"""The sample grievances and replies, and when each grievance comes in."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

import yaml

from deploy.minqing import suite
from deploy.minqing.replay.acts import Act, Who
from shared.calendar import Calendar
from shared.county.model import County

FOLDER = suite.ROOT / "deploy" / "samples"
LAST = (10.0, 16.5)  # the hour of a day by which its grievances are registered, drawn for each day
REGISTERING = timedelta(hours=1)  # before that
WAITED = (2.0, 30.0)  # minutes from receipt to registration

Sample = Mapping[str, Any]
Replies = Mapping[str, Sequence[Any]]


def grievances() -> list[Sample]:
    """Return the sample grievances, as intake takes them but without a time."""
    return [json.loads(line) for line in (FOLDER / "grievances.jsonl").read_text("utf-8").splitlines()]


def replies() -> Replies:
    """Return what departments say: `progress`, `answers`, `objections`, `explanations`."""
    read: Replies = yaml.safe_load((FOLDER / "replies.yaml").read_text("utf-8"))
    return read


def registered_by(day: date, calendar: Calendar, seed: int) -> datetime:
    """Return the moment of a day by which its grievances are registered."""
    hours = Random(f"{seed} {day}").uniform(*LAST)  # nosec B311 - repeatable
    return datetime.combine(day, time(), calendar.timezone) + timedelta(hours=hours)


def registrations(
    given: Sequence[Sample], days: Sequence[date], county: County, calendar: Calendar, seed: int
) -> Iterator[Act]:
    """Spread grievances over the working days of `days`, in order; each by the key of its own office."""
    chance = Random(seed)  # nosec B311 - repeatable
    working = [day for day in days if calendar.is_working_day(day)] or days
    for day, sample in zip(sorted(chance.choices(working, k=len(given))), given, strict=True):
        by = registered_by(day, calendar, seed)
        at = by - chance.random() * REGISTERING
        received_at = at - timedelta(minutes=chance.uniform(*WAITED))
        body = {**sample, "received_at": received_at.isoformat()}
        yield Act(at, _clerk(sample["office"], county), "intake", "/v1/grievances", body)


def _clerk(office: str, county: County) -> Who:
    """Return who sits there: at a department's window, the department."""
    window = office in county.departments
    return Who("department" if window else "clerk", office)
