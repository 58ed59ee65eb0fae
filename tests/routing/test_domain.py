"""Routing's rules, lifecycles and acts, without any database."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing import domain
from services.routing.domain import Act, Answer, Assignment, Case, Decision, Matter, Triage
from shared import calendar
from shared.contracts import (
    CaseAnswered,
    CaseAssigned,
    CaseTriaged,
    TaskAnswered,
    TaskDesignated,
    TaskObjected,
    TaskWithdrawn,
)
from shared.county.model import Condition, County, Rule, Text
from shared.problems import Conflict, Invalid, NotFound
from tests.routing.cases import DIRECTORY, DUST, RECEIVED
from tests.shared.said import registered

ANSWER = Answer("solved", None, "查明属实。", "予以支持。", "《大气污染防治法》第六十九条")
PART = replace(ANSWER, outcome=None)


def matter(**changes: Any) -> Matter:
    values = {"kind": "claim", "category": None, "place": None, "unit": None, "summary": "", "text": ""}
    return Matter(**values | changes)


def rule(id_: str, lead: str, *cooperating: str, **when: tuple[str, ...]) -> Rule:
    return Rule(id_, Condition(**when), lead, cooperating, Text(f"因为{id_}", f"because of {id_}"))


def county(*rules: Rule) -> County:
    return replace(DIRECTORY, rules=rules)


def act(department: str = "", days: float = 1) -> Act:
    return Act(department, "key-1", RECEIVED + timedelta(days=days))


def linked() -> Case:
    """Housing leads, environment and urban management cooperate."""
    return domain.route(registered(**DUST), DIRECTORY, RECEIVED).case


def objected(case: Case, department: str) -> Case:
    return domain.object_to(case, act(department), "不属本单位职责", None).case


def accepted(case: Case, *departments: str) -> Case:
    for department in departments:
        case = domain.accept(case, act(department)).case
    return case


# Rules


def test_the_first_rule_that_holds_decides_and_says_why() -> None:
    given_ = county(
        rule("a", "police", any_of=("赌博",)),
        rule("b", "housing", any_of=("漏水", "电梯")),
        rule("c", "market"),
    )
    decided = domain.decide(matter(summary="楼顶漏水，电梯坏了", text="住户常去赌博。"), given_)
    assert decided == Assignment("housing", (), "b", Text("因为b", "because of b"), ("漏水", "电梯"))


def test_what_a_long_text_mentions_in_passing_decides_nothing() -> None:
    given_ = county(rule("a", "police", any_of=("赌博",)), rule("b", "housing", any_of=("漏水",)))
    opening = domain.decide(matter(summary="请帮帮我们", text="楼顶漏水三年了。"), given_)
    assert isinstance(opening, Assignment)
    assert opening.lead == "housing"
    passing = domain.decide(matter(summary="请帮帮我们", text="说来话长" * 20 + "漏水"), given_)
    assert passing == Triage("no_rule")


def test_every_part_of_a_condition_must_hold() -> None:
    when = {"kinds": ("claim",), "any_of": ("工地", "施工"), "all_of": ("噪声",), "none_of": ("广场舞",)}
    given_ = county(rule("noise", "urban-management", **when))
    right = matter(text="施工噪声")
    assert isinstance(domain.decide(right, given_), Assignment)
    for wrong in (
        replace(right, kind="inquiry"),
        replace(right, text="噪声"),
        replace(right, text="施工"),
        replace(right, text="施工噪声和广场舞"),
    ):
        assert domain.decide(wrong, given_) == Triage("no_rule")


def test_a_category_counts_for_the_one_above_it_and_a_village_for_its_township() -> None:
    village = next(place for place in DIRECTORY.places.values() if place.township != place.id)
    given_ = county(rule("x", "housing", categories=("construction",), places=(village.township,)))
    assert isinstance(domain.decide(matter(category="lifts", place=village.id), given_), Assignment)
    assert domain.decide(matter(category="water", place=village.id), given_) == Triage("no_rule")


def test_a_rule_by_place_leads_to_the_department_of_the_place() -> None:
    village = next(place for place in DIRECTORY.places.values() if place.township != place.id)
    decided = domain.decide(matter(place=village.id), county(rule("local", "place")))
    assert isinstance(decided, Assignment)
    assert decided.lead == village.department


def test_a_rule_by_place_does_not_apply_where_the_place_is_unknown() -> None:
    assert domain.decide(matter(), county(rule("local", "place"))) == Triage("place_unknown")
    decided = domain.decide(matter(), county(rule("local", "place"), rule("rest", "centre")))
    assert isinstance(decided, Assignment)
    assert decided.lead == "centre"


def test_without_a_rule_a_person_decides() -> None:
    assert domain.decide(matter(), county()) == Triage("no_rule")


def test_a_claim_may_go_to_the_unit_it_complains_about() -> None:
    given_ = county(rule("x", "housing"))
    assert isinstance(domain.decide(matter(kind="claim", unit="housing"), given_), Assignment)


def test_an_accusation_that_rules_would_give_to_the_accused_waits_for_a_person() -> None:
    given_ = county(rule("x", "housing"), rule("y", "market"))
    assert domain.decide(matter(kind="accusation", unit="housing"), given_) == Triage("accused")


def test_only_a_rule_for_accusations_takes_the_place_of_one_that_leads_to_the_accused() -> None:
    given_ = county(
        rule("x", "discipline", kinds=("accusation",)),
        rule("y", "market"),
        rule("z", "supervision", kinds=("accusation",)),
    )
    decided = domain.decide(matter(kind="accusation", unit="discipline"), given_)
    assert isinstance(decided, Assignment)
    assert decided.lead == "supervision"


def test_the_accused_does_not_cooperate_either() -> None:
    given_ = county(rule("x", "discipline", "housing", "market", kinds=("accusation",)))
    decided = domain.decide(matter(kind="accusation", unit="housing"), given_)
    assert isinstance(decided, Assignment)
    assert decided.cooperating == ("market",)


WORDS = ["扬尘", "电梯", "村委", "工资", "纪委干部", "噪声", "施工", "信访", "土地"]


@given(
    kind=st.sampled_from(["claim", "accusation", "suggestion", "inquiry"]),
    unit=st.none() | st.sampled_from(sorted(DIRECTORY.departments)),
    place=st.none() | st.sampled_from(sorted(DIRECTORY.places)),
    category=st.none() | st.sampled_from(sorted(DIRECTORY.categories)),
    text=st.lists(st.sampled_from(WORDS), max_size=4).map("，".join),
)
def test_no_accusation_ever_goes_to_the_accused(**parts: Any) -> None:
    given_ = matter(**parts)
    decided = domain.decide(given_, DIRECTORY)
    named: set[str] = set()
    if isinstance(decided, Assignment):
        named = {decided.lead, *decided.cooperating}
        assert decided.lead in DIRECTORY.departments
        assert len(named) == 1 + len(decided.cooperating)
    suggested = {each.department for each in domain.suggest(given_, DIRECTORY)}
    assert given_.accused not in named | suggested


def test_triage_suggests_departments_whose_words_were_found_and_the_place() -> None:
    village = next(place for place in DIRECTORY.places.values() if place.township != place.id)
    given_ = county(
        rule("one", "housing", any_of=("漏水",), none_of=("漏水",)),
        rule("two", "water-supply", any_of=("漏水", "水压"), none_of=("漏水",)),
        rule("three", "market", any_of=("缺斤少两",)),
    )
    suggested = domain.suggest(matter(place=village.id, text="漏水，水压低"), given_)
    assert [each.department for each in suggested] == ["water-supply", "housing", village.department]


def test_an_accusation_is_read_to_its_last_line() -> None:
    late = "说来话长。" * 20 + "是一名纪委干部。"
    decided = domain.decide(matter(kind="accusation", summary="检举", text=late), DIRECTORY)
    assert isinstance(decided, Assignment)
    assert decided.lead == "supervision"


# Opening


def test_a_linked_case_has_one_task_for_each_department() -> None:
    change = domain.route(registered(**DUST), DIRECTORY, RECEIVED)
    roles = {task.department: (task.role, task.state) for task in change.case.tasks}
    assert roles == {
        "housing": ("lead", "assigned"),
        "environment": ("cooperating", "assigned"),
        "urban-management": ("cooperating", "assigned"),
    }
    assert [entry.department for entry in change.entries] == list(roles)
    [said] = change.events
    assert isinstance(said, CaseAssigned)
    assert (said.lead, said.cooperating) == ("housing", ("environment", "urban-management"))
    assert (said.rule, said.decided_by, said.county_version) == ("site-dust", "rule", DIRECTORY.version)
    assert change.case.words == ("扬尘",)


def test_an_undecided_grievance_waits_and_has_no_task() -> None:
    change = domain.route(registered(), DIRECTORY, RECEIVED)
    assert (change.case.state, change.case.waits, change.case.tasks) == ("triage", "no_rule", ())
    assert change.events == (CaseTriaged(change.case.number, "no_rule", RECEIVED),)


# Decisions


def test_a_person_decides_a_waiting_case() -> None:
    case = domain.route(registered(), DIRECTORY, RECEIVED).case
    change = domain.reassign(case, Decision("water-supply", ("housing",), "看过现场"), DIRECTORY, act())
    assert (change.case.state, change.case.rule, change.case.decided_by) == ("assigned", "person", "key-1")
    assert change.case.handovers == 0
    [said] = change.events
    assert isinstance(said, CaseAssigned)
    assert said.reason == "看过现场"


def test_a_case_that_does_not_wait_is_not_decided_again() -> None:
    with pytest.raises(Conflict):
        domain.reassign(linked(), Decision("market", (), "重来"), DIRECTORY, act())


def test_everything_wrong_with_a_decision_is_named_at_once() -> None:
    case = domain.route(registered(kind="accusation", unit="housing"), county(), RECEIVED).case
    with pytest.raises(Invalid) as caught:
        domain.reassign(case, Decision("housing", ("nobody", "nobody"), "错"), DIRECTORY, act())
    assert [fault.field for fault in caught.value.faults] == [
        "lead",
        "cooperating",
        "cooperating",
        "cooperating",
    ]


def test_an_upheld_objection_withdraws_the_department_and_counts_a_hand_over() -> None:
    case = objected(linked(), "housing")
    assert (case.state, case.waits) == ("triage", "objection")
    decision = Decision("urban-management", ("environment",), "由城管牵头")
    change = domain.reassign(case, decision, DIRECTORY, act(days=2))
    states = {task.department: (task.role, task.state) for task in change.case.tasks}
    assert states == {
        "housing": ("lead", "withdrawn"),
        "environment": ("cooperating", "assigned"),
        "urban-management": ("lead", "assigned"),
    }
    assert [type(event) for event in change.events] == [TaskWithdrawn, CaseAssigned]
    assert change.case.cooperating == ("environment",)
    assert change.case.handovers == 1


def test_a_refused_objection_designates_and_cannot_be_repeated() -> None:
    case = objected(linked(), "environment")
    decision = Decision("housing", ("environment", "urban-management"), "职责明确")
    change = domain.reassign(case, decision, DIRECTORY, act(days=2))
    assert [type(event) for event in change.events] == [TaskDesignated, CaseAssigned]
    assert change.case.handovers == 0
    with pytest.raises(Conflict):
        objected(change.case, "environment")
    assert accepted(change.case, "environment").task("environment").state == "accepted"


def test_what_a_department_answered_stays_unless_it_leads_now() -> None:
    case = accepted(linked(), "environment", "urban-management")
    for department in ("environment", "urban-management"):
        case = domain.answer(case, act(department), PART, DIRECTORY).case
    case = objected(case, "housing")
    after = domain.reassign(case, Decision("environment", (), "由环保牵头"), DIRECTORY, act(days=2)).case
    assert after.task("environment").state == "accepted"
    assert after.task("urban-management").state == "answered"
    assert after.cooperating == ("urban-management",)
    closed = domain.answer(after, act("environment", days=3), ANSWER, DIRECTORY).case
    assert closed.state == "answered"


def test_two_objections_wait_as_one_case_and_are_settled_together() -> None:
    first = domain.object_to(linked(), act("housing"), "甲", None)
    second = domain.object_to(first.case, act("environment"), "乙", None)
    assert [type(event) for event in first.events] == [TaskObjected, CaseTriaged]
    assert [type(event) for event in second.events] == [TaskObjected]
    change = domain.reassign(second.case, Decision("housing", (), "环保退出"), DIRECTORY, act(days=2))
    states = {task.department: task.state for task in change.case.tasks}
    assert states == {"housing": "designated", "environment": "withdrawn", "urban-management": "withdrawn"}


def test_a_withdrawn_department_may_be_assigned_again_and_its_time_begins_anew() -> None:
    case = objected(linked(), "housing")
    case = domain.reassign(case, Decision("market", (), "改派"), DIRECTORY, act(days=2)).case
    case = objected(case, "market")
    change = domain.reassign(case, Decision("housing", (), "再议"), DIRECTORY, act(days=3))
    assert change.case.task("housing").state == "assigned"
    assert change.case.task("housing").assigned_at == act(days=3).at
    assert change.case.handovers == 2
    concerned = {entry.department for entry in change.entries}
    assert concerned == {"housing", "market"}  # not those that had dropped out before


# Tasks


def test_a_department_without_a_task_finds_none() -> None:
    with pytest.raises(NotFound):
        domain.accept(linked(), act("market"))


def test_the_objection_window_counts_working_days_from_the_assignment() -> None:
    case = linked()
    until = domain.objection_until(case.task("housing"), DIRECTORY, calendar.of(DIRECTORY))
    assert until is not None
    assert (until - RECEIVED).days == 7  # Monday to Monday: five working days and a weekend
    domain.object_to(case, Act("housing", "k", until), "最后一刻", until)
    with pytest.raises(Conflict):
        domain.object_to(case, Act("housing", "k", until + timedelta(seconds=1)), "晚了", until)


def test_a_county_without_that_clock_sets_no_limit_to_objections() -> None:
    task = linked().task("housing")
    assert domain.objection_until(task, replace(DIRECTORY, clocks={}), calendar.of(DIRECTORY)) is None


def test_the_lead_answers_only_after_everyone_else_and_is_told_who_has_not() -> None:
    case = accepted(linked(), "housing", "environment", "urban-management")
    case = domain.answer(case, act("environment"), PART, DIRECTORY).case
    with pytest.raises(Conflict) as caught:
        domain.answer(case, act("housing"), ANSWER, DIRECTORY)
    assert [fault.field for fault in caught.value.faults] == ["urban-management"]
    assert DIRECTORY.departments["urban-management"].name.zh in caught.value.zh
    case = domain.answer(case, act("urban-management"), PART, DIRECTORY).case
    change = domain.answer(case, act("housing"), ANSWER, DIRECTORY)
    assert [type(event) for event in change.events] == [TaskAnswered, CaseAnswered]
    assert (change.case.state, change.case.task("housing").state) == ("answered", "answered")


def test_a_lead_states_the_outcome() -> None:
    case = accepted(linked(), "housing", "environment", "urban-management")
    for department in ("environment", "urban-management"):
        case = domain.answer(case, act(department), PART, DIRECTORY).case
    with pytest.raises(Invalid) as caught:
        domain.answer(case, act("housing"), PART, DIRECTORY)
    assert [fault.field for fault in caught.value.faults] == ["outcome"]


def test_an_answer_needs_an_acceptance_first() -> None:
    with pytest.raises(Conflict):
        domain.answer(linked(), act("environment"), PART, DIRECTORY)


def test_only_the_lead_of_a_linked_case_explains_and_once() -> None:
    case = linked()
    explained = domain.explain(case, act("housing"), "住建牵头").case
    with pytest.raises(Conflict):
        domain.explain(explained, act("housing"), "再说一次")
    with pytest.raises(Conflict):
        domain.explain(case, act("environment"), "不是牵头")
    alone = domain.route(registered(), county(rule("x", "housing")), RECEIVED).case
    with pytest.raises(Conflict):
        domain.explain(alone, act("housing"), "不是联办")


def test_what_a_department_can_do_now_is_named() -> None:
    case = linked()
    assert domain.open_moves(case, case.task("housing")) == ("accept", "object", "explain")
    assert domain.open_moves(case, case.task("environment")) == ("accept", "object")
    case = accepted(case, "environment")
    assert domain.open_moves(case, case.task("environment")) == ("progress", "answer")


def test_the_lead_can_answer_only_once_the_others_have() -> None:
    others = ("environment", "urban-management")
    case = accepted(linked(), "housing")
    for n, other in enumerate(others):
        assert domain.unanswered(case) == others[n:]
        assert "answer" not in domain.open_moves(case, case.task("housing"))
        case = domain.answer(accepted(case, other), act(other), PART, DIRECTORY).case
    assert domain.unanswered(case) == ()
    assert "answer" in domain.open_moves(case, case.task("housing"))


def test_every_lifecycle_leads_only_to_states_it_knows() -> None:
    for moves in (domain.CASE_MOVES, domain.TASK_MOVES):
        assert {after for allowed in moves.values() for after in allowed.values()} <= set(moves)
    for state, allowed in domain.TASK_MOVES.items():
        assert {*domain.ROLES, "drop"} <= set(allowed), state


@st.composite
def courses(draw: st.DrawFn) -> Case:
    """A linked case after any course of acts and decisions; what is refused is left out."""
    case = linked()
    for day in range(draw(st.integers(0, 14))):
        department = draw(st.sampled_from(["housing", "environment", "urban-management", "market"]))
        others = draw(st.sets(st.sampled_from(["environment", "urban-management", "market"]), max_size=3))
        decision = Decision(department, tuple(sorted(others - {department})), "议定")
        step = draw(st.sampled_from(["accept", "object", "answer", "decide"]))
        by = act(department, days=day)
        acts = {
            "accept": lambda c, by=by: domain.accept(c, by),
            "object": lambda c, by=by: domain.object_to(c, by, "异议", None),
            "answer": lambda c, by=by: domain.answer(c, by, ANSWER, DIRECTORY),
            "decide": lambda c, by=by, d=decision: domain.reassign(c, d, DIRECTORY, by),
        }
        try:
            case = acts[step](case).case
        except (Conflict, NotFound):
            continue
    return case


@given(courses())
def test_whatever_happens_a_case_stays_sound(case: Case) -> None:
    live = [task for task in case.tasks if task.state != "withdrawn"]
    assert [task.department for task in live if task.role == "lead"] == [case.lead]
    assert (case.state == "triage") == any(task.state == "objected" for task in live)
    if case.state == "answered":
        assert all(task.state == "answered" for task in live)
    if case.state == "assigned":
        assert case.task(case.lead or "").state != "answered"
