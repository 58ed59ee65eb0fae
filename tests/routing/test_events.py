"""Routing's message door, on real PostgreSQL; once through the real queue."""

import time
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts import NoticePublished, NoticeServed, NoticeWithdrawn
from tests.routing.cases import DUST, NUMBER, RECEIVED, door_of, hear, said, told
from tests.shared.said import heard, registered
from tests.world import World

SERVED = NoticeServed(NUMBER, "2026-0001", "supervision", "housing", "handling", RECEIVED, RECEIVED, RECEIVED)
PUBLISHED = NoticePublished(NUMBER, "2026-0002", "notice", "housing", "handling", RECEIVED, RECEIVED)
WITHDRAWN = NoticeWithdrawn(
    NUMBER, "2026-0002", "notice", "housing", "handling", RECEIVED, "期限有误", RECEIVED
)


def test_a_grievance_that_a_rule_decides_is_assigned_and_both_readers_are_told(world: World) -> None:
    assert hear(world, "intake", registered(**DUST)).parked == {}
    assert said(world, "intake") == said(world, "oversight") == ["case.assigned"]
    [assigned] = told(world, "case.assigned")
    assert (assigned["lead"], assigned["cooperating"]) == ("housing", ["environment", "urban-management"])
    assert world.count("routing", "task") == world.count("routing", "ledger_entry") == 3


def test_a_grievance_that_no_rule_decides_waits_in_triage(world: World) -> None:
    hear(world, "intake", registered())
    assert said(world, "intake") == said(world, "oversight") == ["case.triaged"]
    assert world.count("routing", "case_file", "state = 'triage'") == 1
    assert world.count("routing", "case_file", "assigned_at IS NOT NULL") == 0


def test_no_text_of_a_grievance_leaves_routing(world: World) -> None:
    hear(world, "intake", registered(**DUST))
    dump = str(world.query("routing", "SELECT payload FROM outbox"))
    assert DUST["text"] not in dump
    assert DUST["summary"] not in dump


def test_a_notice_shows_in_the_ledger_of_the_department(world: World) -> None:
    hear(world, "intake", registered(**DUST))
    hear(world, "oversight", SERVED, PUBLISHED, WITHDRAWN)
    rows = world.query(
        "routing", "SELECT what, words FROM ledger_entry WHERE department = 'housing' ORDER BY n"
    )
    notices = ["notice.served", "notice.published", "notice.withdrawn"]
    assert [row.what for row in rows] == ["case.assigned", *notices]
    assert rows[-1].words["reason"] == "期限有误"
    assert rows[1].words == {
        "notice": "2026-0001",
        "rung": "supervision",
        "clock": "handling",
        "feedback_due_at": "2026-03-02T02:00:00+00:00",
    }


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(order=st.permutations([registered(**DUST), SERVED, PUBLISHED]))
def test_the_order_between_sources_makes_no_difference(world: World, order: list) -> None:
    world.empty()
    for event in order:
        assert hear(world, "intake" if event == registered(**DUST) else "oversight", event).parked == {}
    entries = {(row.department, row.what) for row in world.query("routing", "SELECT * FROM ledger_entry")}
    assert ("housing", "notice.served") in entries
    assert len(entries) == 5


def test_a_grievance_heard_twice_is_one_case(world: World) -> None:
    envelope, door = heard(world, "routing", "intake", registered(**DUST)), door_of(world)
    first, second = door.accept("intake", [envelope]), door.accept("intake", [envelope])
    assert first.applied == second.applied == [envelope.id]
    assert world.count("routing", "ledger_entry") == 3
    assert said(world) == ["case.assigned"]


def test_what_intake_registers_is_assigned_through_the_queue(world: World) -> None:
    number = world.register(**DUST).json["number"]
    workers = [world.worker("intake"), world.worker("routing")]
    _until(lambda: _rounds(workers) and world.count("routing", "case_file") == 1)
    assert world.query("routing", "SELECT number, lead FROM case_file") == [(number, "housing")]
    _until(lambda: _rounds(workers) and world.count("intake", "grievance", "status = 'assigned'") == 1)


def _rounds(workers: list) -> bool:
    for worker in workers:
        worker.round()
    return True


def _until(holds: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
