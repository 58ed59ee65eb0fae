"""Intake's message door: what the others say becomes what the petitioner reads."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.intake.events import CONSUMES
from shared.contracts import (
    CaseAnswered,
    CaseAssigned,
    CaseExplained,
    CaseTriaged,
    DeadlineMet,
    DeadlineMissed,
    DeadlineSet,
    Event,
    NoticePublished,
    NoticeWithdrawn,
    TaskAccepted,
)
from tests.world import World

AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


class Petitioner:
    """One who has registered, and follows."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.taken = world.register().json
        self.number = self.taken["number"]

    def hear(self, *events: Event) -> None:
        intake = self.world.services["intake"]
        with intake.transaction() as tx:
            for event in events:
                CONSUMES[type(event)](intake, tx, [event])

    def track(self) -> dict[str, Any]:
        headers = {"Query-Code": self.taken["query_code"]}
        answer = self.world.client("intake").get(f"/v1/track/{self.number}", headers=headers)
        assert answer.status_code == 200, answer.text
        seen: dict[str, Any] = answer.json
        return seen

    def assigned(self, lead: str = "housing", *cooperating: str) -> CaseAssigned:
        return CaseAssigned(self.number, "claim", lead, cooperating, "r", "r", "rules", "v", AT)


@pytest.fixture
def petitioner(world: World) -> Petitioner:
    return Petitioner(world)


def _steps(seen: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(step["what"], step["department"]) for step in seen["steps"]]


def test_a_case_in_triage_waits_for_a_person(petitioner: Petitioner) -> None:
    petitioner.hear(CaseTriaged(petitioner.number, "no_rule", AT))
    assert petitioner.track()["status"] == "triage"


def test_who_is_responsible_is_told(petitioner: Petitioner) -> None:
    petitioner.hear(petitioner.assigned("housing", "gas"))
    seen = petitioner.track()
    assert (seen["status"], seen["lead"], seen["cooperating"]) == ("assigned", "housing", ["gas"])


def test_a_new_assignment_replaces_the_one_before(petitioner: Petitioner) -> None:
    triaged = CaseTriaged(petitioner.number, "objection", AT)
    petitioner.hear(petitioner.assigned("housing", "gas"), triaged, petitioner.assigned("transport"))
    seen = petitioner.track()
    assert (seen["status"], seen["lead"], seen["cooperating"]) == ("assigned", "transport", [])


def test_the_whole_course_is_read_from_the_first_step_to_the_answer(petitioner: Petitioner) -> None:
    number = petitioner.number
    answered = CaseAnswered(number, "housing", "solved", "泵坏了", "已换", "条例", AT + timedelta(days=2))
    petitioner.hear(
        petitioner.assigned("housing", "gas"),
        TaskAccepted(number, "gas", AT + timedelta(hours=1)),
        TaskAccepted(number, "housing", AT + timedelta(hours=2)),
        CaseExplained(number, "housing", "住建牵头", AT + timedelta(hours=3)),
        answered,
    )
    seen = petitioner.track()
    assert seen["status"] == "answered"
    assert _steps(seen) == [
        ("case.assigned", "housing"),
        ("task.accepted", "gas"),
        ("task.accepted", "housing"),
        ("case.explained", "housing"),
        ("case.answered", "housing"),
    ]
    assert seen["steps"][3]["words"] == {"explanation": "住建牵头"}
    assert seen["steps"][4]["words"] == {
        "outcome": "solved", "facts": "泵坏了", "opinion": "已换", "basis": "条例"
    }  # fmt: skip


def test_a_cooperating_department_that_accepts_after_the_answer_takes_nothing_back(
    petitioner: Petitioner,
) -> None:
    answered = CaseAnswered(petitioner.number, "housing", "solved", "f", "o", "b", AT)
    petitioner.hear(petitioner.assigned(), answered, TaskAccepted(petitioner.number, "gas", AT))
    assert petitioner.track()["status"] == "answered"


@pytest.mark.parametrize(("late", "state"), [(False, "met"), (True, "late")])
def test_a_deadline_runs_and_is_met_in_time_or_late(petitioner: Petitioner, late: bool, state: str) -> None:  # noqa: FBT001
    of = (petitioner.number, f"{petitioner.number}.housing.handling", "handling", "housing", AT)
    petitioner.hear(DeadlineSet(*of, set_at=AT))
    assert [d["state"] for d in petitioner.track()["deadlines"]] == ["running"]
    petitioner.hear(DeadlineMet(*of, late=late, met_at=AT))
    assert [d["state"] for d in petitioner.track()["deadlines"]] == [state]


def test_a_missed_deadline_and_its_notice_are_read(petitioner: Petitioner) -> None:
    of = (petitioner.number, f"{petitioner.number}.housing.handling", "handling", "housing", AT)
    published = NoticePublished(petitioner.number, "2026-0001", "public", "housing", "handling", AT, AT)
    petitioner.hear(DeadlineSet(*of, set_at=AT), DeadlineMissed(*of), published)
    seen = petitioner.track()
    assert [d["state"] for d in seen["deadlines"]] == ["missed"]
    assert _steps(seen) == [("deadline.missed", "housing"), ("notice.published", "housing")]


def test_a_withdrawn_notice_is_read_with_its_reason(petitioner: Petitioner) -> None:
    of = (petitioner.number, "2026-0001", "public", "housing", "handling", AT)
    petitioner.hear(NoticePublished(*of, AT), NoticeWithdrawn(*of, "期限计算有误", AT + timedelta(days=1)))
    last = petitioner.track()["steps"][-1]
    assert (last["what"], last["words"]["reason"]) == ("notice.withdrawn", "期限计算有误")
    number, code = petitioner.number, petitioner.taken["query_code"]
    page = petitioner.world.client("intake").post("/track", data={"number": number, "code": code}).text
    assert "通报已撤回" in page and "期限计算有误" in page


def test_a_moved_deadline_shows_its_new_date(petitioner: Petitioner) -> None:
    id_ = f"{petitioner.number}.housing.handling"
    for day in (1, 2):
        due = AT + timedelta(days=day)
        petitioner.hear(DeadlineSet(petitioner.number, id_, "handling", "housing", due, set_at=AT))
    assert [d["due_at"][:10] for d in petitioner.track()["deadlines"]] == ["2026-03-04"]
