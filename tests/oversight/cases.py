"""What the tests of oversight start from: news as intake and routing tell it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from werkzeug.test import TestResponse

from services.oversight.events import CONSUMES
from shared import calendar, county
from shared.contracts import CaseAnswered, CaseAssigned, Event, GrievanceRegistered, TaskAccepted
from shared.county.model import County
from shared.inbox import Door, Receipt
from tests.shared import said as news
from tests.world import COUNTY, World

DIRECTORY: County = county.load(COUNTY)
CALENDAR = calendar.of(DIRECTORY)
NUMBER, SECOND, MONDAY = news.FIRST, news.SECOND, news.AT


def local(month: int, day: int, year: int = 2026) -> datetime:
    """The last moment of a day in the county."""
    return datetime(year, month, day, 15, 59, 59, tzinfo=UTC)


def after(**span: float) -> datetime:
    """A moment so much after the case was received."""
    return MONDAY + timedelta(**span)


def registered(number: str = NUMBER, **changes: Any) -> GrievanceRegistered:
    """A claim of three petitioners, with marks in its words, and with changes."""
    marked = {"summary": "标记概要：水压不足", "text": "标记正文：六楼以上没有水。"}
    return news.registered(number, **{"petitioners": 3, **marked, **changes})


def assigned(*cooperating: str, number: str = NUMBER, **changes: Any) -> CaseAssigned:
    """Water leads the case, with others beside it, an hour after it was received."""
    values: dict[str, Any] = {
        "number": number,
        "kind": "claim",
        "lead": "water",
        "cooperating": cooperating,
        "rule": "water-supply",
        "reason": "谁主管谁负责",
        "decided_by": "rule",
        "county_version": DIRECTORY.version,
        "assigned_at": after(hours=1),
    }
    return CaseAssigned(**values | changes)


def accepted(department: str, at: datetime, number: str = NUMBER) -> TaskAccepted:
    """A department accepts."""
    return TaskAccepted(number, department, at)


def case_answered(at: datetime, department: str = "water", number: str = NUMBER) -> CaseAnswered:
    """The lead answers the whole case."""
    return CaseAnswered(number, department, "solved", "属实", "已修复", "《城市供水条例》", at)


def hear(world: World, *events: Event) -> None:
    """Bring events to oversight's door as the next ones of their streams; none may be parked."""
    for event in events:
        receipt = _accept(world, event)
        assert receipt.applied, receipt.parked or "the event failed"


def _accept(world: World, event: Event) -> Receipt:
    source = "intake" if isinstance(event, GrievanceRegistered) else "routing"
    envelope = news.heard(world, "oversight", source, event)
    return Door(world.services["oversight"], CONSUMES).accept(source, [envelope])


def decide(world: World, id_: str, of: str, what: str, reason: str | None = None) -> TestResponse:
    """One supervisor (whoever `of` names) decides of a notice through the API."""
    body = None if reason is None else {"reason": reason}
    return world.client("oversight", "supervisor", of).post(f"/v1/notices/{id_}/{what}", json=body)


def publish(world: World, *ids: str) -> None:
    """One supervisor proposes that notices be published, another one confirms it."""
    for id_ in ids:
        for of, what in (("first", "publication"), ("second", "publication/confirm")):
            answer = decide(world, id_, of, what)
            assert answer.status_code == 200, answer.text


def withdraw(world: World, id_: str, reason: str) -> None:
    """One supervisor asks that a published notice be withdrawn, another one confirms it."""
    assert decide(world, id_, "first", "withdrawal", reason).status_code == 200
    assert decide(world, id_, "second", "withdrawal/confirm").status_code == 200


def waiting(world: World) -> list[str]:
    """The notices that may be published."""
    return [row.id for row in world.query("oversight", "SELECT id FROM notice WHERE publishable ORDER BY id")]


def said(world: World, dest: str) -> list[dict[str, Any]]:
    """What oversight tells a service, in order: the event's own fields and its `type`."""
    rows = world.query(
        "oversight", "SELECT type, payload FROM outbox WHERE dest = :d ORDER BY serial", d=dest
    )
    return [orjson.loads(row.payload) | {"type": row.type} for row in rows]


def states(world: World) -> dict[str, str]:
    """How each deadline of the first case stands, by department and clock."""
    rows = world.query("oversight", "SELECT id, state FROM deadline WHERE number = :n ORDER BY id", n=NUMBER)
    return {row.id.removeprefix(f"{NUMBER}."): row.state for row in rows}
