"""What the tests of routing start from: grievances as intake tells them, and cases opened from them."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson

from services.routing.events import CONSUMES
from shared import county, numbers, wire
from shared.contracts import Event, GrievanceRegistered
from shared.county.model import County
from shared.inbox import Door, Receipt
from shared.wire import Envelope
from tests.world import COUNTY, World

DIRECTORY: County = county.load(COUNTY)
NUMBER = numbers.make(2026, 1)
RECEIVED = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # a Monday, ten in the morning in the county

# A matter that the county's rules give to housing, with environment and urban management beside it.
DUST = {"summary": "工地扬尘严重", "text": "小区旁边的工地天天扬尘，窗户都不敢开。"}


def registered(**changes: Any) -> GrievanceRegistered:
    """A grievance that no rule decides, with changes."""
    values: dict[str, Any] = {
        "number": NUMBER,
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
        "received_at": RECEIVED,
        "registered_at": RECEIVED,
    }
    return GrievanceRegistered(**values | changes)


def door_of(world: World) -> Door:
    """Routing's message door."""
    return Door(world.services["routing"], CONSUMES)


def hear(world: World, source: str, *events: Event) -> Receipt:
    """Bring events to routing's door as the next ones of their streams; what the sender is told."""
    receipt = Receipt()
    for event in events:
        answer = door_of(world).accept(source, [heard_as(world, source, event)])
        receipt.applied += answer.applied
        receipt.parked |= answer.parked
    return receipt


def heard_as(world: World, source: str, event: Event) -> Envelope:
    """An event in its envelope, as the next one of its stream."""
    heard = world.count("routing", "inbox", f"source = '{source}' AND subject = '{event.number}'")
    data = orjson.loads(wire.write(event))
    return Envelope(
        str(uuid4()), source, wire.name(type(event)), event.number, heard + 1, RECEIVED, None, data
    )


def said(world: World, dest: str = "oversight") -> list[str]:
    """What routing tells a service, in order."""
    rows = world.query("routing", "SELECT type FROM outbox WHERE dest = :dest ORDER BY serial", dest=dest)
    return [row.type for row in rows]


def told(world: World, type_: str) -> list[dict[str, Any]]:
    """What routing's events of one type say, in order, once for each event."""
    rows = world.query(
        "routing",
        "SELECT payload FROM outbox WHERE type = :type AND dest = 'oversight' ORDER BY serial",
        type=type_,
    )
    return [orjson.loads(row.payload) for row in rows]
