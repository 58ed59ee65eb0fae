"""What a source said and its reader heard: compared by day, so that a stolen key is found out."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from shared import bus, keyring, reconcile, worker
from shared.reconcile import Difference
from shared.wire import Postmark
from tests.world import World

BEIJING = ZoneInfo("Asia/Shanghai")
EVENTS = st.dictionaries(
    st.tuples(st.sampled_from(["2026-000001-4", "2026-000002-2"]), st.integers(1, 4)),
    st.sampled_from(["a", "b"]),
)


# ------------------------------------------------------------------------------------------ the rules


@given(EVENTS, EVENTS)
def test_summaries_are_equal_exactly_when_no_event_differs(said: dict, heard: dict) -> None:
    equal = reconcile.summary(said) == reconcile.summary(heard)
    assert equal == (said == heard) == (not reconcile.difference(said, heard))


def test_each_way_to_differ_is_told_apart() -> None:
    said = {("n", 1): "a", ("n", 2): "b", ("n", 3): "c"}
    heard = {("n", 2): "b", ("n", 3): "other", ("n", 4): "d"}
    assert reconcile.difference(said, heard) == Difference(
        unheard=(("n", 1),), unsaid=(("n", 4),), altered=(("n", 3),)
    )


def test_the_days_compared_are_those_of_utc_up_to_the_present_one() -> None:
    early = datetime(2026, 3, 2, 1, tzinfo=BEIJING)  # still the day before in UTC
    assert reconcile.days(early, 2) == [date(2026, 2, 28), date(2026, 3, 1)]


@pytest.mark.parametrize(
    ("last", "now", "expected"),
    [
        ("01 03:00", "01 23:00", False),
        ("01 03:00", "02 01:59", False),
        ("01 03:00", "02 02:00", True),
        ("01 01:00", "01 02:30", True),
        ("01 02:00", "01 02:00", False),
        ("01 03:00", "09 01:00", True),  # it was not running at night
    ],
)
def test_a_comparison_is_due_once_a_night(last: str, now: str, *, expected: bool) -> None:
    moments = [
        datetime.strptime(f"2026-03-{each}", "%Y-%m-%d %H:%M").replace(tzinfo=BEIJING) for each in (last, now)
    ]
    assert reconcile.due(*(moment.astimezone(UTC) for moment in moments), BEIJING) == expected


# ------------------------------------------------------------------------------------------ at night


@pytest.fixture
def night(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A suite in which one grievance is known to all, and every moment is the first of a night."""
    monkeypatch.setattr(worker, "PAUSE", 0.0)
    monkeypatch.setattr(reconcile, "REST", timedelta(0))
    world.register()
    world.settle()
    monkeypatch.setattr(reconcile, "due", lambda *_: True)
    yield world


def _compare(world: World) -> None:
    """Let a night's messages go round."""
    for _ in range(2):
        world.tick()


def _divergent(world: World, reader: str = "routing") -> list[str]:
    return [row.source for row in world.query(reader, "SELECT source FROM divergence ORDER BY source")]


def test_where_everything_was_heard_nothing_diverges(night: World) -> None:
    _compare(night)
    assert [_divergent(night, name) for name in ("intake", "routing", "oversight")] == [[], [], []]
    ages = {row.of for row in night.query("routing", "SELECT of FROM heartbeat")}
    assert {"digests", "compared intake", "compared oversight"} <= ages


def _publish(world: World, sender: str, to: str, kind: str, body: object) -> None:
    """Put a frame on a list, signed by `sender`."""
    secrets = world.services[sender].settings.secrets
    postmark = Postmark(keyring.signer(secrets, sender), keyring.seal(secrets, "bus"))
    pipe = bus.Bus(world.servers.redis_url, sender)
    pipe.publish(to, postmark.close(to, kind, body))
    pipe.close()


def _lose(world: World) -> None:
    """Steal an event for routing from its list, and confirm it with routing's own key."""
    world.register("another")
    for each in world.workers:
        each.bus.close()  # else routing already waits for what comes first
    world.worker("intake").round()
    assert world.redis.delete(bus.queue("routing")) == 1
    waiting = "SELECT event_id FROM outbox WHERE dest = 'routing' AND state = 'sent'"
    (row,) = world.query("intake", waiting)
    forged = {"applied": [str(row.event_id)], "parked": {}, "discarded": []}
    _publish(world, "routing", "intake", "receipts", forged)
    world.settle()


def test_a_receipt_forged_with_the_readers_own_key_is_found_out_and_mended(night: World) -> None:
    _lose(night)
    assert night.count("routing", "case_file") == 1  # and nobody waits for the other
    with capture_logs() as logs:
        _compare(night)
    assert _divergent(night) == ["intake"]
    assert any((line["log_level"], line["event"]) == ("critical", "divergence") for line in logs)
    _send_again(night)
    _compare(night)
    assert (_divergent(night), night.count("routing", "case_file")) == ([], 2)


def _send_again(world: World) -> None:
    with world.services["intake"].transaction() as tx, world.services["routing"].transaction() as other:
        until = reconcile.limit(tx)
        (day,) = reconcile.days(until, 1)
        said = reconcile.said(tx, "routing", day, until).settled
        found = reconcile.difference(said, reconcile.heard(other, "intake", day, until))
        reconcile.send_again(tx, "routing", found.unheard)
    world.settle()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM inbox WHERE source = 'intake'",
        "UPDATE inbox SET digest = 'another' WHERE source = 'intake'",
        "INSERT INTO inbox (source, subject, sequence, event_id, type, digest, status, attempts, said_at) "
        "SELECT source, subject, 9, gen_random_uuid(), type, digest, status, 1, said_at FROM inbox "
        "WHERE source = 'intake'",
        "UPDATE inbox SET status = 'received' WHERE source = 'intake'",  # and has no effect
    ],
)
def test_a_reader_that_lost_altered_or_invented_an_event_is_found_out(night: World, damage: str) -> None:
    night.query("routing", f"{damage} RETURNING 1")
    _compare(night)
    assert _divergent(night) == ["intake"]


def test_a_source_whose_words_were_altered_is_found_out(night: World) -> None:
    altered = "UPDATE outbox SET payload = replace(payload, 'claim', 'petition') WHERE dest = 'routing'"
    night.query("intake", f"{altered} RETURNING 1")
    _compare(night)
    assert _divergent(night) == ["intake"]
    assert _divergent(night, "oversight") == []


def test_days_that_are_told_again_hide_nothing_and_are_no_comparison(night: World) -> None:
    """Whoever can write to Redis keeps a frame of yesterday, and puts it there when something is wrong."""
    with night.services["intake"].transaction() as tx:
        kept = orjson.loads(orjson.dumps(reconcile.digests(tx, "routing")))
    night.register("another")
    night.settle()
    _compare(night)
    night.query("routing", "DELETE FROM inbox WHERE subject LIKE '%-000002-%' RETURNING 1")
    _compare(night)
    assert _divergent(night) == ["intake"]
    before = night.query("routing", "SELECT at FROM heartbeat WHERE of = 'compared intake'")
    _tell_again(night, kept)
    assert _divergent(night) == ["intake"]
    assert night.query("routing", "SELECT at FROM heartbeat WHERE of = 'compared intake'") == before


def _tell_again(world: World, kept: object) -> None:
    _publish(world, "intake", "routing", "digests", kept)
    for each in world.workers:
        each.bus.close()
    with capture_logs() as logs:
        world.worker("routing").round()
    assert "days told before" in {line["event"] for line in logs}


def test_what_has_no_receipt_yet_is_compared_on_neither_side(night: World) -> None:
    night.query("intake", "UPDATE outbox SET state = 'sent', next_at = now() + interval '1 hour' RETURNING 1")
    sender, reader = night.worker("intake"), night.worker("routing")
    sender.round()
    reader.round()
    assert _divergent(night) == []
    assert night.count("routing", "heartbeat", "of = 'compared intake'") == 1


def test_days_are_told_once_a_night_whichever_worker_asks_and_never_at_the_first_start(world: World) -> None:
    with world.services["intake"].transaction() as tx:
        assert not reconcile.take_turn(tx, ["routing"], BEIJING)
    world.query("intake", "UPDATE heartbeat SET at = at - interval '2 days' RETURNING 1")
    turns = []
    for _ in range(2):
        with world.services["intake"].transaction() as tx:
            turns.append(reconcile.take_turn(tx, ["routing"], BEIJING))
    assert turns == [True, False]


def test_a_broker_that_is_away_does_not_cost_the_night(night: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = night.worker("intake")
    sender.round()
    told = "SELECT at FROM heartbeat WHERE of = 'digests'"
    before = night.query("intake", told)
    monkeypatch.setattr(sender.bus, "url", "redis://127.0.0.1:1/0")
    sender.bus.close()
    sender.next_tick = 0.0
    sender.round()
    assert night.query("intake", told) == before


@pytest.mark.parametrize("body", [{}, [], None, {"until": "now", "days": []}, {"until": 1, "days": [{}]}])
def test_days_that_make_no_sense_are_quarantined(night: World, body: object) -> None:
    _publish(night, "intake", "routing", "digests", body)
    night.settle()
    night.worker("routing").round()
    assert night.count("routing", "quarantine", "reason = 'frame-invalid'") == 1
