"""Routing's tables and queries, on real PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import InternalError, OperationalError, ProgrammingError

from services.routing import domain, store
from services.routing.domain import Act, Case, Entry
from services.routing.store import Ledger
from shared import database, numbers
from shared.paging import PAGE
from shared.policy import Reach
from shared.policy.reach import Clause
from tests.routing.cases import DIRECTORY, DUST, NUMBER, RECEIVED
from tests.shared.said import registered
from tests.world import World

LATER = RECEIVED + timedelta(days=1)


def opened(world: World, **changes: object) -> Case:
    change = domain.route(registered(**changes), DIRECTORY, RECEIVED)
    with world.services["routing"].transaction() as tx:
        store.add(tx, change)
    return change.case


ALL = Reach(())


def unseen(unit: str) -> Reach:
    """All but what accuses a unit."""
    return Reach((Clause("accused", frozenset({unit}), outside=True),))


def of(department: str | None, **changes: object) -> Ledger:
    reach = ALL if department is None else unseen(department)
    return replace(Ledger(reach, department, None, 1), **changes)


def test_a_case_comes_back_as_it_was_kept(world: World) -> None:
    assigned, waiting = opened(world, **DUST), opened(world, number=numbers.make(2026, 2))
    with world.services["routing"].reading() as tx:
        kept = store.get(tx, NUMBER)
        assert kept is not None
        assert replace(kept, tasks=()) == replace(assigned, tasks=())
        assert set(kept.tasks) == set(assigned.tasks)
        assert store.get(tx, waiting.number) == waiting
        assert store.get(tx, numbers.make(2026, 3)) is None


def test_what_an_act_changed_is_kept_and_nothing_else(world: World) -> None:
    case = opened(world, **DUST)
    change = domain.object_to(case, Act("housing", "key-1", LATER), "不属本单位", None)
    with world.services["routing"].transaction() as tx:
        store.keep(tx, case, change)
    with world.services["routing"].reading() as tx:
        kept = store.get(tx, NUMBER)
        entries = store.entries(tx, NUMBER, "housing")
    assert kept is not None
    assert (kept.state, kept.waits, kept.task("housing").objection) == ("triage", "objection", "不属本单位")
    assert kept.task("environment") == case.task("environment")
    assert [entry.what for entry in entries] == ["case.assigned", "task.objected"]
    assert entries[-1] == change.entries[0]


@pytest.mark.parametrize("change", ["UPDATE ledger_entry SET words = '{}'", "DELETE FROM ledger_entry"])
def test_a_ledger_entry_can_be_neither_edited_nor_removed(world: World, change: str) -> None:
    opened(world, **DUST)
    with pytest.raises((InternalError, ProgrammingError), match="never edited"):
        world.query("routing", change)


def test_a_locked_case_has_one_writer(world: World) -> None:
    opened(world, **DUST)
    service = world.services["routing"]
    with service.transaction() as first, service.transaction() as second:
        assert store.locked(first, NUMBER) is not None
        with pytest.raises(OperationalError) as caught:
            store.locked(second, NUMBER)
        assert database.waited_for_lock(caught.value)


def test_a_ledger_lists_one_departments_tasks_with_their_last_entry(world: World) -> None:
    opened(world, **DUST)
    opened(world, **DUST, number=numbers.make(2026, 2))
    note = Entry(NUMBER, "housing", "notice.served", {"rung": "reminder"}, LATER, "oversight")
    with world.services["routing"].transaction() as tx:
        store.note(tx, [note])
        total, lines = store.ledger(tx, of("housing"))
    assert total == 2
    assert [line.task.number for line in lines] == [numbers.make(2026, 2), NUMBER]
    assert [line.entries for line in lines] == [1, 2]
    assert lines[1].last == note
    assert lines[1].summary == DUST["summary"]


def test_a_ledger_is_filtered_by_state_and_comes_in_pages(world: World) -> None:
    for sequence in range(1, PAGE + 3):
        opened(world, **DUST, number=numbers.make(2026, sequence))
    with world.services["routing"].reading() as tx:
        total, lines = store.ledger(tx, of("housing", page=2))
        assert (total, len(lines)) == (PAGE + 2, 2)
        assert store.ledger(tx, of("housing", state="accepted")) == (0, [])
        assert store.ledger(tx, of(None, state="assigned"))[0] == 3 * (PAGE + 2)


def test_a_task_without_entries_is_listed_too(world: World) -> None:
    change = domain.route(registered(**DUST), DIRECTORY, RECEIVED)
    with world.services["routing"].transaction() as tx:
        store.add(tx, replace(change, entries=()))
        [line] = store.ledger(tx, of("housing"))[1]
    assert (line.entries, line.last) == (0, None)


def test_an_accusation_is_in_no_list_and_no_count_of_the_accused(world: World) -> None:
    opened(world, kind="accusation", unit="discipline")
    opened(world, kind="accusation", unit="housing", number=numbers.make(2026, 2))
    with world.services["routing"].reading() as tx:
        assert store.ledger(tx, of("discipline"))[0] == 1
        assert store.ledger(tx, of(None, reach=unseen("housing")))[0] == 1
        assert store.ledger(tx, of(None))[0] == 2


def test_the_longest_waiting_case_is_first_in_triage(world: World) -> None:
    late = opened(world)
    with world.services["routing"].transaction() as tx:
        early = domain.route(
            registered(number=numbers.make(2026, 2)), DIRECTORY, RECEIVED - timedelta(days=1)
        )
        store.add(tx, early)
        hidden = replace(early.case, number=numbers.make(2026, 3), kind="accusation", unit="centre")
        store.add(tx, replace(early, case=hidden))
        assert store.waiting(tx, unseen("centre"), 1) == (2, [early.case, late])
        assert store.waiting(tx, ALL, 1)[0] == 3
        assert store.waiting(tx, ALL, 2) == (3, [])


def test_a_case_back_in_triage_is_listed_with_its_objections(world: World) -> None:
    case = opened(world, **DUST)
    change = domain.object_to(case, Act("housing", "key-1", LATER), "不属本单位", None)
    with world.services["routing"].transaction() as tx:
        store.keep(tx, case, change)
        [waiting] = store.waiting(tx, ALL, 1)[1]
    assert waiting.task("housing").objection == "不属本单位"
    assert len(waiting.tasks) == 3
