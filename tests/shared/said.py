"""Events and envelopes for tests of the delivery."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from shared import numbers, wire
from shared.contracts import Event, GrievanceRegistered, TaskAccepted
from shared.wire import Envelope

AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
FIRST, SECOND = numbers.make(2026, 1), numbers.make(2026, 2)


def registered(number: str = FIRST, **changes: Any) -> GrievanceRegistered:
    """What intake says of a new grievance."""
    values = {
        "number": number,
        "kind": "claim",
        "office": "hotline",
        "channel": "phone",
        "urgency": "ordinary",
        "category": None,
        "place": None,
        "unit": None,
        "petitioners": 1,
        "summary": "路灯不亮",
        "text": "整条街的路灯坏了一个月。",
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
        "type": wire.name(type(event)),
        "subject": event.number,
        "sequence": sequence,
        "time": AT,
        "traceparent": None,
        "data": wire.parse(wire.write(event)),
    }
    return Envelope(**(values | changes))


def stream(count: int, number: str = FIRST) -> list[Envelope]:
    """The first events of a grievance, in their order; each tells how many petitioners there are: 1, 2, …"""
    return [envelope(registered(number, petitioners=n), n) for n in range(1, count + 1)]
