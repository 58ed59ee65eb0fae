"""Routing's pages, as a browser without JavaScript uses them."""

import re

import pytest
from flask.testing import FlaskClient

from tests.world import World

ANSWER = {"outcome": "solved", "facts": "水泵已更换。", "opinion": "已恢复供水。", "basis": "《条例》第三条"}


def browser(world: World, role: str | None = None, of: str | None = None) -> FlaskClient:
    client = world.client("routing", role, of)
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


def waiting(world: World, **changes: str) -> str:
    """The number of a grievance that no rule is sure of."""
    matter = {"summary": "说不清的事", "text": "说来话长。"} | changes
    number: str = world.register(**matter).json["number"]
    world.settle()
    return number


def assigned(world: World, lead: str = "housing", *cooperating: str) -> str:
    """The id of the lead's task of a new grievance."""
    number = waiting(world)
    chosen = {"lead": lead, "cooperating": list(cooperating), "reason": "职责所在"}
    answer = browser(world, "supervisor").post(f"/triage/{number}", data=chosen)
    assert answer.status_code == 303, answer.text
    return f"{number}.{lead}"


@pytest.mark.parametrize(
    ("role", "of", "path"),
    [
        ("department", "housing", "/ledger"),
        ("clerk", None, "/triage"),
        ("supervisor", None, "/triage"),
        ("clerk", "hotline", "/grievances"),
    ],
)
def test_each_role_lands_where_its_work_waits(world: World, role: str, of: str | None, path: str) -> None:
    answer = browser(world, role, of).get("/")
    assert (answer.status_code, answer.headers["Location"]) == (303, path)


def test_a_case_that_waits_is_decided_on_its_page(world: World) -> None:
    number = waiting(world)
    centre = browser(world, "clerk")
    assert number in centre.get("/triage").text
    assert "说来话长。" in centre.get(f"/triage/{number}").text
    chosen = {"lead": "housing", "cooperating": ["water-supply", "market"], "reason": "职责所在"}
    answer = centre.post(f"/triage/{number}", data=chosen)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/triage?done={number}")
    tasks = {tuple(row) for row in world.query("routing", "SELECT department, role FROM task")}
    assert tasks == {("housing", "lead"), ("water-supply", "cooperating"), ("market", "cooperating")}
    assert centre.get(f"/triage/{number}").status_code == 404


@pytest.mark.parametrize(
    ("chosen", "field"),
    [
        ({"reason": "职责所在"}, "lead"),
        ({"lead": "housing", "reason": " "}, "reason"),
        ({"lead": "nobody", "reason": "职责所在"}, "lead"),
        ({"lead": "housing", "cooperating": ["housing"], "reason": "职责所在"}, "cooperating"),
    ],
)
def test_a_decision_that_cannot_stand_comes_back_as_it_was_typed(
    world: World, chosen: dict, field: str
) -> None:
    number = waiting(world)
    answer = browser(world, "clerk").post(f"/triage/{number}", data=chosen)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}"' in answer.text
    assert chosen["reason"].strip() in answer.text
    assert world.count("routing", "task") == 0


def test_an_accusation_is_not_given_to_the_accused(world: World) -> None:
    number = waiting(world, kind="accusation", unit="housing")
    lead = world.query("routing", "SELECT lead FROM case_file")[0].lead
    objection = {"reason": "不属本单位职责。"}
    assert (
        browser(world, "department", lead).post(f"/tasks/{number}.{lead}/object", data=objection).status_code
        == 303
    )
    chosen = {"lead": "housing", "reason": "职责所在"}
    assert browser(world, "supervisor").post(f"/triage/{number}", data=chosen).status_code == 422


def test_a_clerk_of_one_office_has_no_triage(world: World) -> None:
    page = browser(world, "clerk", "hotline").get("/triage")
    assert page.status_code == 403
    assert "/triage" not in page.text


def test_a_department_accepts_reports_and_answers(world: World) -> None:
    task = assigned(world)
    housing = browser(world, "department", "housing")
    assert f'href="/tasks/{task}"' in housing.get("/ledger").text
    for what, typed in (("accept", {}), ("progress", {"note": "已到现场。", "key": "k"}), ("answer", ANSWER)):
        answer = housing.post(f"/tasks/{task}/{what}", data=typed)
        assert (answer.status_code, answer.headers.get("Location")) == (303, f"/tasks/{task}?done={what}")
    page = housing.get(f"/tasks/{task}?done=answer").text
    assert all(words in page for words in ("答复已提交", "已到现场。", "水泵已更换。", "《条例》第三条"))
    assert 'action="/tasks/' not in page, "there is nothing left to do"


def test_a_note_that_is_sent_twice_is_written_once(world: World) -> None:
    task = assigned(world)
    housing = browser(world, "department", "housing")
    housing.post(f"/tasks/{task}/accept")
    key = re.findall(r'name="key" value="([^"]+)"', housing.get(f"/tasks/{task}").text)[0]
    for _ in range(2):
        assert (
            housing.post(f"/tasks/{task}/progress", data={"note": "已到现场。", "key": key}).status_code
            == 303
        )
    assert world.count("routing", "ledger_entry", "what = 'task.progressed'") == 1


def test_an_objection_goes_back_to_triage_with_its_reason(world: World) -> None:
    task = assigned(world)
    reason = "该路段属乡道，不属本局职责。"
    answer = browser(world, "department", "housing").post(f"/tasks/{task}/object", data={"reason": reason})
    assert answer.status_code == 303
    centre = browser(world, "clerk")
    number = task.partition(".")[0]
    assert "承办单位提出异议" in centre.get("/triage").text
    assert reason in centre.get(f"/triage/{number}").text


def test_after_the_time_for_objections_none_is_offered(world: World) -> None:
    task = assigned(world)
    housing = browser(world, "department", "housing")
    offered = f'action="/tasks/{task}/object"'
    assert offered in housing.get(f"/tasks/{task}").text
    world.later(days=20)
    assert offered not in housing.get(f"/tasks/{task}").text
    assert housing.post(f"/tasks/{task}/object", data={"reason": "不属本局。"}).status_code == 409


def test_an_answer_that_has_to_wait_for_others_is_kept_as_typed(world: World) -> None:
    task = assigned(world, "housing", "market")
    housing = browser(world, "department", "housing")
    housing.post(f"/tasks/{task}/accept")
    answer = housing.post(f"/tasks/{task}/answer", data=ANSWER)
    assert answer.status_code == 409
    assert "市场监督管理局" in answer.text
    assert 'href="#answer"' in answer.text and 'id="answer" open' in answer.text
    assert "水泵已更换。" in answer.text


def test_an_answer_without_its_basis_is_kept_as_typed(world: World) -> None:
    task = assigned(world)
    housing = browser(world, "department", "housing")
    housing.post(f"/tasks/{task}/accept")
    answer = housing.post(f"/tasks/{task}/answer", data=ANSWER | {"basis": ""})
    assert answer.status_code == 422
    assert 'href="#basis"' in answer.text
    assert "水泵已更换。" in answer.text


def test_the_lead_of_a_linked_case_explains_once(world: World) -> None:
    task = assigned(world, "housing", "market")
    housing = browser(world, "department", "housing")
    assert housing.post(f"/tasks/{task}/explain", data={"explanation": "本局牵头。"}).status_code == 303
    assert housing.post(f"/tasks/{task}/explain", data={"explanation": "再说一次。"}).status_code == 409


def test_another_department_finds_neither_the_task_nor_the_line(world: World) -> None:
    task = assigned(world)
    other = browser(world, "department", "market")
    assert other.get(f"/tasks/{task}").status_code == 404
    assert other.post(f"/tasks/{task}/accept").status_code == 404
    assert task not in other.get("/ledger").text


def test_what_is_no_act_is_not_found(world: World) -> None:
    task = assigned(world)
    assert browser(world, "department", "housing").post(f"/tasks/{task}/forget").status_code == 404


def test_a_supervisor_reads_any_ledger_and_acts_in_none(world: World) -> None:
    task = assigned(world)
    supervisor = browser(world, "supervisor")
    assert task in supervisor.get("/ledger?department=housing").text
    assert task not in supervisor.get("/ledger?department=market").text
    assert 'action="/tasks/' not in supervisor.get(f"/tasks/{task}").text
    assert supervisor.post(f"/tasks/{task}/accept").status_code == 403
