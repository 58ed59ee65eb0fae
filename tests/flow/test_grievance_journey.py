"""Whole journeys: from the counter through three services and back to the petitioner."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.oversight import cases as publication
from tests.world import World

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
DUST = {"summary": "工地扬尘严重", "text": "小区旁边的工地天天扬尘，窗户都不敢开。标记句子甲。"}
VAGUE = {"summary": "说不清的一件事", "text": "请派人来看看。"}
WRITTEN = {"facts": "工地未按规定覆盖。", "opinion": "已责令整改。", "basis": "《大气污染防治法》第六十九条"}


class County:
    """The people of the county at their screens."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.at(MONDAY)

    def register(self, **changes: Any) -> dict[str, Any]:
        answer = self.world.register(**changes)
        assert answer.status_code == 201, answer.text
        self.world.settle()
        taken: dict[str, Any] = answer.json
        return taken

    def act(self, department: str, number: str, move: str, **body: Any) -> Any:
        client = self.world.client("routing", "department", department)
        answer = client.post(f"/v1/tasks/{number}.{department}/{move}", json=body or None)
        self.world.settle()
        return answer

    def done(self, department: str, number: str, move: str, **body: Any) -> None:
        answer = self.act(department, number, move, **body)
        assert answer.status_code == 200, answer.text

    def decide(self, number: str, lead: str, *cooperating: str) -> None:
        client = self.world.client("routing", "supervisor")
        body = {"lead": lead, "cooperating": cooperating, "reason": "职责在此"}
        answer = client.post(f"/v1/triage/{number}/decision", json=body)
        assert answer.status_code == 200, answer.text
        self.world.settle()

    def later(self, **span: float) -> None:
        self.world.later(**span)
        self.world.tick()

    def track(self, taken: dict[str, Any]) -> dict[str, Any]:
        headers = {"Query-Code": taken["query_code"]}
        seen: dict[str, Any] = (
            self.world.client("intake").get(f"/v1/track/{taken['number']}", headers=headers).json
        )
        return seen

    def entries(self, department: str, number: str) -> list[str]:
        client = self.world.client("routing", "department", department)
        return [entry["what"] for entry in client.get(f"/v1/tasks/{number}.{department}").json["entries"]]

    def triage(self) -> list[tuple[str, str]]:
        waiting = self.world.client("routing", "supervisor").get("/v1/triage").json["waiting"]
        return [(each["case"]["number"], each["waits"]["code"]) for each in waiting]

    def notices(self, role: str | None = None) -> list[tuple[str, str]]:
        found = self.world.client("oversight", role).get("/v1/notices").json["notices"]
        return sorted((notice["rung"], notice["department"]) for notice in found)


@pytest.fixture
def county(world: World) -> County:
    return County(world)


def _steps(seen: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(step["what"], step["department"]) for step in seen["steps"]]


def _state(seen: dict[str, Any], clock: str, department: str) -> str:
    states = [d["state"] for d in seen["deadlines"] if (d["clock"], d["department"]) == (clock, department)]
    assert len(states) == 1, (clock, department, seen["deadlines"])
    return str(states[0])


def test_a_joint_grievance_is_answered_and_delay_is_seen_by_everyone(county: County) -> None:  # noqa: PLR0915
    # Six people come with one matter; a rule makes it the business of three departments.
    crowd = [{"name": f"住户{n}", "representative": n == 0} for n in range(6)]
    taken = county.register(**DUST, petitioners=crowd)
    number = taken["number"]
    seen = county.track(taken)
    assert (seen["status"], seen["lead"]) == ("assigned", "housing")
    assert sorted(seen["cooperating"]) == ["environment", "urban-management"]
    assert _state(seen, "forward", "centre") == "met"

    # Two accept, the lead says in public who does what; the third lets its deadline pass.
    county.done("housing", number, "accept")
    county.done("housing", number, "explain", explanation="住建局牵头，环保局监测，城管局查渣土车。")
    county.done("environment", number, "accept")
    seen = county.track(taken)
    assert seen["status"] == "accepted"
    assert _state(seen, "explanation", "housing") == _state(seen, "acceptance", "environment") == "met"
    assert ("case.explained", "housing") in _steps(seen)

    # The lead cannot answer before the others, and is told for whom it waits.
    refused = county.act("housing", number, "answer", outcome="solved", **WRITTEN)
    assert refused.status_code == 409
    assert {fault["field"] for fault in refused.json["errors"]} == {"environment", "urban-management"}
    county.done("environment", number, "answer", **WRITTEN)

    # Fifteen days pass, then three working days, then eight: each rung once, the last in public.
    county.later(days=16)
    assert county.notices("supervisor") == [("reminder", "urban-management")]
    assert _state(county.track(taken), "acceptance", "urban-management") == "missed"
    county.later(days=6)
    county.world.tick()
    assert county.notices("supervisor")[-1] == ("supervision", "urban-management")
    assert county.notices() == []
    county.later(days=8)
    county.world.tick()
    assert len(county.notices("supervisor")) == 3
    in_ledger = county.entries("urban-management", number)
    assert in_ledger[-3:] == ["notice.served"] * 3
    assert county.notices() == []  # the department has it; the public waits for two supervisors
    assert "notice.published" not in [what for what, _ in _steps(county.track(taken))]
    [waiting] = publication.waiting(county.world)
    publication.publish(county.world, waiting)
    county.world.settle()
    assert county.notices() == [("notice", "urban-management")]

    # The petitioner reads of it, and so do the department concerned and anyone who looks.
    steps = _steps(county.track(taken))
    assert ("deadline.missed", "urban-management") in steps
    assert ("notice.published", "urban-management") in steps
    in_ledger = county.entries("urban-management", number)
    assert in_ledger[-2:] == ["notice.served", "notice.published"]
    assert not any(what.startswith("notice") for what in county.entries("housing", number))
    published = county.world.client("oversight").get("/v1/notices").text
    assert "标记句子甲" not in published
    assert "住户" not in published

    # Late, but then all answer, the lead last, for the whole.
    county.done("urban-management", number, "accept")
    assert county.act("housing", number, "answer", outcome="solved", **WRITTEN).status_code == 409
    county.done("urban-management", number, "answer", **WRITTEN)
    county.done("housing", number, "answer", outcome="solved", **WRITTEN)
    seen = county.track(taken)
    assert seen["status"] == "answered"
    assert _steps(seen)[-1] == ("case.answered", "housing")
    assert _state(seen, "acceptance", "urban-management") == "late"
    assert _state(seen, "handling", "urban-management") == _state(seen, "handling", "housing") == "met"

    # Long after, nothing more is asked of anyone.
    county.later(days=90)
    assert len(county.notices("supervisor")) == 3

    # What was wrong is withdrawn by two; it leaves the list, and everyone concerned reads why.
    publication.withdraw(county.world, waiting, "协办期限起算有误，予以撤回。")
    county.world.settle()
    assert county.notices() == []
    assert county.world.client("oversight").get(f"/v1/notices/{waiting}").json["state"] == "withdrawn"
    last = county.track(taken)["steps"][-1]
    assert (last["what"], last["words"]["reason"]) == ("notice.withdrawn", "协办期限起算有误，予以撤回。")
    assert county.entries("urban-management", number)[-1] == "notice.withdrawn"


def test_a_grievance_that_no_rule_knows_finds_its_department_in_the_end(county: County) -> None:  # noqa: PLR0915
    taken = county.register(**VAGUE)
    number = taken["number"]
    assert county.track(taken)["status"] == "triage"
    assert county.triage() == [(number, "no_rule")]

    county.decide(number, "housing")
    assert county.triage() == []
    county.later(days=1)
    county.done("housing", number, "object", reason="不属于本局职责")
    assert county.triage() == [(number, "objection")]
    assert county.track(taken)["status"] == "triage"

    county.decide(number, "transport")
    seen = county.track(taken)
    assert (seen["status"], seen["lead"]) == ("assigned", "transport")
    assert county.act("housing", number, "accept").status_code in (404, 409)

    county.done("transport", number, "accept")
    county.done("transport", number, "progress", note="已到现场。")
    county.done("transport", number, "answer", outcome="explained", **WRITTEN)
    assert county.track(taken)["status"] == "answered"
    county.later(days=120)
    assert county.notices("supervisor") == []  # who was released owes nothing


def test_a_department_whose_objection_is_refused_cannot_object_again(county: County) -> None:
    number = county.register(**VAGUE)["number"]
    county.decide(number, "housing")
    county.done("housing", number, "object", reason="不属于本局职责")
    county.decide(number, "housing")
    assert county.act("housing", number, "object", reason="还是不属于").status_code == 409
    county.done("housing", number, "accept")


def test_the_accused_never_sees_an_accusation_anywhere(county: County) -> None:  # noqa: C901, PLR0915
    world = county.world
    accusation = {**DUST, "kind": "accusation", "unit": "housing", "office": "housing"}
    taken = county.register(**accusation)
    number = taken["number"]
    assert county.track(taken)["lead"] == "discipline"

    # Nobody answers, so that every deadline passes and every rung is taken.
    for _ in range(4):
        county.later(days=20)
        world.tick()
    assert ("reminder", "discipline") in county.notices("supervisor")
    assert county.notices() == []  # an accusation is never published
    assert publication.waiting(world) == []

    clients = {
        name: world.client(name, "department", "housing") for name in ("intake", "routing", "oversight")
    }
    lists = {
        "intake": ["/v1/grievances"],
        "routing": ["/v1/ledger", "/v1/ledger?state=assigned", "/v1/ledger?department=discipline"],
        "oversight": ["/v1/deadlines", f"/v1/deadlines?number={number}", "/v1/deadlines?state=missed",
                      "/v1/deadlines?department=discipline", "/v1/notices", f"/v1/notices?number={number}"],
    }  # fmt: skip
    for name, paths in lists.items():
        for path in paths:
            answer = clients[name].get(path)
            assert answer.status_code in (200, 403), (path, answer.text)
            assert number not in answer.text, path
            assert answer.status_code == 403 or answer.json["total"] == 0, path
    hidden = [("intake", f"/v1/grievances/{number}"), ("routing", f"/v1/tasks/{number}.housing"),
              ("routing", f"/v1/tasks/{number}.discipline")]  # fmt: skip
    for name, path in hidden:
        assert clients[name].get(path).status_code == 404, path
    for notice in world.client("oversight", "supervisor").get("/v1/notices").json["notices"]:
        assert clients["oversight"].get(f"/v1/notices/{notice['id']}").status_code == 404
    for name in ("intake", "routing", "oversight"):
        said = world.query(name, "SELECT type, payload FROM outbox WHERE payload LIKE '%housing%'")
        assert {row.type for row in said} <= {"grievance.registered"}, name  # which names it as the accused
    assert world.count("routing", "task", "department = 'housing'") == 0
    assert world.count("oversight", "deadline", "department = 'housing'") == 0
