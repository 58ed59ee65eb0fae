"""Routing's HTTP door, on real PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared import numbers
from tests.routing.cases import DIRECTORY, DUST, NUMBER, hear, said, told
from tests.shared.said import registered
from tests.world import World

REASON = {"reason": "不属于本单位职责，应由城管局办理"}
PART = {"facts": "现场核查，围挡未喷淋。", "opinion": "责令整改。", "basis": "《大气污染防治法》第六十九条"}
WHOLE = {"outcome": "solved", **PART}
SECOND = numbers.make(2026, 2)


def post(world: World, department: str, move: str, body: Any = None, **options: Any) -> TestResponse:
    """A department makes a move with its task in the first case."""
    client = world.client("routing", "department", department)
    path = f"/v1/tasks/{NUMBER}.{department}/{move}"
    return client.post(path, json=body, **options) if body is not None else client.post(path, **options)


def decide(world: World, number: str = NUMBER, **decision: Any) -> TestResponse:
    """The centre decides a case in triage."""
    path, body = f"/v1/triage/{number}/decision", {"reason": "经研判"} | decision
    return world.client("routing", "clerk").post(path, json=body)


def read(world: World, department: str, number: str = NUMBER) -> TestResponse:
    """A department reads its task."""
    return world.client("routing", "department", department).get(f"/v1/tasks/{number}.{department}")


@pytest.fixture
def linked(world: World) -> World:
    """A case that housing leads, with environment and urban management beside it."""
    hear(world, "intake", registered(**DUST))
    return world


# Triage


def test_the_centre_sees_why_a_case_waits_and_whom_it_might_think_of(world: World) -> None:
    hear(world, "intake", registered(place="taohua"))
    queue = world.client("routing", "clerk").get("/v1/triage")
    assert queue.status_code == 200, queue.text
    [waiting] = queue.json["waiting"]
    assert (waiting["case"]["number"], waiting["waits"]["code"]) == (NUMBER, "no_rule")
    assert waiting["waits"]["zh"]
    assert waiting["waits"]["en"]
    suggested = {each["department"] for each in waiting["suggestions"]}
    assert DIRECTORY.places["taohua"].department in suggested


def test_the_centre_decides_and_intake_and_oversight_are_told(world: World) -> None:
    hear(world, "intake", registered())
    answer = decide(world, lead="urban-management", cooperating=["police"])
    assert answer.status_code == 200, answer.text
    assert (answer.json["state"], answer.json["lead"]) == ("assigned", "urban-management")
    assert answer.json["reason"] == {"zh": "经研判", "en": "经研判"}
    assert world.client("routing", "clerk").get("/v1/triage").json["total"] == 0
    assert said(world, "intake") == ["case.triaged", "case.assigned"]
    [assigned] = told(world, "case.assigned")
    assert (assigned["rule"], assigned["cooperating"]) == ("person", ["police"])


def test_supervisors_decide_too_but_a_clerk_of_one_office_and_a_department_do_not(world: World) -> None:
    assert world.client("routing", "supervisor").get("/v1/triage").status_code == 200
    assert world.client("routing", "clerk", "hotline").get("/v1/triage").status_code == 403
    assert world.client("routing", "department", "housing").get("/v1/triage").status_code == 403
    assert world.client("routing").get("/v1/triage").status_code == 401
    hear(world, "intake", registered())
    path, body = f"/v1/triage/{NUMBER}/decision", {"lead": "housing", "reason": "经研判"}
    assert world.client("routing", "clerk", "hotline").post(path, json=body).status_code == 403


def test_a_case_is_decided_once(world: World) -> None:
    hear(world, "intake", registered())
    assert decide(world, lead="housing").status_code == 200
    again = decide(world, lead="housing")
    assert (again.status_code, again.content_type) == (409, "application/problem+json")
    assert said(world, "intake") == ["case.triaged", "case.assigned"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lead": "nobody"}, "lead"),
        ({"lead": 7}, "lead"),
        ({"cooperating": ["housing"]}, "cooperating"),
        ({"cooperating": ["nobody"]}, "cooperating"),
        ({"cooperating": "market"}, "cooperating"),
        ({"reason": "  "}, "reason"),
        ({"reason": None}, "reason"),
        ({"extra": 1}, "extra"),
    ],
)
def test_what_is_wrong_with_a_decision_is_named(world: World, changes: dict, field: str) -> None:
    hear(world, "intake", registered())
    answer = decide(world, **{"lead": "housing"} | changes)
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json["errors"]]
    assert world.count("routing", "task") == 0


def test_an_unknown_number_and_one_with_a_wrong_check_digit_are_told_apart(world: World) -> None:
    assert decide(world, number=SECOND, lead="housing").status_code == 404
    wrong = SECOND[:-1] + str((int(SECOND[-1]) + 1) % 10)
    assert decide(world, number=wrong, lead="housing").status_code == 400


# The whole course


COURSE: tuple[tuple[str, str, Any], ...] = (
    ("housing", "accept", None),
    ("environment", "accept", None),
    ("urban-management", "accept", None),
    ("housing", "explain", {"explanation": "住建牵头，环保、城管协办。"}),
    ("environment", "progress", {"note": "已监测"}),
    ("environment", "answer", PART),
    ("urban-management", "answer", PART),
    ("housing", "answer", WHOLE),
)


def test_a_linked_case_goes_from_assignment_to_the_answer(linked: World) -> None:
    for department, move, body in COURSE:
        assert post(linked, department, move, body).status_code == 200, move
    assert read(linked, "housing").json["case"]["state"] == "answered"
    assert said(linked, "oversight") == [
        "case.assigned",
        *["task.accepted"] * 3,
        "case.explained",
        "task.progressed",
        *["task.answered"] * 3,
        "case.answered",
    ]
    [closing] = told(linked, "case.answered")
    assert (closing["outcome"], closing["basis"]) == ("solved", PART["basis"])
    entries = read(linked, "housing").json["entries"]
    assert [entry["what"] for entry in entries] == [
        "case.assigned",
        "task.accepted",
        "case.explained",
        "task.answered",
    ]
    assert entries[-1]["words"]["claim"] == DUST["summary"]


def test_the_lead_cannot_answer_before_the_others_and_is_told_whom_it_waits_for(linked: World) -> None:
    for department, move, body in COURSE[:-2]:
        post(linked, department, move, body)
    early = post(linked, "housing", "answer", WHOLE)
    assert early.status_code == 409
    assert [error["field"] for error in early.json["errors"]] == ["urban-management"]
    assert linked.count("routing", "case_file", "state = 'assigned'") == 1


def test_a_repeated_move_is_a_conflict_and_changes_nothing(linked: World) -> None:
    assert post(linked, "housing", "accept").status_code == 200
    assert post(linked, "housing", "accept").status_code == 409
    assert post(linked, "housing", "object", REASON).status_code == 409
    assert said(linked) == ["case.assigned", "task.accepted"]
    assert linked.count("routing", "ledger_entry", "department = 'housing'") == 2


def test_of_two_requests_at_once_one_moves_the_task(linked: World) -> None:
    linked.client("routing", "department", "housing")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: post(linked, "housing", "accept").status_code, range(4)))
    assert sorted(answers) == [200, 409, 409, 409]
    assert said(linked) == ["case.assigned", "task.accepted"]


def test_a_progress_note_with_a_key_is_written_once(linked: World) -> None:
    post(linked, "housing", "accept")
    headers = {"Idempotency-Key": "n1"}
    first = post(linked, "housing", "progress", {"note": "已约谈施工方"}, headers=headers)
    second = post(linked, "housing", "progress", {"note": "已约谈施工方"}, headers=headers)
    assert (first.status_code, second.status_code) == (200, 200)
    assert len(second.json["entries"]) == len(first.json["entries"]) == 3
    assert said(linked).count("task.progressed") == 1
    assert post(linked, "housing", "progress", {"note": "另一条"}, headers=headers).status_code == 422
    for _ in range(2):
        post(linked, "housing", "progress", {"note": "没有键"})
    assert said(linked).count("task.progressed") == 3


@pytest.mark.parametrize(
    ("move", "body", "field"),
    [
        ("object", {}, "reason"),
        ("object", {"reason": " "}, "reason"),
        ("progress", {"note": "坏\x00字"}, "note"),
        ("explain", {"explanation": "长" * 2001}, "explanation"),
        ("answer", PART | {"basis": ""}, "basis"),
        ("answer", {"facts": "甲", "opinion": "乙"}, "basis"),
        ("answer", WHOLE | {"outcome": "closed"}, "outcome"),
        ("answer", WHOLE | {"mood": "good"}, "mood"),
    ],
)
def test_what_is_wrong_with_a_move_is_named(linked: World, move: str, body: dict, field: str) -> None:
    answer = post(linked, "housing", move, body)
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json["errors"]]


def test_a_lead_without_outcome_is_refused(world: World) -> None:
    hear(world, "intake", registered())
    decide(world, lead="housing")
    post(world, "housing", "accept")
    answer = post(world, "housing", "answer", PART)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json["errors"]] == ["outcome"]
    assert post(world, "housing", "answer", WHOLE).status_code == 200


# Objections


def test_an_objection_goes_to_triage_and_is_decided_there(linked: World) -> None:
    objected = post(linked, "housing", "object", REASON)
    assert (objected.json["state"], objected.json["case"]["state"]) == ("objected", "triage")
    [waiting] = linked.client("routing", "clerk").get("/v1/triage").json["waiting"]
    assert waiting["waits"]["code"] == "objection"
    parts = {part["department"]: part for part in waiting["case"]["tasks"]}
    assert parts["housing"]["objection"] == REASON["reason"]
    answer = decide(linked, lead="urban-management", cooperating=["environment", "transport"])
    assert answer.json["handovers"] == 1
    assert said(linked)[1:] == ["task.objected", "case.triaged", "task.withdrawn", "case.assigned"]
    assert read(linked, "housing").json["state"] == "withdrawn"
    assert read(linked, "transport").json["role"] == "cooperating"
    assert post(linked, "housing", "accept").status_code == 409


def test_a_designated_department_cannot_object_again(linked: World) -> None:
    post(linked, "environment", "object", REASON)
    decide(linked, lead="housing", cooperating=["environment", "urban-management"])
    assert said(linked)[1:] == ["task.objected", "case.triaged", "task.designated", "case.assigned"]
    seen = read(linked, "environment").json
    assert (seen["state"], seen["may"]) == ("designated", ["accept"])
    assert post(linked, "environment", "object", REASON).status_code == 409
    assert post(linked, "environment", "accept").status_code == 200


def test_an_objection_comes_too_late_after_five_working_days(linked: World) -> None:
    until = read(linked, "housing").json["objection_until"]
    assert until
    linked.later(days=20)
    late = post(linked, "housing", "object", REASON)
    assert late.status_code == 409
    assert "23:59" in late.json["detail"]  # of the county's own time
    assert post(linked, "housing", "accept").status_code == 200


def test_others_go_on_while_an_objection_waits_but_the_lead_cannot_close(linked: World) -> None:
    post(linked, "environment", "object", REASON)
    for department in ("housing", "urban-management"):
        assert post(linked, department, "accept").status_code == 200
    assert post(linked, "urban-management", "answer", PART).status_code == 200
    early = post(linked, "housing", "answer", WHOLE)
    assert [error["field"] for error in early.json["errors"]] == ["environment"]


# Ledgers and who sees them


def test_a_department_lists_its_own_tasks_only(linked: World) -> None:
    hear(linked, "intake", registered(number=SECOND))
    decide(linked, number=SECOND, lead="market")
    mine = linked.client("routing", "department", "market").get("/v1/ledger").json
    assert mine["total"] == 1
    assert mine["tasks"][0]["id"] == f"{SECOND}.market"
    assert mine["tasks"][0]["entries"] == 1
    assert mine["tasks"][0]["last"]["what"] == "case.assigned"
    others = linked.client("routing", "department", "market").get("/v1/ledger?department=housing").json
    assert (others["total"], others["tasks"]) == (0, [])


def test_a_ledger_is_filtered_by_state(linked: World) -> None:
    client = linked.client("routing", "department", "housing")
    post(linked, "housing", "accept")
    assert client.get("/v1/ledger?state=accepted").json["total"] == 1
    assert client.get("/v1/ledger?state=assigned").json["total"] == 0
    assert client.get("/v1/ledger?state=asleep").status_code == 422
    assert client.get("/v1/ledger?page=0").status_code == 422


def test_a_supervisor_reads_any_ledger_and_moves_nothing(linked: World) -> None:
    client = linked.client("routing", "supervisor")
    assert client.get("/v1/ledger").json["total"] == 3
    assert client.get("/v1/ledger?department=environment").json["total"] == 1
    assert client.get(f"/v1/tasks/{NUMBER}.environment").status_code == 200
    assert client.post(f"/v1/tasks/{NUMBER}.environment/accept").status_code == 403


def test_another_departments_task_is_not_found(linked: World) -> None:
    client = linked.client("routing", "department", "market")
    assert client.get(f"/v1/tasks/{NUMBER}.housing").status_code == 404
    assert client.post(f"/v1/tasks/{NUMBER}.housing/accept").status_code == 404
    assert client.get(f"/v1/tasks/{NUMBER}.market").status_code == 404
    assert client.get(f"/v1/tasks/{SECOND}.market").status_code == 404
    assert client.get("/v1/tasks/nonsense").status_code == 400


def test_a_department_cannot_see_a_case_that_accuses_it(world: World) -> None:
    hear(world, "intake", registered(kind="accusation", unit="housing"))
    accused = world.client("routing", "department", "housing")
    assert world.query("routing", "SELECT lead FROM case_file") == [("discipline",)]
    # Even if a wrong row stood in the database:
    world.query("routing", "UPDATE task SET department = 'housing' RETURNING number")
    assert accused.get("/v1/ledger").json == {"total": 0, "page": 1, "tasks": []}
    assert accused.get(f"/v1/tasks/{NUMBER}.housing").status_code == 404
    assert accused.post(f"/v1/tasks/{NUMBER}.housing/accept").status_code == 404


def test_no_decision_gives_an_accusation_to_the_accused(world: World) -> None:
    hear(world, "intake", registered(kind="accusation", unit="housing"))
    world.client("routing", "department", "discipline").post(
        f"/v1/tasks/{NUMBER}.discipline/object", json=REASON
    )
    for decision in ({"lead": "housing"}, {"lead": "discipline", "cooperating": ["housing"]}):
        answer = decide(world, **decision)
        assert answer.status_code == 422
        assert "检举" in answer.json["errors"][0]["reason"]
    assert decide(world, lead="supervision").status_code == 200


def test_the_centres_clerks_do_not_see_an_accusation_against_the_centre(world: World) -> None:
    hear(world, "intake", registered(kind="accusation", unit="centre"))
    world.client("routing", "department", "discipline").post(
        f"/v1/tasks/{NUMBER}.discipline/object", json=REASON
    )
    assert world.client("routing", "clerk").get("/v1/triage").json["total"] == 0
    assert decide(world, lead="supervision").status_code == 404
    assert world.client("routing", "supervisor").get("/v1/triage").json["total"] == 1


def test_a_task_shows_the_matter_and_never_a_person(linked: World) -> None:
    seen = read(linked, "housing").json
    assert seen["case"]["text"] == DUST["text"]
    assert seen["case"]["petitioners"] == 1
    assert seen["case"]["reason"]["en"]
    assert seen["case"]["words"] == ["扬尘"]
    assert seen["may"] == ["accept", "object", "explain"]


def test_the_api_describes_itself(world: World) -> None:
    described = world.client("routing").get("/openapi.json").json
    assert {"/v1/triage", "/v1/ledger", "/v1/tasks/{task_id}/answer"} <= set(described["paths"])
