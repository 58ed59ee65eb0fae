"""Oversight's HTTP door, on real PostgreSQL."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from services.oversight import events
from tests.oversight.cases import (
    NUMBER,
    SECOND,
    accepted,
    after,
    assigned,
    hear,
    publish,
    registered,
    waiting,
)
from tests.world import World


def get(world: World, path: str, role: str | None = "supervisor", of: str | None = None) -> TestResponse:
    return world.client("oversight", role, of).get(f"/v1/{path}")


def read(world: World, path: str, role: str | None = "supervisor", of: str | None = None) -> Any:
    answer = get(world, path, role, of)
    assert answer.status_code == 200, answer.text
    return answer.json


@pytest.fixture
def missed(world: World) -> World:
    """A claim whose explanation went up the whole ladder, and an accusation against housing that did too."""
    world.at(after(hours=1))
    hear(world, registered(), assigned("housing"))
    hear(world, registered(SECOND, kind="accusation", unit="housing", petitioners=1))
    hear(world, assigned("housing", number=SECOND, kind="accusation", lead="discipline"))
    world.at(after(days=14, hours=1))
    events.on_tick(world.services["oversight"])
    return world


@pytest.fixture
def named(missed: World) -> World:
    """The same, after two supervisors published the notice of the claim."""
    publish(missed, *waiting(missed))
    return missed


# Notices


def test_everyone_reads_the_published_notices_and_no_others(named: World) -> None:
    found = read(named, "notices", None)
    assert (found["total"], found["page"]) == (1, 1)
    [notice] = found["notices"]
    assert (notice["number"], notice["department"], notice["rung"]) == (NUMBER, "water", "notice")
    assert notice["days_late"] == 13
    assert notice["basis"]["zh"]
    assert notice["basis"]["en"]


def test_a_published_notice_holds_no_word_of_the_grievance(named: World) -> None:
    [notice] = read(named, "notices", None)["notices"]
    assert set(notice) == {
        "id", "rung", "number", "department", "clock", "due_at", "days_late", "basis", "published",
        "published_at", "state", "decisions", "feedback_due_at", "served_at",
    }  # fmt: skip
    assert "标记" not in get(named, "notices", None).text


def test_an_accusation_shows_nowhere_in_public(named: World) -> None:
    for path in (
        "notices",
        "notices?published=false",
        f"notices?number={SECOND}",
        "notices?department=discipline",
    ):
        assert SECOND not in get(named, path, None).text
    assert read(named, f"notices?number={SECOND}")["total"] == 3
    assert read(named, f"notices?number={SECOND}&published=true")["total"] == 0


def test_asking_for_served_notices_without_a_supervisors_key_shows_published_ones(named: World) -> None:
    for role, of in ((None, None), ("department", "water"), ("clerk", None)):
        assert all(n["published"] for n in read(named, "notices?published=false", role, of)["notices"])


def test_supervisors_choose_among_all_notices(named: World) -> None:
    assert read(named, "notices")["total"] == 6
    assert read(named, "notices?rung=reminder")["total"] == 2
    assert read(named, "notices?department=water&published=false")["total"] == 2
    assert read(named, "notices?page=2")["notices"] == []


def test_one_notice_is_read_by_its_number(named: World) -> None:
    notices = read(named, "notices")["notices"]
    for notice in notices:
        assert read(named, f"notices/{notice['id']}") == notice
        public = get(named, f"notices/{notice['id']}", None)
        assert public.status_code == (200 if notice["published"] else 404)
    assert get(named, "notices/2026-9999").status_code == 404


# Deadlines


def test_a_supervisor_sees_all_deadlines_and_a_department_its_own(missed: World) -> None:
    everything = read(missed, "deadlines")
    assert everything["total"] == len(everything["deadlines"]) == 12
    own = read(missed, "deadlines", "department", "water")
    assert {deadline["department"] for deadline in own["deadlines"]} == {"water"}
    assert own["total"] == 3
    others = read(missed, "deadlines?department=housing", "department", "water")
    assert others["total"] == 0


def test_a_department_sees_nothing_of_an_accusation_against_it(missed: World) -> None:
    found = read(missed, "deadlines", "department", "housing")
    assert found["total"] == len(found["deadlines"]) == 2
    assert SECOND not in get(missed, "deadlines", "department", "housing").text
    assert read(missed, f"deadlines?number={SECOND}", "department", "housing")["total"] == 0
    assert read(missed, f"deadlines?number={SECOND}", "department", "discipline")["total"] == 3


@pytest.mark.parametrize(
    ("query", "clocks"),
    [
        ("state=missed", {"explanation"}),
        ("state=met", {"forward"}),
        ("state=running", {"acceptance"}),
        ("state=ended", {"objection"}),
        ("state=late", set()),
        ("due_before=2026-03-04T00:00:00%2B08:00", {"explanation"}),
    ],
)
def test_deadlines_are_chosen_by_state_and_date(missed: World, query: str, clocks: set[str]) -> None:
    found = read(missed, f"deadlines?number={NUMBER}&{query}")
    assert {deadline["clock"] for deadline in found["deadlines"]} == clocks


def test_deadlines_come_in_the_order_they_are_due(missed: World) -> None:
    due = [deadline["due_at"] for deadline in read(missed, "deadlines")["deadlines"]]
    assert due == sorted(due)


@pytest.mark.parametrize(
    "query", ["state=lost", "page=0", "due_before=yesterday", "due_before=2026-03-04T00:00:00"]
)
def test_a_wrong_question_is_refused(world: World, query: str) -> None:
    answer = get(world, f"deadlines?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    ("path", "role", "status"),
    [
        ("deadlines", None, 401),
        ("deadlines", "clerk", 403),
        ("dashboard", None, 401),
        ("dashboard", "clerk", 403),
        ("dashboard", "department", 403),
    ],
)
def test_only_those_who_supervise_or_owe_are_let_in(
    world: World, path: str, role: str | None, status: int
) -> None:
    of = "water" if role == "department" else None
    assert get(world, path, role, of).status_code == status


# The dashboard


def test_the_dashboard_begins_with_what_is_overdue_and_who_owes_it(missed: World) -> None:
    board = read(missed, "dashboard")
    assert next(iter(board)) == "at"
    assert board["overdue_total"] == len(board["overdue"]) == 2
    worst = board["overdue"][0]
    assert (worst["department"], worst["clock"], worst["days_late"]) == ("water", "explanation", 13) or (
        worst["department"] == "discipline"
    )
    days = [deadline["days_late"] for deadline in board["overdue"]]
    assert days == sorted(days, reverse=True)


def test_the_dashboard_shows_what_is_due_within_three_working_days(missed: World) -> None:
    board = read(missed, "dashboard")
    assert {deadline["clock"] for deadline in board["due_soon"]} == {"acceptance"}
    missed.at(after(days=5))
    assert read(missed, "dashboard")["due_soon"] == []


def test_departments_are_counted_and_small_ones_unranked(missed: World) -> None:
    board = read(missed, "dashboard")
    assert board["departments"]["ranked"] == []
    water = next(t for t in board["departments"]["unranked"] if t["department"] == "water")
    assert water == {
        "department": "water", "running": 1, "overdue": 1, "met": 0, "late": 0, "due": 1, "on_time_rate": 0.0,
    }  # fmt: skip


def test_a_department_with_ten_due_is_ranked_with_its_denominator(world: World) -> None:
    world.at(after(hours=1))
    for n in range(10):
        hear(world, registered(f"{n}-{NUMBER}"), assigned(number=f"{n}-{NUMBER}"))
        hear(world, accepted("water", after(days=1 if n else 20), number=f"{n}-{NUMBER}"))
    tallies = read(world, "dashboard")["departments"]["ranked"]
    water = next(tally for tally in tallies if tally["department"] == "water")
    assert (water["due"], water["late"], water["on_time_rate"]) == (10, 1, 0.9)


def test_what_came_in_is_counted_in_batches_and_persons(missed: World) -> None:
    board = read(missed, "dashboard")
    assert board["offices"] == [{"office": "administrative-reception", "batches": 2, "persons": 4}]
    assert board["months"] == [{"month": "2026-03", "batches": 2, "persons": 4, "answered": 0}]


def test_what_waits_for_repair_is_shown(missed: World) -> None:
    assert read(missed, "dashboard")["repair"] == {"parked": 0, "quarantined": 0, "unconfirmed": 0}
    with missed.services["oversight"].transaction() as tx:
        tx.exec_driver_sql(
            "UPDATE outbox SET created_at = now() - interval '2 minutes' WHERE dest = 'routing'"
        )
        tx.exec_driver_sql("UPDATE inbox SET status = 'parked' WHERE source = 'intake'")
    repair = read(missed, "dashboard")["repair"]
    assert (repair["parked"], repair["unconfirmed"]) == (2, 6)


def test_an_empty_county_has_an_empty_dashboard(world: World) -> None:
    board = read(world, "dashboard")
    assert (board["overdue"], board["due_soon"], board["offices"], board["months"]) == ([], [], [], [])


def test_the_api_describes_itself(world: World) -> None:
    described = world.client("oversight").get("/openapi.json").json
    assert {"/v1/deadlines", "/v1/notices", "/v1/notices/{notice_id}", "/v1/dashboard"} <= set(
        described["paths"]
    )
