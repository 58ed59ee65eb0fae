"""Oversight's pages, as a browser without JavaScript uses them."""

import pytest
from flask.testing import FlaskClient

from tests.oversight.cases import publish, waiting
from tests.world import World

SUMMARY, TEXT = "六楼没有水", "六楼以上早晚高峰没有水，物业和水务公司互相推。"


def browser(world: World, role: str | None = None, of: str | None = None) -> FlaskClient:
    client = world.client("oversight", role, of)
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


@pytest.fixture
def late(world: World) -> str:
    """The number of a grievance that nobody took care of for two months."""
    number: str = world.register(summary=SUMMARY, text=TEXT).json["number"]
    world.settle()
    for _ in range(4):
        world.later(days=15)
        world.tick()
    return number


@pytest.fixture
def named(world: World, late: str) -> str:
    """The number of a notice about it that two supervisors published."""
    first, *_ = waiting(world)
    publish(world, first)
    return first


def lead(world: World) -> tuple[str, str]:
    """Id and Chinese name of the department that owes the only case."""
    found = world.query("oversight", "SELECT lead FROM watched")[0].lead
    return found, world.services["oversight"].county.departments[found].name.zh


@pytest.mark.parametrize(
    ("role", "path"), [(None, "/notices"), ("department", "/notices"), ("supervisor", "/dashboard")]
)
def test_supervisors_land_on_the_dashboard_and_everyone_else_on_the_notices(
    world: World, role: str | None, path: str
) -> None:
    answer = browser(world, role, "housing").get("/")
    assert (answer.status_code, answer.headers["Location"]) == (303, path)


def test_the_dashboard_opens_with_who_owes_what(world: World, late: str) -> None:
    page = browser(world, "supervisor").get("/dashboard").text
    who, name = lead(world)
    overdue = page.index("谁欠着没有办")
    assert overdue < page.index("到期不满 10 项，不排名") < page.index("每月收到")
    row = page[overdue : page.index("全部") if "全部" in page else None]
    assert name in row and SUMMARY in row and "逾期" in row
    assert f"/tasks/{late}.{who}" in row


def test_an_empty_dashboard_says_that_nothing_is_overdue(world: World) -> None:
    page = browser(world, "supervisor").get("/dashboard").text
    assert "没有逾期的事项。" in page
    assert "没有即将到期的事项。" in page


@pytest.mark.parametrize("role", ["clerk", "department"])
def test_the_dashboard_is_for_supervisors(world: World, role: str) -> None:
    assert browser(world, role, "housing").get("/dashboard").status_code == 403


def test_a_notice_names_the_department_and_no_word_of_the_grievance(
    world: World, late: str, named: str
) -> None:
    reader = browser(world)
    listed = reader.get("/notices").text
    _, name = lead(world)
    row = world.query("oversight", "SELECT basis FROM notice WHERE id = :id", id=named)[0]
    page = reader.get(f"/notices/{named}").text
    assert name in listed and name in page
    assert row.basis["zh"] in page
    for secret in (SUMMARY, TEXT, late, "何桂兰"):
        assert secret not in listed and secret not in page


def test_what_was_served_and_not_published_is_for_supervisors(world: World, late: str) -> None:
    served = world.query("oversight", "SELECT id FROM notice WHERE NOT publishable LIMIT 1")[0].id
    assert served not in browser(world).get("/notices").text
    assert browser(world).get(f"/notices/{served}").status_code == 404
    supervisor = browser(world, "supervisor")
    assert served in supervisor.get("/notices").text
    assert late in supervisor.get(f"/notices/{served}").text


def test_notices_are_filtered_by_department(world: World, named: str) -> None:
    who, _ = lead(world)
    heading = f"/notices/{named}"
    assert heading in browser(world).get(f"/notices?department={who}").text
    other = "tax" if who != "tax" else "gas"
    assert heading not in browser(world).get(f"/notices?department={other}").text


def test_a_department_sees_its_own_deadlines_only(world: World, late: str) -> None:
    who, _ = lead(world)
    assert late in browser(world, "department", who).get("/deadlines").text
    assert late not in browser(world, "department", "tax" if who != "tax" else "gas").get("/deadlines").text


def test_deadlines_are_filtered_by_how_they_stand(world: World, late: str) -> None:
    supervisor = browser(world, "supervisor")
    assert late in supervisor.get("/deadlines?state=missed").text
    assert late not in supervisor.get("/deadlines?state=late").text
    assert supervisor.get("/deadlines?state=rumour").status_code == 422
