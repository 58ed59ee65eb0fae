"""What the sample grievances and replies promise to those who load them."""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from marshmallow import ValidationError

from services.intake import domain, schemas
from services.routing import domain as routing
from shared import county, problems
from shared.county import terms
from shared.identity import Caller

ROOT = Path(__file__).resolve().parents[2]
COUNTY = county.load(ROOT / "deploy" / "county")
FOLDER = ROOT / "deploy" / "samples"
LINES = FOLDER.joinpath("grievances.jsonl").read_text("utf-8").splitlines()
SAMPLES: list[dict[str, Any]] = [json.loads(line) for line in LINES]
REPLIES: dict[str, list[Any]] = yaml.safe_load(FOLDER.joinpath("replies.yaml").read_text("utf-8"))

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
CLERK = Caller(key="k", held="clerk", department=None, office=None)
OUTCOMES = {"solved", "stepwise", "explained", "unreasonable"}
PEOPLE = [person for sample in SAMPLES for person in sample["petitioners"]]
NUMBERS = [person["id_number"] for person in PEOPLE if "id_number" in person]


def decided(sample: dict[str, Any]) -> routing.Assignment | routing.Triage:
    asked = ("kind", "category", "place", "unit", "summary", "text")
    return routing.decide(routing.Matter(*(sample[field] for field in asked)), COUNTY)


def share(holds: list[bool]) -> float:
    return sum(holds) / len(holds)


def test_intake_would_register_every_sample() -> None:
    for line, sample in enumerate(SAMPLES, start=1):
        try:
            domain.register(schemas.NewGrievance().load(sample), str(line), COUNTY, CLERK, NOW)
        except (ValidationError, problems.Problem) as refused:
            pytest.fail(f"line {line}: {refused} {getattr(refused, 'faults', '')}")


def test_there_are_three_hundred_and_no_two_say_the_same() -> None:
    assert len(SAMPLES) == 300
    assert len({sample["text"] for sample in SAMPLES}) == 300
    assert len({sample["summary"] for sample in SAMPLES}) == 300


def test_texts_are_long_enough_to_be_lifelike_and_short_enough_to_read() -> None:
    assert all(60 <= len(sample["text"]) <= 400 for sample in SAMPLES)
    assert all(4 <= len(sample["summary"]) <= 60 for sample in SAMPLES)


def test_seven_in_ten_are_claims_and_the_rest_is_shared_evenly() -> None:
    kinds = Counter(sample["kind"] for sample in SAMPLES)
    assert kinds["claim"] == 210
    assert kinds["suggestion"] == kinds["inquiry"] == kinds["accusation"] == 30


def test_most_accusations_name_a_unit() -> None:
    assert share([bool(sample["unit"]) for sample in SAMPLES if sample["kind"] == "accusation"]) > 0.8


def test_some_have_no_category_and_some_no_place() -> None:
    assert 0.35 < share([sample["category"] is None for sample in SAMPLES]) < 0.45
    assert share([sample["place"] is None for sample in SAMPLES]) < 0.3


def test_a_tenth_or_more_are_joint_and_many_never_send_more_than_five_to_speak() -> None:
    joint = [sample["petitioners"] for sample in SAMPLES if len(sample["petitioners"]) > 1]
    assert 0.1 < len(joint) / len(SAMPLES) < 0.2
    assert max(map(len, joint)) <= 12
    for petitioners in joint:
        assert 1 <= sum(person["representative"] for person in petitioners) <= domain.MOST_REPRESENTATIVES


def test_some_wait_for_a_person_and_some_need_several_departments() -> None:
    decisions = [decided(sample) for sample in SAMPLES]
    assert 0.08 < share([isinstance(decision, routing.Triage) for decision in decisions]) < 0.2
    linked = [
        isinstance(decision, routing.Assignment) and bool(decision.cooperating) for decision in decisions
    ]
    assert share(linked) > 0.12


def test_no_accusation_is_led_by_the_accused() -> None:
    accusations = [sample for sample in SAMPLES if sample["kind"] == "accusation"]
    for accusation in accusations:
        decision = decided(accusation)
        assert isinstance(decision, routing.Assignment)
        assert accusation["unit"] not in (decision.lead, *decision.cooperating)


def test_only_the_hotline_and_other_calls_have_an_urgency() -> None:
    assert all((sample["channel"] == "phone") == bool(sample["urgency"]) for sample in SAMPLES)


def test_every_office_channel_urgency_and_township_has_some() -> None:
    assert {sample["office"] for sample in SAMPLES} == set(COUNTY.offices)
    assert {sample["channel"] for sample in SAMPLES} == set(terms.CHANNELS)
    assert {sample["urgency"] for sample in SAMPLES} == {None, *terms.URGENCIES}
    townships = Counter(COUNTY.places[sample["place"]].township for sample in SAMPLES if sample["place"])
    assert set(townships) == {place.township for place in COUNTY.places.values()}
    assert min(townships.values()) >= 8


def test_a_station_takes_in_what_happened_in_its_own_township() -> None:
    for sample in SAMPLES:
        office = COUNTY.offices[sample["office"]]
        if office.place and sample["place"]:
            assert COUNTY.places[office.place].township == COUNTY.places[sample["place"]].township


def test_a_person_keeps_one_phone_that_nobody_has() -> None:
    assert all(re.fullmatch(r"1990000\d{4}", person["phone"]) for person in PEOPLE)
    assert len({(person["name"], person["phone"]) for person in PEOPLE}) == len({p["phone"] for p in PEOPLE})


def test_some_come_again() -> None:
    came = Counter(person["name"] for person in PEOPLE)
    assert sum(times > 1 for times in came.values()) >= 20


def test_identity_numbers_belong_to_no_real_district() -> None:
    assert 0.1 < len(NUMBERS) / len(PEOPLE) < 0.2
    assert all(number.startswith("999") for number in NUMBERS)
    assert len(NUMBERS) == len({person["name"] for person in PEOPLE if "id_number" in person})


def test_there_are_replies_for_every_outcome_and_step() -> None:
    assert len(REPLIES["progress"]) >= 15
    assert len(REPLIES["answers"]) >= 25
    assert len(REPLIES["objections"]) >= 10
    assert len(REPLIES["explanations"]) >= 10
    assert {answer["outcome"] for answer in REPLIES["answers"]} == OUTCOMES


def test_an_answer_says_facts_opinion_and_basis() -> None:
    for answer in REPLIES["answers"]:
        assert set(answer) == {"outcome", "facts", "opinion", "basis"}
        assert all(isinstance(words, str) and words for words in answer.values())


def test_no_reply_is_given_twice() -> None:
    for part in ("progress", "objections", "explanations"):
        assert len(set(REPLIES[part])) == len(REPLIES[part])
    assert len({answer["opinion"] for answer in REPLIES["answers"]}) == len(REPLIES["answers"])


@pytest.mark.parametrize("explanation", REPLIES["explanations"])
def test_an_explanation_names_the_lead_and_who_joins(explanation: str) -> None:
    said = explanation.format(lead="住房和城乡建设局", cooperating="生态环境局")
    assert "住房和城乡建设局" in said
    assert "生态环境局" in said
