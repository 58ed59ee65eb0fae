"""What a service heard: applied exactly once and in order, whatever arrives and however often."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from services.routing import store
from services.routing.domain import Entry
from shared import delivery, inbox
from shared.contracts import GrievanceRegistered, NoticeServed
from shared.inbox import Door, Receipt, attention
from shared.problems import Conflict, NotFound
from shared.service import Service
from shared.wire import Envelope, Unreadable
from tests.shared import said
from tests.shared.said import AT, FIRST, SECOND
from tests.world import World

# The effect of an event here is a line in the ledger, which has no key that would hide a second one.
Handle = Callable[[Service, Connection, Any], None]


def _write(_: Service, tx: Connection, event: GrievanceRegistered) -> None:
    store.note(tx, [Entry(event.number, "test", "effect", {"n": str(event.petitioners)}, AT, "test")])


def _failing(when: Callable[[GrievanceRegistered], bool], error: Exception) -> Handle:
    """The effect, and then an error for some events: what was done must be undone."""

    def handle(service: Service, tx: Connection, event: GrievanceRegistered) -> None:
        _write(service, tx, event)
        if when(event):
            raise error

    return handle


def _each(handle: Handle) -> inbox.Handler:
    """A handler of batches that knows only single events."""

    def handle_all(service: Service, tx: Connection, events: Sequence[GrievanceRegistered]) -> None:
        for event in events:
            handle(service, tx, event)

    return handle_all


class Listener:
    """Routing's message door with a handler of the test's choice."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.service = world.services["routing"]
        self.open(_write)

    def open(self, handle: Handle) -> None:
        self.door = Door(self.service, {GrievanceRegistered: _each(handle)})

    def hear(self, *envelopes: Envelope) -> Receipt:
        return self.door.accept("intake", envelopes)

    def effects(self, number: str = FIRST) -> list[int]:
        written = "SELECT words->>'n' FROM ledger_entry WHERE number = :of ORDER BY ledger_entry.n"
        return [int(row[0]) for row in self.world.query("routing", written, of=number)]

    def statuses(self, number: str = FIRST) -> list[str]:
        rows = self.world.query(
            "routing", "SELECT status FROM inbox WHERE subject = :of ORDER BY sequence", of=number
        )
        return [row.status for row in rows]

    def position(self, number: str = FIRST) -> int:
        rows = self.world.query("routing", "SELECT n FROM stream_position WHERE subject = :of", of=number)
        return int(rows[0].n) if rows else 0

    def retry(self, envelope: Envelope) -> bool:
        with self.service.transaction() as tx:
            return inbox.retry(tx, envelope.id)


@pytest.fixture
def listener(world: World) -> Listener:
    return Listener(world)


# ----------------------------------------------------------------------------- once, and in order


def test_what_is_heard_has_its_effect_and_is_receipted(listener: Listener) -> None:
    one, two = said.stream(2)
    assert listener.hear(one, two) == Receipt([one.id, two.id], {})
    assert (listener.effects(), listener.statuses(), listener.position()) == ([1, 2], ["applied"] * 2, 2)


def test_a_second_delivery_has_no_effect_but_is_receipted_again(listener: Listener) -> None:
    one, two = said.stream(2)
    listener.hear(one, two)
    assert sorted(listener.hear(one, two, one).applied) == sorted([one.id, two.id])
    assert listener.effects() == [1, 2]


def test_a_duplicate_is_told_by_its_place_when_its_row_was_long_pruned(listener: Listener) -> None:
    one, two = said.stream(2)
    listener.hear(one, two)
    listener.world.query("routing", "DELETE FROM inbox RETURNING 1")
    assert listener.hear(one).applied == [one.id]
    assert (listener.effects(), listener.position()) == ([1, 2], 2)


def test_what_arrives_in_any_order_is_applied_in_its_own(listener: Listener) -> None:
    one, two, three = said.stream(3)
    assert listener.hear(three, one, two).applied == [one.id, two.id, three.id]
    assert listener.effects() == [1, 2, 3]


def test_what_comes_early_is_held_unreceipted_and_applied_in_its_turn(listener: Listener) -> None:
    one, two, three = said.stream(3)
    assert listener.hear(three, two) == Receipt()
    assert (listener.effects(), listener.statuses()) == ([], ["held", "held"])
    assert listener.hear(one).applied == [one.id, two.id, three.id]
    assert (listener.effects(), listener.statuses()) == ([1, 2, 3], ["applied"] * 3)


def test_what_is_held_and_comes_again_stays_held(listener: Listener) -> None:
    _, two = said.stream(2)
    for _ in range(delivery.MAX_ATTEMPTS + 2):
        assert listener.hear(two) == Receipt()
    assert listener.statuses() == ["held"]


def test_grievances_do_not_wait_for_each_other(listener: Listener) -> None:
    _, early = said.stream(2)
    (other,) = said.stream(1, SECOND)
    assert listener.hear(early, other).applied == [other.id]
    assert listener.effects(SECOND) == [1]


def test_sources_count_each_for_itself(listener: Listener) -> None:
    listener.hear(*said.stream(2))
    served = NoticeServed(FIRST, "2026-0001", "reminder", "housing", "handling", AT, None, AT)
    door = Door(listener.service, {NoticeServed: lambda *_: None})
    assert door.accept("oversight", [said.envelope(served, 1, "oversight")]).applied


def test_nothing_heard_is_nothing_done(listener: Listener) -> None:
    assert listener.hear() == Receipt()
    assert listener.door.drain() == {}


# ------------------------------------------------------------------------------------- two workers


def test_two_workers_with_the_same_stream_apply_it_once_and_in_order(listener: Listener) -> None:
    events = [*said.stream(12), *said.stream(12, SECOND)]
    other = Door(listener.service, listener.door.consumes)
    with ThreadPoolExecutor(2) as pool:
        for start in range(0, 12, 4):
            batch = [e for e in events if start < e.sequence <= start + 4]
            list(pool.map(lambda door, b=batch: door.accept("intake", b), (listener.door, other)))
    listener.hear(*events)
    assert listener.effects(FIRST) == listener.effects(SECOND) == list(range(1, 13))
    assert listener.statuses(FIRST) == ["applied"] * 12


# ----------------------------------------------------------------------- what cannot be applied


def _poisoned(listener: Listener, error: Exception) -> None:
    listener.open(_failing(lambda event: event.petitioners == 2, error))


@pytest.mark.parametrize(
    ("error", "reason"),
    [(Conflict("不行", "No"), "rule-violated"), (Unreadable("schema-invalid", "x"), "schema-invalid")],
)
def test_what_can_never_be_applied_is_parked_at_once_with_its_reason(
    listener: Listener, error: Exception, reason: str
) -> None:
    _poisoned(listener, error)
    one, two, three = said.stream(3)
    (other,) = said.stream(1, SECOND)
    receipt = listener.hear(one, two, three, other)
    assert (sorted(receipt.applied), receipt.parked) == (sorted([one.id, other.id]), {two.id: reason})
    assert (listener.effects(), listener.effects(SECOND)) == ([1], [1])
    assert listener.statuses() == ["applied", "parked", "held"]


def test_a_parked_event_that_comes_again_is_receipted_as_parked(listener: Listener) -> None:
    _poisoned(listener, Conflict())
    listener.hear(*said.stream(2))
    two = said.stream(2)[1]
    assert listener.hear(two) == Receipt([], {two.id: "rule-violated"})


def test_data_that_does_not_fit_its_type_is_parked(listener: Listener) -> None:
    broken = said.envelope(said.registered(), 1, data={"number": FIRST})
    assert listener.hear(broken).parked == {broken.id: "schema-invalid"}


@pytest.mark.parametrize("type_", ["grievance.unheard-of", "task.accepted"])
def test_a_type_that_is_unknown_or_not_for_us_is_parked(listener: Listener, type_: str) -> None:
    data = said.envelope(said.accepted(), 1).data
    strange = said.envelope(said.registered(), 1, type=type_, data=data)
    assert listener.hear(strange).parked == {strange.id: "type-unknown"}


def test_an_unknown_error_is_tried_five_times_and_then_parked(listener: Listener) -> None:
    _poisoned(listener, ZeroDivisionError("by zero"))
    _, two = events = said.stream(2)
    tries = 0
    while not (receipt := listener.hear(*events)).parked:
        tries += 1
    assert (tries, receipt.parked) == (delivery.MAX_ATTEMPTS - 2, {two.id: "handler-error"})
    assert listener.effects() == [1]
    row = listener.world.query("routing", "SELECT attempts, error FROM inbox WHERE status = 'parked'")[0]
    assert (row.attempts, "by zero" in row.error) == (delivery.MAX_ATTEMPTS, True)


def test_an_error_that_passes_leaves_no_trace_but_the_effect(listener: Listener) -> None:
    _poisoned(listener, ZeroDivisionError())
    events = said.stream(3)
    listener.hear(*events)
    listener.open(_write)
    assert len(listener.hear(*events).applied) == 2
    assert listener.door.drain()["intake"].applied == [events[2].id]
    assert (listener.effects(), listener.statuses()) == ([1, 2, 3], ["applied"] * 3)


@pytest.mark.parametrize("error", [Conflict(), ZeroDivisionError()])
def test_a_held_event_that_fails_does_not_take_its_predecessor_with_it(
    listener: Listener, error: Exception
) -> None:
    _poisoned(listener, error)
    one, two = said.stream(2)
    listener.hear(two)
    assert listener.hear(one) == Receipt([one.id], {})
    parked: dict[str, str] = {}
    for _ in range(delivery.MAX_ATTEMPTS):
        parked |= listener.door.drain().get("intake", Receipt()).parked
    assert (list(parked), listener.effects()) == ([two.id], [1])


def test_all_that_was_held_is_applied_by_draining_when_its_batch_failed(listener: Listener) -> None:
    one, two, three = said.stream(3)
    (bad,) = said.stream(1, SECOND)
    listener.hear(three, two)
    listener.open(_failing(lambda event: event.number == SECOND, Conflict()))
    assert listener.hear(one, bad).parked == {bad.id: "rule-violated"}
    assert listener.door.drain()["intake"].applied == [two.id, three.id]
    assert listener.effects() == [1, 2, 3]


class Killed(BaseException):
    """Stands for the end of the process: nobody catches it, and the transaction is lost."""


def test_an_event_that_kills_the_process_is_counted_and_parked(listener: Listener) -> None:
    def kill(_: Service, __: Connection, event: GrievanceRegistered) -> None:
        if event.petitioners == 1:
            raise Killed

    listener.open(kill)
    (one,) = said.stream(1)
    for _ in range(delivery.MAX_ATTEMPTS):
        with pytest.raises(Killed):
            listener.hear(one)
    assert listener.hear(one).parked == {one.id: "killed-process"}


def test_what_another_worker_has_applied_meanwhile_is_not_parked(listener: Listener) -> None:
    """One worker counts its last try and fails; before it parks the event, another one has applied it."""
    (one,) = said.stream(1)
    other = Door(listener.service, {GrievanceRegistered: _each(_write)})
    tries = iter(range(2))

    def overtaken(_: Service, tx: Connection, __: GrievanceRegistered) -> None:
        if next(tries) == 1:
            tx.rollback()  # lets go of the stream, as a lost connection does
            other.accept("intake", [one])
        raise Conflict

    listener.open(overtaken)
    assert listener.hear(one).parked == {}
    assert (listener.statuses(), listener.effects()) == (["applied"], [1])


# ------------------------------------------------------------------------------------- trying again


def test_a_parked_event_that_is_retried_is_applied_once_and_its_followers_after_it(
    listener: Listener,
) -> None:
    _poisoned(listener, Conflict())
    one, two, three = said.stream(3)
    listener.hear(one, two, three)
    listener.open(_write)
    assert listener.retry(two)
    assert listener.door.drain()["intake"].applied == [two.id, three.id]
    assert listener.door.drain() == {}
    assert (listener.effects(), listener.statuses()) == ([1, 2, 3], ["applied"] * 3)


def test_the_first_event_of_a_grievance_can_be_retried_too(listener: Listener) -> None:
    """Nothing of its stream was ever applied, so the stream has no position yet."""
    listener.open(_failing(lambda _: True, Conflict()))
    (one,) = said.stream(1)
    listener.hear(one)
    listener.open(_write)
    assert listener.retry(one)
    assert listener.door.drain()["intake"].applied == [one.id]
    assert (listener.effects(), listener.position()) == ([1], 1)


def test_a_retried_event_that_fails_again_is_parked_again(listener: Listener) -> None:
    _poisoned(listener, Conflict())
    _, two = events = said.stream(2)
    listener.hear(*events)
    listener.retry(two)
    assert listener.door.drain()["intake"].parked == {two.id: "rule-violated"}


def test_only_what_is_parked_can_be_retried(listener: Listener) -> None:
    (one,) = said.stream(1)
    listener.hear(one)
    assert not listener.retry(one)
    assert listener.statuses() == ["applied"]


# --------------------------------------------------------------------------- divergence, quarantine


@pytest.mark.parametrize("changes", [{"id": str(uuid4())}, {"data": {"number": FIRST}}])
def test_another_event_in_the_same_place_is_an_alarm_and_has_no_effect(
    listener: Listener, changes: dict[str, Any]
) -> None:
    (one,) = said.stream(1)
    listener.hear(one)
    other = said.envelope(said.registered(), 1, **({"id": one.id} | changes))
    with structlog.testing.capture_logs() as logs:
        listener.hear(other)
    assert [(log["event"], log["log_level"]) for log in logs] == [("divergence", "critical")]
    assert listener.effects() == [1]


@pytest.fixture
def tx(listener: Listener) -> Iterator[Connection]:
    with listener.service.transaction() as connection:
        yield connection


@pytest.mark.parametrize("content", ["text", "a\0b", "\ud800", {"a": "\0\udfff"}, None, 7, "x" * 200_000])
def test_whatever_is_none_of_ours_can_be_kept_in_quarantine(tx: Connection, content: Any) -> None:
    inbox.quarantine(tx, content, Unreadable("frame-invalid", "why"))
    row = tx.execute(text("SELECT reason, error, content FROM quarantine")).one()
    assert (row.reason, row.error) == ("frame-invalid", "frame-invalid: why")
    assert 0 < len(row.content) <= 10_000


def test_whoever_can_write_to_redis_does_not_fill_the_disk_and_is_counted(
    tx: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "FIRST", 2)
    monkeypatch.setattr(attention, "LATEST", 3)
    for n in range(9):
        inbox.quarantine(tx, n, Unreadable("frame-invalid", "why"))
    kept = tx.execute(text("SELECT content FROM quarantine ORDER BY id")).scalars().all()
    assert (kept, inbox.figures(tx)["quarantined"]) == (["0", "1", "6", "7", "8"], 9)


def test_figures_count_what_is_parked_held_and_in_quarantine(listener: Listener) -> None:
    _poisoned(listener, Conflict())
    listener.hear(*said.stream(4))
    with listener.service.transaction() as tx:
        inbox.quarantine(tx, "x", Unreadable("frame-invalid", "why"))
        assert inbox.figures(tx) == {"parked": 1, "held": 2, "quarantined": 1}
        assert [row.reason for row in inbox.parked(tx)] == ["rule-violated"]


def _by_sqlalchemy(_: Service, tx: Connection, sql: str) -> None:
    tx.execute(text(sql))


def _by_the_driver(service: Service, _: Connection, sql: str) -> None:
    with service.direct() as db:
        db.execute(sql)


@pytest.mark.parametrize("ask", [_by_sqlalchemy, _by_the_driver])
def test_what_is_too_big_for_the_database_is_parked_and_stops_nobody_else(
    listener: Listener, ask: Callable[[Service, Connection, str], None]
) -> None:
    """PostgreSQL reports such a limit like a lost connection; tried for ever, it would block the queue."""

    def too_big(service: Service, tx: Connection, event: GrievanceRegistered) -> None:
        if event.number == FIRST:
            ask(service, tx, "SELECT repeat('x', 2000000000)")
        _write(service, tx, event)

    listener.open(too_big)
    stuck, other = said.stream(1)[0], said.stream(1, SECOND)[0]
    assert listener.hear(stuck, other).applied == [other.id]
    for _ in range(delivery.MAX_ATTEMPTS):
        receipt = listener.hear(stuck)
    assert receipt.parked == {stuck.id: "handler-error"}


# ----------------------------------------------------------------------------- gaps, outages, new versions


def test_an_event_that_came_far_too_early_is_parked_instead_of_filling_the_house(listener: Listener) -> None:
    far = said.envelope(said.registered(), delivery.MOST_HELD + 2)
    assert listener.hear(far).parked == {far.id: "gap-too-large"}
    assert listener.statuses() == ["parked"]


def test_an_outage_during_tries_parks_nothing(listener: Listener) -> None:
    """However often the database goes away while an event is tried: those tries do not count."""
    (one,) = said.stream(1)
    listener.open(_failing(lambda _: True, OperationalError("", None, Exception("gone"))))
    for _ in range(3 * delivery.MAX_ATTEMPTS):
        with pytest.raises(OperationalError):
            listener.hear(one)
    listener.door = replace(listener.door, consumes={GrievanceRegistered: _each(_write)})
    assert listener.hear(one).applied == [one.id]


def test_what_an_older_version_did_not_know_is_applied_by_the_next(listener: Listener) -> None:
    one, two = said.stream(2)
    listener.door = Door(listener.service, {})
    assert listener.hear(one).parked == {one.id: "type-unknown"}
    assert listener.hear(two) == Receipt()
    listener.open(_write)
    with listener.service.transaction() as tx:
        assert inbox.retry_known(tx, ["task.accepted"]) == 0
        assert inbox.retry_known(tx, [one.type]) == 1
    assert listener.door.drain()["intake"].applied == [one.id, two.id]
    assert listener.effects() == [1, 2]


# ----------------------------------------------------------------------------- giving up, by two persons


def _ask(listener: Listener, envelope: Envelope, person: str = "first") -> None:
    with listener.service.transaction() as tx:
        inbox.ask_to_discard(tx, envelope.id, "同一事项已另行登记", person)


def _confirm(listener: Listener, envelope: Envelope, person: str = "second") -> None:
    with listener.service.transaction() as tx:
        inbox.confirm_discard(tx, envelope.id, person)


def _one_poisoned(listener: Listener) -> list[Envelope]:
    """Three events of a grievance, of which the first cannot be applied."""
    events = said.stream(3)
    listener.open(_failing(lambda event: event.petitioners == 1, Conflict()))
    listener.hear(*events)
    assert listener.statuses() == ["parked", "held", "held"]
    return events


def test_an_event_that_two_persons_gave_up_is_passed_over_and_the_rest_flows(listener: Listener) -> None:
    one, two, three = _one_poisoned(listener)
    _ask(listener, one)
    _confirm(listener, one)
    assert listener.door.drain()["intake"] == Receipt([two.id, three.id], {}, [one.id])
    assert (listener.effects(), listener.position()) == ([2, 3], 3)
    assert listener.statuses() == ["discarded", "applied", "applied"]
    assert listener.hear(one) == Receipt(discarded=[one.id])


def test_who_asked_for_a_discard_cannot_confirm_it(listener: Listener) -> None:
    one, *_ = _one_poisoned(listener)
    _ask(listener, one)
    with pytest.raises(Conflict):
        _confirm(listener, one, "first")
    assert listener.door.drain() == {}
    assert listener.statuses() == ["parked", "held", "held"]


def test_nothing_is_discarded_that_nobody_asked_for_or_that_is_not_parked(listener: Listener) -> None:
    one, two, _ = _one_poisoned(listener)
    with pytest.raises(NotFound):
        _confirm(listener, one)
    with pytest.raises(NotFound):
        _ask(listener, two)
    _ask(listener, one)
    with pytest.raises(Conflict):
        _ask(listener, one, "third")


def test_a_retry_takes_back_what_was_asked(listener: Listener) -> None:
    one, *_ = _one_poisoned(listener)
    _ask(listener, one)
    assert listener.retry(one)
    listener.door.drain()
    assert listener.statuses()[0] == "parked"
    with pytest.raises(NotFound):
        _confirm(listener, one)


def test_a_parked_event_shows_who_asked_to_give_it_up(listener: Listener) -> None:
    one, *_ = _one_poisoned(listener)
    _ask(listener, one)
    with listener.service.transaction() as tx:
        (row,) = inbox.parked(tx)
    assert (row.reason, row.discard_reason, row.asked_by) == ("rule-violated", "同一事项已另行登记", "first")
    assert row.confirmed_by is None
