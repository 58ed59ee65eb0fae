"""What the tests of routing start from: what it hears, and what it says."""

from typing import Any

import orjson

from services.routing.events import CONSUMES
from shared import county
from shared.contracts import Event
from shared.county.model import County
from shared.inbox import Door, Receipt
from tests.shared import said as news
from tests.world import COUNTY, World

DIRECTORY: County = county.load(COUNTY)
NUMBER, RECEIVED = news.FIRST, news.AT

# A matter that the county's rules give to housing, with environment and urban management beside it.
DUST = {"summary": "工地扬尘严重", "text": "小区旁边的工地天天扬尘，窗户都不敢开。"}


def door_of(world: World) -> Door:
    """Routing's message door."""
    return Door(world.services["routing"], CONSUMES)


def hear(world: World, source: str, *events: Event) -> Receipt:
    """Bring events to routing's door as the next ones of their streams; what the sender is told."""
    receipt = Receipt()
    for event in events:
        answer = door_of(world).accept(source, [news.heard(world, "routing", source, event)])
        receipt.applied += answer.applied
        receipt.parked |= answer.parked
    return receipt


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
