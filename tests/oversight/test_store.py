"""Oversight's tables and queries, on real PostgreSQL."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from services.oversight import domain
from services.oversight.domain import Deadline, Milestone
from services.oversight.store import cases, deadlines, lists, notices
from shared.policy import Reach
from tests.oversight.cases import CALENDAR, DIRECTORY, MONDAY, NUMBER, SECOND, after, assigned, registered
from tests.world import World

VERSION = DIRECTORY.version


def owed(state: str = "running", **changes: object) -> Deadline:
    deadline = Deadline(
        f"{NUMBER}.water.acceptance", NUMBER, "acceptance", "water",
        MONDAY, after(days=15), None, state, duty=True, shown=True,
    )  # fmt: skip
    return replace(deadline, **changes)


def keep(world: World, *changes: domain.Change, version: str = VERSION) -> None:
    with world.services["oversight"].transaction() as tx:
        deadlines.keep(tx, changes, version, "task.accepted", MONDAY)


def reached(world: World, now: object = after(days=16)) -> list[str]:
    with world.services["oversight"].transaction() as tx:
        return [standing.deadline.id for standing in deadlines.reached(tx, now, VERSION, 10)]


@pytest.fixture
def kept(world: World) -> World:
    """A case with one running deadline."""
    with world.services["oversight"].transaction() as tx:
        cases.register(tx, registered())
    keep(world, domain.Change(None, owed()))
    return world


def test_what_two_services_tell_of_a_case_comes_together_in_either_order(world: World) -> None:
    early = assigned("housing")
    late = replace(early, number=SECOND)
    with world.services["oversight"].transaction() as tx:
        assert cases.assign(tx, early)[NUMBER].kind is None
        cases.register(tx, registered())
        cases.register(tx, registered(SECOND))
        assert cases.assign(tx, late)[SECOND].kind == "claim"
    first, second = world.query("oversight", "SELECT * FROM watched ORDER BY number")
    assert tuple(first)[1:] == tuple(second)[1:]
    assert (first.lead, first.cooperating, first.office) == ("water", ["housing"], "administrative-reception")


def test_milestones_are_returned_with_those_just_added(world: World) -> None:
    first, second = Milestone(None, "received", MONDAY), Milestone("water", "accepted", after(days=1))
    with world.services["oversight"].transaction() as tx:
        assert cases.note(tx, {NUMBER: [first]}) == {NUMBER: [first]}
        assert cases.note(tx, {NUMBER: [second]}) == {NUMBER: [first, second]}
        assert cases.note(tx, {NUMBER: ()}) == {NUMBER: [first, second]}


def test_a_deadline_comes_back_as_it_was_kept(kept: World) -> None:
    with kept.services["oversight"].reading() as tx:
        assert deadlines.kept(tx, [NUMBER]) == {NUMBER: [owed()]}


def test_a_moved_due_date_keeps_the_former_one_with_its_reason(kept: World) -> None:
    keep(kept, domain.Change(owed(), owed(due_at=after(days=20))))
    [change] = kept.query("oversight", "SELECT * FROM deadline_change")
    assert (change.former_due_at, change.due_at) == (after(days=15), after(days=20))
    assert (change.reason, change.county_version) == ("task.accepted", VERSION)


def test_a_deadline_that_is_met_leaves_no_trace_of_change_and_is_looked_at_no_more(kept: World) -> None:
    keep(kept, domain.Change(owed(), owed("met", ended_at=after(days=3))))
    assert kept.count("oversight", "deadline_change") == 0
    assert reached(kept) == []


def test_only_passed_deadlines_of_this_version_of_the_county_are_reached(kept: World) -> None:
    assert reached(kept, after(days=15)) == []
    assert reached(kept) == [owed().id]
    keep(kept, domain.Change(owed(), owed(due_at=after(days=2))), version="another")
    assert reached(kept) == []


def test_two_workers_do_not_take_the_same_deadline(kept: World) -> None:
    with kept.services["oversight"].transaction() as tx:
        assert len(deadlines.reached(tx, after(days=16), VERSION, 10)) == 1
        assert reached(kept) == []


def test_time_passes_over_a_case_that_somebody_is_writing_to(kept: World) -> None:
    with kept.services["oversight"].transaction() as tx:
        cases.lock(tx, [NUMBER])
        assert reached(kept) == []


def test_the_cases_to_compute_anew_are_found_by_the_index(kept: World) -> None:
    with kept.services["oversight"].transaction() as tx:
        assert deadlines.outdated(tx, VERSION, 10) == []
        assert deadlines.outdated(tx, "next", 10) == [NUMBER]
        deadlines.computed(tx, [NUMBER], "next")
        assert deadlines.outdated(tx, "next", 10) == []


def test_a_rung_is_issued_once_for_one_cause(kept: World) -> None:
    standing = domain.Standing(owed(), "claim", None)
    passage = domain.passage(standing, DIRECTORY.ladder, CALENDAR, after(days=90))
    with kept.services["oversight"].transaction() as tx:
        for wanted in (3, 0):
            first = notices.reserve(tx, 2026, 3)
            made = domain.notices([passage], first, DIRECTORY, CALENDAR, after(days=90))
            assert len(notices.issue(tx, made)) == wanted
        again = replace(standing, deadline=owed(started_at=after(days=1)))
        passage = domain.passage(again, DIRECTORY.ladder, CALENDAR, after(days=90))
        made = domain.notices([passage], notices.reserve(tx, 2026, 3), DIRECTORY, CALENDAR, after(days=90))
        assert len(notices.issue(tx, made)) == 3
        assert lists.notice(tx, Reach(()), made[0].id) == made[0]


def test_notices_are_numbered_by_year_without_doubles(world: World) -> None:
    with world.services["oversight"].transaction() as tx:
        taken = [notices.reserve(tx, year, count) for year, count in ((2026, 2), (2026, 3), (2027, 1))]
    assert taken == [1, 3, 1]


@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET number = 'x'"])
@pytest.mark.parametrize("table", ["milestone", "notice"])
def test_what_happened_and_what_was_issued_cannot_be_changed(kept: World, table: str, change: str) -> None:
    passage = domain.passage(
        domain.Standing(owed(), "claim", None), DIRECTORY.ladder, CALENDAR, after(days=90)
    )
    with kept.services["oversight"].transaction() as tx:
        cases.note(tx, {NUMBER: [Milestone(None, "received", MONDAY)]})
        notices.issue(tx, domain.notices([passage], 1, DIRECTORY, CALENDAR, after(days=90)))
    with pytest.raises(Exception, match="only ever added to"), kept.services["oversight"].transaction() as tx:
        tx.execute(text(change.format(table)))
