"""What is due, what was missed, and what follows: pure rules, by example and by property."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.oversight import domain
from services.oversight.domain import Case, Deadline, Milestone, Standing, Tally
from shared.contracts import DeadlineMet, DeadlineSet
from shared.county.model import Length
from tests.oversight.cases import CALENDAR, DIRECTORY, MONDAY, NUMBER, after, local

CLOCKS = tuple(DIRECTORY.clocks.values())
VISIT = Case(NUMBER, "claim", "visit", None)
HOTLINE = Case(NUMBER, "claim", "phone", "urgent")
RECEIVED = Milestone(None, "received", MONDAY)


def derived(*milestones: Milestone, case: Case = VISIT) -> dict[str, Deadline]:
    """The deadlines of a case by department and clock."""
    found = domain.deadlines(case, [RECEIVED, *milestones], CLOCKS, CALENDAR)
    return {deadline.id.removeprefix(f"{NUMBER}."): deadline for deadline in found}


def assigned(lead: str, *cooperating: str, at: datetime = MONDAY) -> list[Milestone]:
    tasks = [Milestone(department, "assigned", at) for department in (lead, *cooperating)]
    return [*tasks, Milestone(lead, "leading", at)]


def test_a_registered_case_is_to_be_forwarded_within_fifteen_days() -> None:
    [forward] = derived().values()
    assert (forward.department, forward.clock, forward.due_at) == ("centre", "forward", local(3, 17))
    assert (forward.state, forward.shown, forward.duty) == ("running", True, True)


def test_nothing_is_due_before_the_case_is_known() -> None:
    assert derived(*assigned("water"), case=Case(NUMBER, None, None, None)) == {}


def test_assignment_ends_forwarding_and_starts_each_departments_own_clocks() -> None:
    found = derived(*assigned("water", "housing", at=after(days=2)))
    assert found["centre.forward"].state == "met"
    assert found["water.acceptance"].due_at == found["housing.acceptance"].due_at == local(3, 19)
    assert found["water.objection"].duty is False


def test_only_the_lead_explains_and_only_a_linked_case() -> None:
    assert "water.explanation" not in derived(*assigned("water"))
    linked = derived(*assigned("water", "housing"))
    assert linked["water.explanation"].due_at == local(3, 3)
    assert "housing.explanation" not in linked


def test_a_case_that_is_linked_later_is_explained_from_then_on() -> None:
    later = assigned("water", "housing", at=after(days=3))
    found = derived(*assigned("water"), *later)
    assert found["water.explanation"].started_at == after(days=3)
    assert found["water.acceptance"].started_at == MONDAY


def test_a_department_that_replaces_another_does_not_make_a_case_linked() -> None:
    at = after(days=2)
    found = derived(*assigned("water"), Milestone("water", "withdrawn", at), *assigned("housing", at=at))
    assert not [key for key in found if key.endswith("explanation")]


def test_hotline_orders_run_by_urgency_and_to_the_minute() -> None:
    found = derived(*assigned("power"), case=HOTLINE)
    assert found["power.hotline-urgent"].due_at == after(hours=2)
    assert "power.hotline-ordinary" not in found
    assert "power.hotline-urgent" not in derived(*assigned("power"))


def test_acceptance_starts_sixty_days_of_handling_and_an_answer_ends_them() -> None:
    taken = [*assigned("water"), Milestone("water", "accepted", after(days=1))]
    assert derived(*taken)["water.handling"].due_at == local(5, 2)
    answer = Milestone("water", "answered", after(days=30))
    assert derived(*taken, answer)["water.handling"].state == "met"


def test_what_is_done_after_it_was_due_is_late() -> None:
    found = derived(*assigned("water"), Milestone("water", "accepted", after(days=16)))
    assert found["water.acceptance"].state == "late"
    assert found["water.objection"].state == "ended"  # a right that lapsed is no failure


def test_an_answer_at_the_last_moment_is_in_time() -> None:
    last, next_ = local(3, 17), local(3, 17) + timedelta(microseconds=1)
    for at, state in ((last, "met"), (next_, "late")):
        assert (
            derived(*assigned("water"), Milestone("water", "accepted", at))["water.acceptance"].state == state
        )


def test_a_department_whose_objection_was_upheld_owes_nothing_more() -> None:
    out = [Milestone("water", "objected", after(days=1)), Milestone("water", "withdrawn", after(days=2))]
    found = derived(*assigned("water"), *out, *assigned("housing", at=after(days=2)), case=HOTLINE)
    assert found["water.hotline-urgent"].state == "ended"
    assert found["water.acceptance"].state == "met"  # an objection is an answer
    assert found["housing.hotline-urgent"].due_at == after(days=2, hours=2)


def test_a_refused_objection_did_not_stop_the_clock() -> None:
    objected = [*assigned("water"), Milestone("water", "objected", after(days=1))]
    assert derived(*objected)["water.acceptance"].state == "met"
    found = derived(*objected, Milestone("water", "designated", after(days=3)))
    assert (found["water.acceptance"].state, found["water.acceptance"].due_at) == ("running", local(3, 17))
    assert found["water.objection"].state == "met"  # the right was used


def test_a_department_that_stays_keeps_its_clock_when_the_case_is_assigned_anew() -> None:
    again = assigned("housing", "water", at=after(days=4))
    assert derived(*assigned("housing", "water"), *again)["water.acceptance"].started_at == MONDAY


def test_a_department_that_is_assigned_again_after_a_withdrawal_begins_anew() -> None:
    out = Milestone("water", "withdrawn", after(days=2))
    found = derived(*assigned("water", "housing"), out, *assigned("water", "housing", at=after(days=9)))
    assert found["water.acceptance"].started_at == after(days=9)
    assert found["housing.acceptance"].started_at == MONDAY


def test_the_duties_of_the_lead_pass_on_with_the_lead() -> None:
    found = derived(*assigned("water", "housing"), *assigned("housing", "water", at=after(hours=3)))
    assert (found["water.explanation"].state, found["water.explanation"].ended_at) == (
        "ended",
        after(hours=3),
    )
    assert found["housing.explanation"].started_at == after(hours=3)
    assert found["water.acceptance"].state == "running"


@pytest.mark.parametrize(
    ("start", "due"),
    [
        (datetime(2026, 2, 12, 2, tzinfo=UTC), local(2, 26)),  # Thursday; 14 is worked, 15–23 are off
        (
            datetime(2026, 2, 13, 23, tzinfo=UTC),
            local(2, 28),
        ),  # early on the 14th; Saturday the 28th is worked
        (datetime(2026, 9, 30, 2, tzinfo=UTC), local(10, 13)),  # 10 October is a worked Saturday
        (datetime(2026, 4, 30, 2, tzinfo=UTC), local(5, 11)),  # 9 May is a worked Saturday
    ],
)
def test_working_days_run_through_holidays_and_make_up_days(start: datetime, due: datetime) -> None:
    assert derived(*assigned("water", at=start))["water.objection"].due_at == due


DEPARTMENTS = ("water", "housing", "power")
NAMES = ("assigned", "leading", "accepted", "objected", "withdrawn", "designated", "explained", "answered")
HAPPENED = st.builds(
    Milestone,
    st.sampled_from(DEPARTMENTS),
    st.sampled_from(NAMES),
    st.integers(0, 40).map(lambda days: after(days=days)),
)


@given(st.lists(HAPPENED, max_size=14), st.randoms(use_true_random=False))
def test_any_order_of_the_same_news_gives_the_same_deadlines(happened: list[Milestone], chance) -> None:
    mixed = [RECEIVED, *happened]
    chance.shuffle(mixed)
    case = replace(VISIT, channel="phone", urgency="ordinary")
    expected = domain.deadlines(case, [RECEIVED, *happened], CLOCKS, CALENDAR)
    assert domain.deadlines(case, mixed, CLOCKS, CALENDAR) == expected


@given(st.lists(HAPPENED, max_size=14))
def test_every_deadline_is_one_of_its_kind_and_ends_after_it_starts(happened: list[Milestone]) -> None:
    found = domain.deadlines(HOTLINE, [RECEIVED, *happened], CLOCKS, CALENDAR)
    assert len({deadline.id for deadline in found}) == len(found)
    for deadline in found:
        assert deadline.started_at < deadline.due_at
        assert deadline.ended_at is None or deadline.started_at <= deadline.ended_at
        assert (deadline.ended_at is None) == (deadline.state == "running")
        assert deadline.state != "late" or (deadline.ended_at or MONDAY) > deadline.due_at


@given(st.lists(HAPPENED, max_size=8))
def test_what_is_kept_step_by_step_is_what_is_derived_at_once(happened: list[Milestone]) -> None:
    kept: dict[str, Deadline] = {}
    for n in range(len(happened) + 1):
        now = domain.deadlines(VISIT, [RECEIVED, *happened[:n]], CLOCKS, CALENDAR)
        kept |= {c.after.id: c.after for c in domain.changes(list(kept.values()), now, MONDAY)}
    open_, expected = ({d.id: d for d in found if d.state == "running"} for found in (kept.values(), now))
    assert open_ == expected


def test_a_few_events_in_every_order() -> None:
    news = [*assigned("water", "housing"), Milestone("water", "accepted", after(days=1))]
    expected = derived(*news)
    assert all(derived(*order) == expected for order in permutations(news))


# What is new


def test_nothing_is_new_when_the_same_news_is_followed_again() -> None:
    found = list(derived(*assigned("water", "housing")).values())
    assert domain.changes(found, found, MONDAY) == ()


def test_a_missed_deadline_stays_missed_until_something_happens() -> None:
    [forward] = derived().values()
    missed = replace(forward, state="missed")
    assert domain.changes([missed], [forward], MONDAY) == ()
    met = replace(forward, ended_at=after(days=20), state="late")
    [change] = domain.changes([missed], [met], MONDAY)
    [news] = domain.news(change, MONDAY)
    assert isinstance(news, DeadlineMet)
    assert news.late


def test_a_moved_deadline_is_told_again_and_a_closed_one_is_not_judged_anew() -> None:
    [forward] = derived().values()
    moved = replace(forward, due_at=local(3, 20))
    [change] = domain.changes([forward], [moved], MONDAY)
    assert [type(event) for event in domain.news(change, MONDAY)] == [DeadlineSet]
    met = replace(forward, ended_at=after(days=1), state="met")
    assert domain.changes([met], [replace(met, due_at=local(3, 1))], MONDAY) == ()


def test_a_deadline_whose_clock_the_county_gave_up_ends() -> None:
    [forward] = derived().values()
    [change] = domain.changes([forward], [], after(days=1))
    assert (change.after.state, change.after.ended_at) == ("ended", after(days=1))


def test_what_is_not_shown_is_not_told() -> None:
    objection = derived(*assigned("water"))["water.objection"]
    [change] = domain.changes([], [objection], MONDAY)
    assert list(domain.news(change, MONDAY)) == []


# As time passes

ACCEPTANCE = derived(*assigned("water"))["water.acceptance"]  # due on Tuesday 17 March


def climb(*moments: datetime, kind: str = "claim") -> tuple[Standing, list[str]]:
    """Let time pass over a duty at these moments; how it stands, and the rungs taken."""
    standing, taken = Standing(ACCEPTANCE, kind, None), []
    for now in moments:
        passage = domain.passage(standing, DIRECTORY.ladder, CALENDAR, now)
        taken += [rung.id for rung in passage.rungs]
        standing = Standing(replace(ACCEPTANCE, state=passage.state), kind, passage.last_rung)
    return standing, taken


def test_nothing_happens_until_a_deadline_has_passed() -> None:
    assert climb(local(3, 17)) == (Standing(ACCEPTANCE, "claim", None), [])


@pytest.mark.parametrize(
    ("now", "taken"),
    [
        (local(3, 17) + timedelta(seconds=1), ["reminder"]),
        (local(3, 20), ["reminder"]),
        (local(3, 20) + timedelta(seconds=1), ["reminder", "supervision"]),
        (local(3, 27) + timedelta(seconds=1), ["reminder", "supervision", "notice"]),
        (local(12, 31), ["reminder", "supervision", "notice"]),
    ],
)
def test_the_ladder_is_climbed_by_working_days(now: datetime, taken: list[str]) -> None:
    assert climb(now)[1] == taken


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30))
def test_a_rung_is_never_taken_twice_however_often_time_is_looked_at(days: list[int]) -> None:
    moments = [after(days=day, minutes=n) for n, day in enumerate(sorted(days))]
    once = climb(moments[-1])[1]
    assert climb(*moments)[1] == once == [rung.id for rung in DIRECTORY.ladder][: len(once)]


def test_an_urgent_order_is_reminded_at_once_not_at_the_end_of_the_day() -> None:
    order = derived(*assigned("power"), case=HOTLINE)["power.hotline-urgent"]
    passage = domain.passage(
        Standing(order, "claim", None), DIRECTORY.ladder, CALENDAR, after(hours=2, seconds=1)
    )
    assert [rung.id for rung in passage.rungs] == ["reminder"]


def test_the_end_of_a_right_is_no_failure() -> None:
    right = derived(*assigned("water"))["water.objection"]
    passage = domain.passage(Standing(right, "claim", None), DIRECTORY.ladder, CALENDAR, after(days=90))
    assert (passage.state, passage.rungs, passage.next_at) == ("ended", (), None)


def test_rungs_that_the_county_adds_later_are_taken_and_the_old_ones_not_again() -> None:
    interview = replace(DIRECTORY.ladder[-1], id="interview", after=Length(10, "working_days"))
    standing, _ = climb(local(6, 1))
    passage = domain.passage(standing, (*DIRECTORY.ladder, interview), CALENDAR, local(6, 2))
    assert [rung.id for rung in passage.rungs] == ["interview"]


@pytest.mark.parametrize("kind", ["claim", "suggestion", "accusation"])
def test_the_last_rung_may_be_published_unless_the_case_is_an_accusation(kind: str) -> None:
    passage = domain.passage(Standing(ACCEPTANCE, kind, None), DIRECTORY.ladder, CALENDAR, local(4, 1))
    notices = domain.notices([passage], 7, DIRECTORY, CALENDAR, local(4, 1))
    assert [notice.id for notice in notices] == ["2026-0007", "2026-0008", "2026-0009"]
    assert [notice.publishable for notice in notices] == [False, False, kind != "accusation"]
    assert not any(notice.published for notice in notices)
    assert notices[-1].days_late == 15
    assert "第二十三条" in notices[-1].basis.zh
    assert notices[-1].feedback_due_at == local(4, 9)  # 4–6 April is a holiday


def test_the_year_of_a_notice_is_the_countys() -> None:
    assert domain.year(datetime(2026, 12, 31, 17, tzinfo=UTC), CALENDAR) == 2027


# Figures


def test_departments_with_few_deadlines_are_listed_apart_and_unranked() -> None:
    small, slow, good = Tally("a", 5, 0, 1, 0), Tally("b", 0, 5, 5, 0), Tally("c", 0, 0, 10, 0)
    assert domain.ranked([small, good, slow]) == [slow, good]
    assert domain.unranked([small, good, slow]) == [small]
    assert (slow.due, slow.on_time_rate, Tally("d", 3, 0, 0, 0).on_time_rate) == (10, 0.5, None)


def test_figures_of_receipt_count_twelve_months_with_this_one() -> None:
    assert domain.figures_since(MONDAY, CALENDAR).isoformat() == "2025-04-01T00:00:00+08:00"
    december = datetime(2026, 12, 31, 2, tzinfo=UTC)
    assert domain.figures_since(december, CALENDAR).isoformat() == "2026-01-01T00:00:00+08:00"
