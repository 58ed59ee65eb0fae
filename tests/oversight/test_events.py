"""Oversight's message door and its tick: news and time become deadlines, misses and notices."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime

import pytest

from services.oversight import events
from shared.contracts import (
    CaseExplained,
    CaseTriaged,
    Event,
    TaskAnswered,
    TaskDesignated,
    TaskObjected,
    TaskProgressed,
    TaskWithdrawn,
)
from shared.county.model import Year
from shared.service import Service
from tests.oversight.cases import (
    MONDAY,
    NUMBER,
    SECOND,
    accepted,
    after,
    assigned,
    case_answered,
    hear,
    local,
    registered,
    said,
    states,
    waiting,
)
from tests.world import World


def tick_at(world: World, *moments: datetime) -> None:
    for moment in moments:
        world.at(moment)
        events.on_tick(world.services["oversight"])


@pytest.fixture
def linked(world: World) -> World:
    """A case that water leads, with housing beside it."""
    world.at(after(hours=1))
    hear(world, registered(), assigned("housing"))
    return world


# News


def test_the_petitioner_is_told_what_is_due_and_what_was_kept(linked: World) -> None:
    told = [(event["type"], event["department"], event["clock"]) for event in said(linked, "intake")]
    assert told[0] == ("deadline.set", "centre", "forward")
    assert sorted(told[1:]) == [
        ("deadline.met", "centre", "forward"),
        ("deadline.set", "housing", "acceptance"),
        ("deadline.set", "water", "acceptance"),
        ("deadline.set", "water", "explanation"),
    ]
    assert said(linked, "routing") == []


def test_a_whole_case_is_followed_to_its_answer(linked: World) -> None:
    hear(linked, CaseExplained(NUMBER, "water", "自来水公司牵头，住建局配合。", after(hours=2)))
    hear(linked, accepted("water", after(days=1)), accepted("housing", after(days=2)))
    hear(linked, TaskProgressed(NUMBER, "water", "已现场查看", after(days=3)))
    hear(linked, TaskAnswered(NUMBER, "housing", after(days=5)), TaskAnswered(NUMBER, "water", after(days=6)))
    hear(linked, case_answered(after(days=6)))
    assert set(states(linked).values()) == {"met"}
    assert linked.count("oversight", "milestone") == 11
    [case] = linked.query("oversight", "SELECT answered_at, outcome FROM watched")
    assert tuple(case) == (after(days=6), "solved")


def test_assignment_may_be_heard_before_registration(world: World) -> None:
    hear(world, CaseTriaged(NUMBER, "no rule", MONDAY), assigned("housing"))
    assert (world.count("oversight", "watched"), states(world), said(world, "intake")) == (1, {}, [])
    hear(world, registered())
    assert states(world)["centre.forward"] == "met"
    assert states(world)["water.explanation"] == "running"


ROUTED: list[Event] = [
    assigned("housing"),
    accepted("water", after(days=1)),
    TaskObjected(NUMBER, "housing", "不属于本单位职责", after(days=2)),
    TaskWithdrawn(NUMBER, "housing", "另行交办", after(days=3)),
    assigned("power", assigned_at=after(days=3)),
    TaskObjected(NUMBER, "power", "不属于本单位职责", after(days=4)),
    TaskDesignated(NUMBER, "power", "由你单位办理", after(days=5)),
]


@pytest.mark.parametrize("place", range(1, len(ROUTED) + 1))
def test_the_deadlines_are_the_same_wherever_registration_comes_in(world: World, place: int) -> None:
    world.at(after(days=6))
    hear(world, *ROUTED[:place], registered(), *ROUTED[place:])
    kept = "SELECT id, started_at, due_at, ended_at, state FROM deadline ORDER BY id"
    found = world.query("oversight", kept)
    world.empty()
    world.at(after(days=6))
    hear(world, registered(), *ROUTED)
    assert world.query("oversight", kept) == found
    assert states(world)["power.acceptance"] == "running"
    assert states(world)["housing.objection"] == "met"


def test_a_refused_objection_moves_the_clock_back_to_running_for_the_petitioner(linked: World) -> None:
    hear(linked, TaskObjected(NUMBER, "housing", "不属于本单位职责", after(days=1)))
    hear(linked, TaskDesignated(NUMBER, "housing", "由你单位办理", after(days=4)))
    of_housing = [event for event in said(linked, "intake") if event["department"] == "housing"]
    assert [event["type"] for event in of_housing] == ["deadline.set", "deadline.met", "deadline.set"]
    assert of_housing[0]["due_at"] == of_housing[2]["due_at"]


def test_news_of_a_grievance_carries_none_of_its_words(linked: World) -> None:
    tick_at(linked, after(days=60))
    for table in ("outbox", "notice", "deadline", "milestone"):
        assert "标记" not in str(linked.query("oversight", f"SELECT t::text FROM {table} t"))


def test_the_text_of_a_grievance_is_not_kept_here(linked: World) -> None:
    assert "标记正文" not in str(linked.query("oversight", "SELECT t::text FROM watched t"))


# Time


def test_a_missed_deadline_is_told_once_and_reminded_once(linked: World) -> None:
    tick_at(linked, after(days=1), after(days=1, hours=13))  # due at the end of Tuesday
    assert said(linked, "routing") == []
    tick_at(linked, after(days=2), after(days=2, seconds=1), after(days=2, hours=1))
    assert states(linked)["water.explanation"] == "missed"
    [missed] = [event for event in said(linked, "intake") if event["type"] == "deadline.missed"]
    assert (missed["department"], missed["clock"]) == ("water", "explanation")
    [notice] = said(linked, "routing")
    assert (notice["type"], notice["rung"], notice["notice"]) == ("notice.served", "reminder", "2026-0001")


def test_the_ladder_ends_in_a_notice_that_waits_for_two_persons(linked: World) -> None:
    tick_at(linked, *(after(days=day) for day in range(1, 16)))
    of_explanation = [event for event in said(linked, "routing") if event["clock"] == "explanation"]
    assert [(event["type"], event["rung"]) for event in of_explanation] == [
        ("notice.served", "reminder"),
        ("notice.served", "supervision"),
        ("notice.served", "notice"),
    ]
    assert of_explanation[1]["feedback_due_at"] is not None
    assert waiting(linked) == [of_explanation[2]["notice"]]
    assert not any(event["type"].startswith("notice") for event in said(linked, "intake"))


def test_a_missed_accusation_is_never_published(world: World) -> None:
    world.at(after(hours=1))
    hear(world, registered(kind="accusation", unit="housing"))
    hear(world, assigned(kind="accusation", lead="discipline"))
    tick_at(world, after(days=60))
    rungs = [(event["type"], event["rung"]) for event in said(world, "routing")]
    assert rungs == [
        ("notice.served", "reminder"),
        ("notice.served", "supervision"),
        ("notice.served", "notice"),
    ]
    assert world.count("oversight", "notice", "published OR publishable") == 0


def test_a_met_deadline_is_never_escalated(linked: World) -> None:
    hear(linked, CaseExplained(NUMBER, "water", "说明", after(hours=2)))
    hear(linked, accepted("water", after(days=1)), accepted("housing", after(days=1)))
    hear(linked, TaskAnswered(NUMBER, "housing", after(days=5)), TaskAnswered(NUMBER, "water", after(days=6)))
    tick_at(linked, after(days=30), after(days=300))
    assert (linked.count("oversight", "notice"), set(states(linked).values())) == (0, {"met"})


def test_what_is_done_late_stops_the_ladder_where_it_stands(linked: World) -> None:
    tick_at(linked, after(days=2))
    hear(linked, CaseExplained(NUMBER, "water", "说明", after(days=3)))
    tick_at(linked, after(days=14))
    assert [event["rung"] for event in said(linked, "routing")] == ["reminder"]
    assert states(linked)["water.explanation"] == "late"
    assert linked.count("oversight", "deadline", "state = 'late' AND missed_at IS NOT NULL") == 1


def test_news_that_was_held_up_puts_a_miss_right(linked: World) -> None:
    tick_at(linked, after(days=2))
    hear(linked, CaseExplained(NUMBER, "water", "说明", after(hours=3)))
    assert states(linked)["water.explanation"] == "met"
    assert said(linked, "intake")[-1] | {"late": False} == said(linked, "intake")[-1]
    assert linked.count("oversight", "deadline", "missed_at IS NOT NULL") == 0


def test_a_department_that_is_assigned_again_can_be_held_to_it_again(linked: World) -> None:
    tick_at(linked, after(days=60))
    before = linked.count("oversight", "notice", "deadline LIKE '%.housing.acceptance'")
    hear(linked, TaskWithdrawn(NUMBER, "housing", "另行交办", after(days=61)))
    hear(linked, assigned("housing", assigned_at=after(days=70)))
    tick_at(linked, after(days=71), after(days=140))
    assert before == 3
    assert linked.count("oversight", "notice", "deadline LIKE '%.housing.acceptance'") == 6


def test_workers_side_by_side_take_each_rung_once(world: World) -> None:
    world.at(after(hours=1))
    for n in range(30):
        hear(world, registered(f"{n}-{SECOND}"), assigned("housing", number=f"{n}-{SECOND}"))
    world.at(after(days=60))
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(events.on_tick, [world.services["oversight"]] * 6))
    assert world.count("oversight", "notice") == 30 * 3 * 3  # two acceptances and an explanation each
    assert world.count("oversight", "outbox", "type = 'deadline.missed'") == 30 * 3
    doubles = "SELECT 1 FROM notice GROUP BY deadline, rung HAVING count(*) > 1"
    assert world.query("oversight", doubles) == []


def test_news_and_time_never_wait_for_each_other_in_a_circle(world: World) -> None:
    numbers = [f"{n:02}-{SECOND}" for n in range(40)]
    world.at(after(hours=1))
    hear(world, *(event for n in numbers for event in (registered(n), assigned("housing", number=n))))
    world.at(after(days=60))
    service = world.services["oversight"]

    def answer_all() -> None:
        with service.transaction() as tx:
            events.on_task_accepted(service, tx, [accepted("water", after(days=2), n) for n in numbers])

    with ThreadPoolExecutor(3) as pool:
        work = [pool.submit(answer_all), *(pool.submit(events.on_tick, service) for _ in range(6))]
        for done in work:
            done.result()
    events.on_tick(service)
    assert (
        world.count(
            "oversight", "deadline", "clock = 'acceptance' AND department = 'water' AND state = 'met'"
        )
        == 40
    )
    assert world.count("oversight", "deadline", "clock = 'explanation' AND state = 'missed'") == 40


def test_a_tick_with_nothing_to_do_says_nothing(linked: World) -> None:
    before = len(said(linked, "intake"))
    tick_at(linked, after(hours=2), after(hours=3))
    assert len(said(linked, "intake")) == before


# A new county directory


def with_holiday(service: Service, *days: date) -> Service:
    """The service after a notice of the State Council that makes these days holidays."""
    year = service.county.years[2026]
    years = {
        **service.county.years,
        2026: Year(year.off | {*days}, year.worked, year.source, provisional=False),
    }
    return replace(
        service,
        county=replace(service.county, years=years, version="next"),
        calendar=replace(service.calendar, years=years),
    )


def test_a_new_calendar_moves_open_deadlines_and_keeps_the_former_date(linked: World) -> None:
    hear(linked, accepted("housing", after(hours=2)))
    service = with_holiday(linked.services["oversight"], date(2026, 3, 3))
    for _ in range(2):
        events.on_tick(service)
    [change] = linked.query("oversight", "SELECT * FROM deadline_change WHERE deadline LIKE '%explanation'")
    assert (change.former_due_at, change.due_at) == (local(3, 3), local(3, 4))
    assert (change.reason, change.county_version) == ("county.changed", "next")
    told = [event for event in said(linked, "intake") if event["clock"] == "explanation"]
    assert [event["type"] for event in told] == ["deadline.set", "deadline.set"]
    assert linked.count("oversight", "deadline", "state = 'running' AND county_version <> 'next'") == 0
    met = "SELECT due_at FROM deadline WHERE id LIKE '%housing.objection'"
    assert linked.query("oversight", met)[0].due_at == local(3, 9)  # closed: judged by the rules of its day


def test_a_deadline_that_a_new_calendar_moves_into_the_future_is_missed_no_more(linked: World) -> None:
    tick_at(linked, after(days=2))
    assert states(linked)["water.explanation"] == "missed"
    service = with_holiday(linked.services["oversight"], *(date(2026, 3, day) for day in range(3, 7)))
    events.on_tick(service)
    assert states(linked)["water.explanation"] == "running"
    linked.at(after(days=9))
    events.on_tick(service)
    assert states(linked)["water.explanation"] == "missed"
    reminders = "clock = 'explanation' AND rung = 'reminder'"
    assert linked.count("oversight", "notice", reminders) == 1  # once per cause


def test_a_new_rung_of_the_ladder_is_taken_for_what_is_already_missed(linked: World) -> None:
    tick_at(linked, after(days=60))
    service = linked.services["oversight"]
    talk = replace(service.county.ladder[-1], id="interview")
    county = replace(service.county, ladder=(*service.county.ladder, talk), version="next")
    events.on_tick(replace(service, county=county))
    assert linked.count("oversight", "notice", "rung = 'interview'") == 3
