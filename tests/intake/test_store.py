"""Intake's tables and queries, on real PostgreSQL."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from services.intake import domain, store
from services.intake.domain import Deadline, Grievance, Petitioner, Step
from shared import numbers, outbox, vault
from shared.idempotency import Request
from shared.paging import PAGE
from shared.policy import Reach
from shared.policy.reach import Clause
from shared.vault import Vault
from tests.intake.test_domain import NOW, NUMBER, new, registered
from tests.world import World

OTHER = numbers.make(2026, 2)
ALL = Reach(())


@pytest.fixture
def tx(world: World) -> Iterator[Connection]:
    with world.services["intake"].transaction() as connection:
        yield connection


@pytest.fixture
def safe(world: World) -> Vault:
    return vault.at(world.services["intake"].settings.secrets)


def _kept(tx: Connection, safe: Vault, **changes: Any) -> Grievance:
    grievance = replace(registered(), **changes)
    assert _register(tx, safe, grievance, new().petitioners)
    return grievance


def _register(
    tx: Connection, safe: Vault, grievance: Grievance, petitioners: Sequence[Petitioner], key: str = ""
) -> bool:
    claiming = Request("caller", key or grievance.number, b"digest").claiming(grievance.number)
    kept = store.keeping(safe, grievance, petitioners)
    return store.register(_driver(tx), claiming | kept | outbox.telling(domain.registered(grievance)))


def _driver(tx: Connection) -> Any:
    """The connection under a transaction: what is done there belongs to it."""
    return tx.connection.driver_connection


def test_a_grievance_comes_back_as_it_was_kept(tx: Connection, safe: Vault) -> None:
    full = _kept(tx, safe, category="water", place="shiliang", unit="housing", urgency="urgent")
    assert store.get(tx, NUMBER) == full
    assert store.get(tx, OTHER) is None


def test_its_petitioners_come_back_in_their_order(tx: Connection, safe: Vault) -> None:
    crowd = [
        Petitioner(
            f"人{n}", None if n else "199", "11010519491231002X" if n else None, None, representative=n < 2
        )
        for n in range(12)
    ]
    assert _register(tx, safe, registered(), crowd)
    assert store.petitioners.get(tx, safe, NUMBER) == crowd


def test_numbers_are_counted_on(tx: Connection) -> None:
    first = store.next_sequence(_driver(tx))
    assert store.next_sequence(_driver(tx)) == first + 1


def test_a_request_that_comes_again_keeps_nothing_and_says_nothing(tx: Connection, safe: Vault) -> None:
    _kept(tx, safe)
    again = replace(registered(), number=OTHER)
    assert not _register(tx, safe, again, new().petitioners, key=NUMBER)
    assert store.get(tx, OTHER) is None
    assert store.petitioners.get(tx, safe, OTHER) == []
    assert tx.exec_driver_sql("SELECT DISTINCT subject FROM outbox").scalars().all() == [NUMBER]


@pytest.mark.parametrize("unit", [None, "housing", "tax"])
@pytest.mark.parametrize("kind", ["claim", "accusation"])
def test_a_list_and_its_count_hold_what_is_within_reach_and_nothing_else(
    tx: Connection, safe: Vault, kind: str, unit: str | None
) -> None:
    kept = _kept(tx, safe, kind=kind, unit=unit)
    reach = Reach((Clause("accused", frozenset({"housing"}), outside=True),))
    seen = (kind, unit) != ("accusation", "housing")
    assert reach.holds(domain.facts(kept)) is seen
    assert store.listed(tx, reach, None, None, 1) == ((1, [kept]) if seen else (0, []))


def test_a_list_is_paged_the_newest_first(tx: Connection, safe: Vault) -> None:
    for n in range(PAGE + 2):
        _kept(tx, safe, number=numbers.make(2026, n + 1), registered_at=NOW + timedelta(minutes=n))
    total, first = store.listed(tx, ALL, None, None, 1)
    _, second = store.listed(tx, ALL, None, None, 2)
    assert (total, len(first), len(second)) == (PAGE + 2, PAGE, 2)
    assert first[0].number == numbers.make(2026, PAGE + 2)
    assert second[-1].number == NUMBER


def test_a_list_is_narrowed_to_a_status_and_to_one_person(tx: Connection, safe: Vault) -> None:
    _kept(tx, safe)
    _kept(tx, safe, number=OTHER, status="triage")
    index = safe.indexes("phone", domain.phone_digits("+86 199 0000 1234"))
    assert store.listed(tx, ALL, "triage", None, 1)[0] == 1
    assert store.listed(tx, ALL, None, index, 1)[0] == 2
    assert store.listed(tx, ALL, "triage", index, 1)[1][0].number == OTHER
    assert store.listed(tx, ALL, None, safe.indexes("phone", "1"), 1) == (0, [])


def test_only_allowed_moves_move_a_grievance(tx: Connection, safe: Vault) -> None:
    _kept(tx, safe)
    for wanted, status in [("accepted", "registered"), ("assigned", "assigned"), ("answered", "answered"),
                           ("triage", "answered")]:  # fmt: skip
        store.move(tx, [NUMBER], wanted)
        assert store.tracking(tx, NUMBER).status == status


def test_an_assignment_is_kept_as_it_was_last_said(tx: Connection, safe: Vault) -> None:
    _kept(tx, safe)
    store.assign(tx, {NUMBER: ("water", ())})
    store.assign(tx, {NUMBER: ("housing", ("gas", "water-supply"))})
    seen = store.tracking(tx, NUMBER)
    assert (seen.lead, seen.cooperating) == ("housing", ("gas", "water-supply"))


def test_what_happened_is_read_in_the_order_in_which_it_happened(tx: Connection, safe: Vault) -> None:
    _kept(tx, safe)
    later = Step("task.accepted", "housing", {}, NOW + timedelta(days=1))
    earlier = Step("case.assigned", "housing", {"a": "甲"}, NOW)
    store.add_steps(tx, {NUMBER: later})
    store.add_steps(tx, {NUMBER: earlier})
    assert store.tracking(tx, NUMBER).steps == (earlier, later)


def test_a_deadline_is_kept_as_it_was_last_told(tx: Connection, safe: Vault) -> None:
    _kept(tx, safe)
    running = Deadline(f"{NUMBER}.housing.handling", "handling", "housing", NOW, "running")
    store.set_deadlines(tx, {NUMBER: running})
    store.set_deadlines(tx, {NUMBER: replace(running, state="missed")})
    assert store.tracking(tx, NUMBER).deadlines == (replace(running, state="missed"),)


def test_failed_lookups_are_counted_by_number_and_by_address_and_forgotten(tx: Connection) -> None:
    kept = domain.FAILURES_KEPT
    store.note_lookup_failure(tx, ["number a", "address x"], NOW - kept - timedelta(seconds=1), kept)
    for number in ("a", "b", "c"):
        store.note_lookup_failure(tx, [f"number {number}", "address x"], NOW, kept)
    counted = store.lookup_failures(tx, ["number a", "number d", "address x"], NOW - kept)
    assert counted == {"number a": 1, "address x": 3}
