"""What a grievance is, who may register one, and what its petitioner may see."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake import domain
from services.intake.domain import NewGrievance, Petitioner
from shared import county, numbers, wire
from shared.county.model import County
from shared.problems import Invalid
from tests.world import COUNTY

DIRECTORY: County = county.load(COUNTY)
NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
NUMBER = numbers.make(2026, 1)
PERSON = Petitioner("标记人名甲", "19900001234", None, "标记巷九号", representative=False)


def new(**changes: Any) -> NewGrievance:
    values: dict[str, Any] = {
        "kind": "claim",
        "office": "hotline",
        "channel": "phone",
        "urgency": None,
        "category": None,
        "place": None,
        "unit": None,
        "summary": "路灯不亮",
        "text": "整条街的路灯坏了一个月。",
        "petitioners": (PERSON,),
        "received_at": None,
    }
    return NewGrievance(**(values | changes))


def registered(**changes: Any) -> domain.Grievance:
    return domain.register(new(**changes), NUMBER, DIRECTORY, "k1", NOW)


def refused(**changes: Any) -> set[str]:
    with pytest.raises(Invalid) as caught:
        registered(**changes)
    return {fault.field for fault in caught.value.faults}


def people(count: int, representatives: int) -> tuple[Petitioner, ...]:
    return tuple(replace(PERSON, representative=n < representatives) for n in range(count))


# ---------------------------------------------------------------------------------------- registering


def test_a_grievance_begins_registered_now_with_the_version_of_the_county() -> None:
    made = registered()
    assert (made.number, made.status, made.registered_at) == (NUMBER, "registered", NOW)
    assert (made.received_at, made.registered_by) == (NOW, "k1")
    assert made.county_version == DIRECTORY.version


def test_what_was_received_earlier_keeps_its_time() -> None:
    earlier = NOW - timedelta(days=3)
    assert registered(received_at=earlier).received_at == earlier


def test_a_time_in_the_future_is_refused_beyond_what_clocks_differ() -> None:
    assert registered(received_at=NOW + timedelta(minutes=4)).number == NUMBER
    assert refused(received_at=NOW + timedelta(minutes=6)) == {"received_at"}


def test_a_time_of_receipt_long_ago_is_a_mistyped_year_and_is_refused() -> None:
    assert refused(received_at=NOW - timedelta(days=3654)) == {"received_at"}
    assert registered(received_at=NOW - timedelta(days=3650)).received_at == NOW - timedelta(days=3650)


@pytest.mark.parametrize("field", ["office", "category", "place", "unit"])
def test_what_the_county_does_not_know_is_refused(field: str) -> None:
    assert refused(**{field: "atlantis"}) == {field}


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wrong = refused(office="x", unit="y", urgency="urgent", channel="letter", petitioners=people(6, 0))
    assert wrong == {"office", "unit", "urgency", "petitioners"}


@pytest.mark.parametrize(
    ("count", "representatives", "allowed"),
    [(1, 0, True), (5, 0, True), (5, 5, True), (6, 0, False), (6, 1, True), (2000, 5, True), (6, 6, False)],
)
def test_many_petitioners_choose_up_to_five_to_speak(count: int, representatives: int, allowed: bool) -> None:  # noqa: FBT001
    crowd = people(count, representatives)
    if allowed:
        assert registered(petitioners=crowd).petitioners == count
    else:
        assert refused(petitioners=crowd) == {"petitioners"}


@pytest.mark.parametrize(
    ("channel", "urgency", "kept"),
    [("phone", None, "ordinary"), ("phone", "urgent", "urgent"), ("visit", None, None)],
)
def test_only_a_hotline_order_has_an_urgency(channel: str, urgency: str | None, kept: str | None) -> None:
    assert registered(channel=channel, urgency=urgency).urgency == kept


def test_what_the_others_are_told_holds_the_matter_and_no_person() -> None:
    said = domain.registered(registered())
    assert said.petitioners == 1
    assert said.summary == "路灯不亮"
    told = wire.write(said)
    assert not any(mark in told for mark in ("标记人名甲", "19900001234", "标记巷九号"))


# ---------------------------------------------------------------------------------------------- seeing


# --------------------------------------------------------------------------------------------- following


def test_every_status_leads_to_known_ones_and_an_answer_ends_it() -> None:
    assert {after for moves in domain.MOVES.values() for after in moves} <= set(domain.MOVES)
    assert domain.MOVES["answered"] == frozenset()


@given(st.lists(st.sampled_from(sorted(domain.MOVES)), max_size=12))
def test_news_in_any_order_never_takes_an_answer_back(news: list[str]) -> None:
    status, answered = "registered", False
    for wanted in news:
        status = wanted if status in domain.before(wanted) else status
        answered = answered or status == "answered"
        assert status in domain.MOVES
        assert not answered or status == "answered"


def test_news_that_is_repeated_changes_nothing() -> None:
    assert "accepted" not in (*domain.before("accepted"), *domain.before("assigned"))


@given(st.binary(min_size=32, max_size=32))
def test_a_query_code_is_easy_to_read_out(digest: bytes) -> None:
    code = domain.query_code(digest)
    assert len(code) == 9
    assert code[4] == "-"
    assert set(code.replace("-", "")) <= set(domain.CODE_ALPHABET)
    assert domain.spelled(code.lower().replace("-", " ")) == code


def test_a_code_alphabet_has_no_letters_that_are_mistaken() -> None:
    assert not set("01OI") & set(domain.CODE_ALPHABET)
    assert len(set(domain.CODE_ALPHABET)) == 32


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("199 0000 0001", "19900000001"),
        ("+86 199-0000-0001", "19900000001"),
        ("０９００-５５５０００１", "09005550001"),
        ("8612345", "8612345"),
        ("暂无", ""),
    ],
)
def test_a_phone_is_looked_up_by_its_digits(typed: str, digits: str) -> None:
    assert domain.phone_digits(typed) == digits


def test_an_old_document_number_is_looked_up_as_its_new_one() -> None:
    assert domain.document_number("110105 491231 002") == "11010519491231002X"


def test_a_number_carries_the_year_in_which_it_was_registered() -> None:
    assert domain.number_of(NOW, 7).startswith("2026-000007-")


def test_a_grievance_keeps_nothing_of_its_petitioners_but_their_count() -> None:
    kept = str(asdict(registered()))
    assert not any(mark in kept for mark in ("标记人名甲", "19900001234", "标记巷九号"))
