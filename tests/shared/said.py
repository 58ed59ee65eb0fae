"""Events as a service says them, and in their envelopes."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from shared import contracts, numbers, wire
from shared.contracts import Event, GrievanceRegistered, TaskAccepted
from shared.wire import Envelope
from tests.world import World

AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # a Monday, ten in the morning in the county
FIRST, SECOND = numbers.make(2026, 1), numbers.make(2026, 2)


def registered(number: str = FIRST, **changes: Any) -> GrievanceRegistered:
    """What intake says of a new grievance that no rule decides, with changes."""
    values = {
        "number": number,
        "kind": "claim",
        "office": "administrative-reception",
        "channel": "visit",
        "urgency": None,
        "category": None,
        "place": None,
        "unit": None,
        "petitioners": 1,
        "summary": "说不清的一件事",
        "text": "请派人来看看。",
        "received_at": AT,
        "registered_at": AT,
    }
    return GrievanceRegistered(**(values | changes))


def accepted(number: str = FIRST, department: str = "housing") -> TaskAccepted:
    """What routing says when a department accepted."""
    return TaskAccepted(number, department, AT)


def envelope(event: Event, sequence: int, source: str = "intake", **changes: Any) -> Envelope:
    """The event as the `sequence`-th of its grievance from `source`."""
    values = {
        "id": str(uuid4()),
        "source": source,
        "type": contracts.name(type(event)),
        "subject": event.number,
        "sequence": sequence,
        "time": AT,
        "traceparent": None,
        "data": wire.parse(wire.write(event)),
    }
    return Envelope(**(values | changes))


def heard(world: World, reader: str, source: str, event: Event) -> Envelope:
    """The event as the next one of its grievance that `reader` hears from `source`."""
    place = f"source = '{source}' AND subject = '{event.number}'"
    return envelope(event, world.count(reader, "inbox", place) + 1, source)


def stream(count: int, number: str = FIRST) -> list[Envelope]:
    """The first events of a grievance, in their order; each tells how many petitioners there are: 1, 2, …"""
    return [envelope(registered(number, petitioners=n), n) for n in range(1, count + 1)]
