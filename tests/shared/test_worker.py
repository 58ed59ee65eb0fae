"""The process beside each service, while its broker and its database come and go."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from shared import bus, delivery, incarnation, keyring, worker
from shared.service import Service
from shared.wire import Postmark
from shared.worker import Worker
from tests.world import NAMES, World


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PAUSE", 0.0)


def _states(world: World, dest: str = "routing") -> list[str]:
    rows = world.query("intake", "SELECT state FROM outbox WHERE dest = :dest ORDER BY serial", dest=dest)
    return [row.state for row in rows]


def _postmark(world: World, service: str) -> Postmark:
    secrets = world.services[service].settings.secrets
    return Postmark(keyring.signer(secrets, service), keyring.seal(secrets, "bus"))


def _put(world: World, to: str, frame: Any, sender: str = "routing") -> None:
    """Put anything on a service's list, as whoever reaches Redis can."""
    pipe = bus.Bus(world.servers.redis_url, sender)
    pipe.publish(to, frame)
    pipe.close()


def test_what_was_registered_arrives_everywhere_and_is_confirmed(world: World) -> None:
    world.register()
    world.settle()
    assert world.count("routing", "case_file") == world.count("oversight", "watched") == 1
    assert _states(world) == _states(world, "oversight") == ["confirmed"]


def test_after_a_wipe_everything_unconfirmed_is_sent_again_at_once(world: World) -> None:
    sender = world.worker("intake")
    sender.round()
    world.register()
    sender.round()
    assert _states(world) == ["sent"]
    world.redis.flushall()
    sender.round()  # finds another epoch
    receiver = world.worker("routing")
    receiver.round()
    assert world.count("routing", "case_file") == 1


def test_a_starting_worker_has_everything_unconfirmed_sent_again(world: World) -> None:
    sender = world.worker("intake")
    world.register()
    sender.round()
    world.redis.delete(bus.queue("routing"))  # a predecessor took it, and died
    sender.round()
    assert world.redis.llen(bus.queue("routing")) == 0
    successor = world.worker("routing")
    successor.round()  # greets
    sender.round()
    successor.round()
    assert world.count("routing", "case_file") == 1


def test_lost_receipts_are_given_again_and_nothing_is_doubled(world: World) -> None:
    sender, receiver = world.worker("intake"), world.worker("routing")
    world.register()
    receiver.round()
    sender.round()
    sender.bus.close()  # else it already waits for what comes first
    receiver.round()
    assert world.count("routing", "case_file") == 1
    assert world.redis.delete(bus.queue("intake")) == 1  # the receipt among others
    world.query("intake", "UPDATE outbox SET next_at = now() - interval '1 second' RETURNING 1")
    sender.round()
    receiver.round()
    sender.round()
    assert _states(world) == ["confirmed"]
    assert world.count("routing", "inbox") == world.count("routing", "case_file") == 1


def test_nothing_is_sent_again_while_the_destination_is_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "GATE", 0)
    sender = world.worker("intake")
    world.register()
    sender.round()
    waiting = world.redis.llen(bus.queue("routing"))
    world.query("intake", "UPDATE outbox SET next_at = now() - interval '1 second' RETURNING 1")
    sender.round()
    assert world.redis.llen(bus.queue("routing")) == waiting > 0


@pytest.mark.parametrize("frame", [{"header": "x"}, {"a": "\0\ud800"}, ["民"], "text", None])
def test_what_is_none_of_ours_is_quarantined_and_work_goes_on(world: World, frame: Any) -> None:
    _put(world, "routing", frame)
    world.register()
    world.settle()
    assert world.count("routing", "quarantine") == 1
    assert world.count("routing", "case_file") == 1


def test_a_forged_event_and_a_forged_receipt_have_no_effect(world: World, tmp_path: Any) -> None:
    keyring.create(tmp_path / "strange")
    strange = Postmark(
        keyring.signer(tmp_path / "strange", "routing"), keyring.seal(tmp_path / "strange", "bus")
    )
    world.register()
    sender = world.worker("intake")
    sender.round()
    id_ = str(world.query("intake", "SELECT event_id FROM outbox WHERE dest = 'routing'")[0].event_id)
    _put(
        world,
        "intake",
        strange.close("intake", "receipts", {"applied": [id_], "parked": {}, "discarded": []}),
    )
    sender.round()
    assert _states(world) == ["sent"]
    assert world.count("intake", "quarantine", "reason = 'signature-bad'") == 1


@pytest.mark.parametrize(
    "body",
    [
        {"applied": ["nonsense"], "parked": {"nonsense": "x"}, "discarded": []},
        {"applied": 5, "parked": [], "discarded": []},
        [],
        {},
        None,
    ],
)
def test_a_receipt_that_makes_no_sense_changes_nothing_and_stops_nothing(world: World, body: Any) -> None:
    world.register()
    sender = world.worker("intake")
    sender.round()
    _put(world, "intake", _postmark(world, "routing").close("intake", "receipts", body))
    sender.round()
    assert _states(world) == ["sent"]
    world.settle()


def test_a_batch_with_a_broken_envelope_loses_only_that(world: World) -> None:
    _put(world, "routing", _postmark(world, "intake").close("routing", "events", [{"id": "x"}, 7]), "intake")
    world.register()
    world.settle()
    assert world.count("routing", "quarantine", "reason = 'schema-invalid'") == 2
    assert world.count("routing", "case_file") == 1


def test_while_redis_is_away_rounds_go_on_and_afterwards_all_arrives(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.register()
    for each in world.workers:
        monkeypatch.setattr(each.bus, "url", "redis://127.0.0.1:1/0")
    for each in world.workers:
        each.round()
    assert _states(world) == ["pending"]
    for each in world.workers:
        each.bus.url = world.servers.redis_url
    world.settle()
    assert _states(world) == ["confirmed"]


def _cut(service: Service) -> None:
    """End all connections of a service's role, as a restart of the database does."""
    with service.engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )


def test_broken_database_connections_cost_a_round_and_nothing_else(world: World) -> None:
    world.register()
    for each in world.workers:
        each.round()
        _cut(each.service)
    world.hang_up()  # the doors' connections were cut as well
    world.settle()
    assert world.count("routing", "case_file") == world.count("oversight", "watched") == 1


def test_while_the_database_is_away_nothing_is_receipted_and_afterwards_it_is_applied(world: World) -> None:  # noqa: PLR0915
    world.register()
    sender, receiver = world.worker("intake"), world.worker("routing")
    receiver.round()
    sender.round()
    engine = receiver.service.engine
    away = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(OperationalError):
        away.connect()
    object.__setattr__(receiver.service, "engine", away)  # the service is frozen; the test is not
    try:
        receiver.round()
    finally:
        object.__setattr__(receiver.service, "engine", engine)
    assert world.redis.llen(bus.queue("routing")) == 0
    sender.round()
    assert _states(world) == ["sent"]
    world.query("intake", "UPDATE outbox SET next_at = now() - interval '1 second' RETURNING 1")
    sender.round()
    receiver.round()
    assert world.count("routing", "case_file") == 1


def test_a_tick_is_let_in_once_a_second(world: World) -> None:
    calls: list[str] = []
    ticking = world.worker("routing", {}, [lambda given: calls.append(given.name)])
    ticking.round()
    ticking.round()
    assert calls == ["routing"]
    ticking.next_tick = 0.0
    ticking.round()
    assert calls == ["routing"] * 2


def test_a_tick_that_fails_stops_neither_the_messages_nor_the_other_ticks(world: World) -> None:
    calls: list[str] = []

    def fails(_: Service) -> None:
        raise ZeroDivisionError

    working = world.worker("routing", ticks=[fails, lambda given: calls.append(given.name)])
    with structlog.testing.capture_logs() as logs:
        working.round()
    assert calls == ["routing"]
    assert [line["part"] for line in logs if line["log_level"] == "critical"] == ["fails"]
    assert world.query("routing", "SELECT 1 FROM heartbeat WHERE of = 'worker'") == []
    world.register()
    world.worker("intake").round()
    working.round()
    assert world.count("routing", "case_file") == 1


# ----------------------------------------------------------------------------- another life


def _begin_life(world: World, n: int) -> None:
    for name in NAMES:
        with world.services[name].transaction() as tx:
            incarnation.put(tx, n)


@pytest.fixture
def _reborn(world: World) -> Iterator[None]:
    yield
    _begin_life(world, 1)


@pytest.mark.usefixtures("_reborn")
def test_what_was_said_in_another_life_is_not_heard(world: World) -> None:
    world.register()
    sender, receiver = world.worker("intake"), world.worker("routing")
    sender.round()
    receiver.round()  # its receipt is on its way
    _begin_life(world, 2)
    world.worker("intake").round()
    assert _states(world) == ["sent"]
    assert world.count("intake", "quarantine") == 0
    world.settle()  # all workers are new
    assert _states(world) == _states(world, "oversight") == ["confirmed"]
    assert world.count("routing", "case_file") == 1


# ----------------------------------------------------------------------------- signs of life


def _silence(deaf: Worker) -> None:
    """A stall as kombu has had: the consumer listens no more, and nothing says so."""
    deaf.round()
    deaf.bus.consumer.cancel()


def _canary(singing: Worker) -> None:
    singing.next_canary = 0.0
    singing.round()


def test_a_deaf_worker_ends_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MOST_UNHEARD", 1)
    deaf = world.worker("routing")
    _silence(deaf)
    end = time.monotonic() + 20
    with pytest.raises(worker.Deaf):
        while time.monotonic() < end:
            _canary(deaf)


def test_who_hears_anything_is_not_deaf(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MOST_UNHEARD", 1)
    listening = world.worker("routing")
    end = time.monotonic() + 1
    while time.monotonic() < end:
        _canary(listening)


def test_a_broker_that_is_away_or_wiped_deafens_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "MOST_UNHEARD", 1)
    waiting = world.worker("routing")
    waiting.round()
    world.redis.flushall()  # took the canary
    time.sleep(0.1)
    _canary(waiting)
    waiting.round()
    assert waiting.unheard <= 1
    monkeypatch.setattr(waiting.bus, "url", "redis://127.0.0.1:1/0")
    waiting.bus.close()
    end = time.monotonic() + 0.6
    while time.monotonic() < end:
        _canary(waiting)


def test_workers_show_that_they_live_and_whom_they_hear(world: World) -> None:
    for _ in range(2):
        for each in world.workers:
            each.round()
    heard = {row.of for row in world.query("oversight", "SELECT of FROM heartbeat")}
    assert heard >= {"worker", "from intake", "from routing"}


HANGS = """
import time
from services.routing import worker as routing
from shared import worker
worker.HUNG = 1
worker.run("routing", routing.CONSUMES, [lambda _: time.sleep(60)])
"""


def test_a_worker_whose_round_does_not_end_ends_itself_and_says_where_it_was(world: World) -> None:
    outside = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", HANGS], env=outside | world.environment("routing"), cwd=root, timeout=30,
        check=False, capture_output=True,
    )  # fmt: skip
    assert ended.returncode == 1
    assert b"Timeout (0:00:01)!" in ended.stderr


def test_a_signal_ends_the_work_after_the_round(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: PLR0915
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    ending = world.worker("intake")
    rounds: list[float] = []
    whole = ending.round

    def counted() -> None:
        whole()
        rounds.append(time.monotonic())
        if len(rounds) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(ending, "round", counted)
    guard = threading.Timer(20, lambda: os.kill(os.getpid(), signal.SIGINT))
    guard.start()
    try:
        ending.run()
    finally:
        guard.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
    assert len(rounds) == 2
