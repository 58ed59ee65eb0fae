"""What a service says, kept with the state that it tells of."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection

from shared import delivery, outbox
from shared.contracts import Event
from shared.service import Service
from tests.shared import said
from tests.shared.said import FIRST, SECOND
from tests.world import World


@pytest.fixture
def intake(world: World) -> Service:
    return world.services["intake"]


@pytest.fixture
def tx(intake: Service) -> Iterator[Connection]:
    with intake.transaction() as connection:
        yield connection


def _say(service: Service, *events: Event) -> None:
    with service.transaction() as tx:
        outbox.add(tx, *events)


def _take(service: Service, dest: str = "routing", batch: int = 100, *, resend: bool = True) -> list[Any]:
    with service.transaction() as tx:
        return list(outbox.take(tx, dest, batch, resend=resend))


def _settle(service: Service, applied: list[str], parked: dict[str, str], dest: str = "routing") -> None:
    with service.transaction() as tx:
        outbox.settle(tx, dest, {"applied": applied, "parked": parked, "discarded": []})


def _states(world: World, dest: str = "routing") -> list[str]:
    rows = world.query("intake", "SELECT state FROM outbox WHERE dest = :dest ORDER BY serial", dest=dest)
    return [row.state for row in rows]


def _let_a_minute_pass(world: World) -> None:
    world.query("intake", "UPDATE outbox SET next_at = next_at - interval '1 minute' RETURNING 1")


def test_an_event_is_kept_for_every_reader_with_its_own_number(world: World, intake: Service) -> None:
    _say(intake, said.registered(), said.registered())
    rows = world.query("intake", "SELECT dest, sequence FROM outbox ORDER BY dest, sequence")
    assert [tuple(r) for r in rows] == [("oversight", 1), ("oversight", 2), ("routing", 1), ("routing", 2)]


def test_what_is_rolled_back_was_never_said_and_leaves_no_gap(world: World, intake: Service) -> None:
    _say(intake, said.registered())
    with pytest.raises(RuntimeError), intake.transaction() as tx:
        outbox.add(tx, said.registered(petitioners=99))
        raise RuntimeError
    _say(intake, said.registered())
    assert [row.sequence for row in _take(intake)] == [1, 2]


def test_numbers_have_no_gaps_while_many_speak_of_the_same_grievances(world: World, intake: Service) -> None:
    speakers = 4
    together = Barrier(speakers)

    def speak(n: int) -> None:
        together.wait()
        for turn in range(12):
            with suppress(InterruptedError), intake.transaction() as tx:
                outbox.add(tx, said.registered((FIRST, SECOND)[turn % 2]))
                if (n + turn) % 3 == 0:
                    raise InterruptedError

    with ThreadPoolExecutor(speakers) as pool:
        list(pool.map(speak, range(speakers)))
    streams = """
        SELECT dest, subject, array_agg(sequence ORDER BY serial) AS said
        FROM outbox GROUP BY dest, subject
    """
    kept = [list(row.said) for row in world.query("intake", streams)]
    assert kept == [list(range(1, 17))] * 4


def test_a_row_is_marked_sent_before_anyone_could_send_it(world: World, intake: Service) -> None:
    _say(intake, said.registered())
    assert len(_take(intake)) == 1
    sent = world.query(
        "intake", "SELECT state, attempts, next_at > now() AS later FROM outbox WHERE dest = 'routing'"
    )[0]
    assert tuple(sent) == ("sent", 1, True)
    assert _states(world, "oversight") == ["pending"]


def test_what_was_sent_waits_for_its_receipt_before_it_is_sent_again(world: World, intake: Service) -> None:
    _say(intake, said.registered())
    _take(intake)
    assert _take(intake) == []
    _let_a_minute_pass(world)
    assert [row.attempts for row in _take(intake)] == [2]


def test_nothing_is_sent_again_to_a_destination_that_is_busy(world: World, intake: Service) -> None:
    _say(intake, said.registered())
    _take(intake)
    _let_a_minute_pass(world)
    _say(intake, said.registered(SECOND))
    assert [row.subject for row in _take(intake, resend=False)] == [SECOND]


def test_each_resend_waits_longer_up_to_half_a_minute(world: World, intake: Service) -> None:
    _say(intake, said.registered())
    waits = []
    for _ in range(6):
        _take(intake)
        row = world.query(
            "intake", "SELECT extract(epoch FROM next_at - now()) AS s FROM outbox WHERE dest = 'routing'"
        )[0]
        waits.append(float(row.s))
        _let_a_minute_pass(world)
    usual = [5, 10, 20, 30, 30, 30]
    assert all(
        0.7 * expected < wait <= 1.25 * expected for wait, expected in zip(waits, usual, strict=True)
    ), waits


def test_no_more_than_the_window_is_in_flight(
    world: World, intake: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "WINDOW", 5)
    _say(intake, *[said.registered()] * 8)
    assert len(_take(intake, batch=3)) == 3
    first = _take(intake)
    assert len(first) == 2
    assert _take(intake) == []
    _settle(intake, [str(row.event_id) for row in first], {})
    assert [row.sequence for row in _take(intake)] == [6, 7]


def test_what_stands_behind_a_parked_event_does_not_use_up_the_window(
    world: World, intake: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader holds it without a receipt; a window full of such rows would stop all other grievances."""
    monkeypatch.setattr(delivery, "WINDOW", 3)
    _say(intake, *[said.registered()] * 3)
    poisoned = str(_take(intake)[0].event_id)
    _settle(intake, [], {poisoned: "rule-violated"})
    _say(intake, said.registered(), said.registered(SECOND))
    assert [row.subject for row in _take(intake)] == [SECOND]
    _settle(intake, [poisoned], {})
    _let_a_minute_pass(world)
    assert [row.sequence for row in _take(intake)] == [2, 3, 4]


def test_what_is_committed_late_is_not_skipped(world: World, intake: Service) -> None:
    with intake.transaction() as slow:
        outbox.add(slow, said.registered(FIRST))
        _say(intake, said.registered(SECOND))
        assert [row.subject for row in _take(intake)] == [SECOND]
    assert [row.subject for row in _take(intake)] == [FIRST]


def test_two_relays_never_take_the_same_row(world: World, intake: Service) -> None:
    _say(intake, *[said.registered()] * 6)
    with intake.transaction() as one, intake.transaction() as other:
        first = outbox.take(one, "routing", 3, resend=True)
        second = outbox.take(other, "routing", 100, resend=True)
    assert [row.sequence for row in first] == [1, 2, 3]
    assert [row.sequence for row in second] == [4, 5, 6]


def test_a_receipt_confirms_and_nothing_is_sent_again(world: World, intake: Service) -> None:
    _say(intake, said.registered())
    taken = _take(intake)
    _settle(intake, [str(taken[0].event_id)], {})
    _let_a_minute_pass(world)
    assert (_states(world), _take(intake)) == (["confirmed"], [])


def test_a_receipt_speaks_for_its_own_sender_only(world: World, intake: Service) -> None:
    _say(intake, said.registered())
    taken = _take(intake)
    _settle(intake, [str(taken[0].event_id)], {}, dest="oversight")
    assert (_states(world), _states(world, "oversight")) == (["sent"], ["confirmed"])


@pytest.mark.parametrize(
    ("applied", "parked"),
    [
        (["nonsense"], {}),
        ([""], {"": "x"}),
        (["0" * 32], {}),
        (["00000000-0000-4000-8000-000000000000"], {"00000000-0000-4000-8000-000000000000": "x"}),
        ([], {"nonsense": "schema-invalid"}),
        ([], {}),
    ],
)
def test_ids_that_are_none_or_not_ours_change_nothing(
    world: World, intake: Service, applied: list[str], parked: dict[str, str]
) -> None:
    _say(intake, said.registered())
    _take(intake)
    _settle(intake, applied, parked)
    assert _states(world) == ["sent"]


def test_nonsense_in_a_receipt_does_not_spoil_the_rest_of_it(world: World, intake: Service) -> None:
    _say(intake, said.registered())
    taken = _take(intake)
    _settle(intake, ["nonsense", str(taken[0].event_id)], {})
    assert _states(world) == ["confirmed"]


def test_a_parked_event_is_not_sent_again_until_its_receipt_confirms_it(
    world: World, intake: Service
) -> None:
    _say(intake, said.registered())
    id_ = str(_take(intake)[0].event_id)
    _settle(intake, [], {id_: "rule-violated"})
    _let_a_minute_pass(world)
    assert (_states(world), _take(intake)) == (["parked"], [])
    _settle(intake, [id_], {})
    assert _states(world) == ["confirmed"]


def test_an_old_receipt_does_not_park_what_was_confirmed(world: World, intake: Service) -> None:
    _say(intake, said.registered())
    id_ = str(_take(intake)[0].event_id)
    _settle(intake, [id_], {})
    _settle(intake, [], {id_: "rule-violated"})
    assert _states(world) == ["confirmed"]


def test_reopening_makes_what_is_unconfirmed_due_at_once(world: World, intake: Service) -> None:
    _say(intake, said.registered(), said.registered())
    taken = _take(intake)
    _settle(intake, [str(taken[0].event_id)], {})
    with intake.transaction() as tx:
        assert outbox.reopen(tx, "routing") == 1
    assert [row.sequence for row in _take(intake)] == [2]


def test_figures_tell_what_waits_and_for_how_long(tx: Connection) -> None:
    assert outbox.figures(tx)["outbox_unconfirmed"] == 0
    outbox.add(tx, said.registered())
    figures = outbox.figures(tx)
    assert (figures["outbox_unconfirmed"], figures["outbox_parked"]) == (2, 0)
    assert figures["oldest_unconfirmed_seconds"] >= 0


def test_the_envelope_of_a_row_says_what_was_kept(intake: Service) -> None:
    _say(intake, said.registered(summary="路灯不亮"))
    row = _take(intake)[0]
    made = outbox.envelope("intake", row)
    assert (made["source"], made["subject"], made["sequence"]) == ("intake", FIRST, 1)
    assert (made["type"], made["data"]["summary"]) == ("grievance.registered", "路灯不亮")


def test_the_reader_is_asked_again_about_what_it_parked(world: World, intake: Service) -> None:
    """A receipt that was lost after a retry may not leave the event parked for ever."""
    _say(intake, said.registered())
    (taken,) = _take(intake)
    _settle(intake, [], {str(taken.event_id): "rule-violated"})
    _let_a_minute_pass(world)
    assert _take(intake) == []
    world.query("intake", "UPDATE outbox SET next_at = now() - interval '1 second' RETURNING 1")
    assert [row.event_id for row in _take(intake)] == [taken.event_id]
    assert _states(world) == ["parked"]
    assert _take(intake) == []
    _settle(intake, [str(taken.event_id)], {})
    assert _states(world) == ["confirmed"]


def test_what_the_reader_discarded_ends_as_discarded(world: World, intake: Service) -> None:
    _say(intake, said.registered())
    (taken,) = _take(intake)
    id_ = str(taken.event_id)
    _settle(intake, [], {id_: "rule-violated"})
    with intake.transaction() as tx:
        outbox.settle(tx, "routing", {"applied": [], "parked": {}, "discarded": [id_]})
    assert _states(world) == ["discarded"]
    _settle(intake, [], {id_: "rule-violated"})  # an older receipt, overtaken on its way
    assert _states(world) == ["discarded"]
