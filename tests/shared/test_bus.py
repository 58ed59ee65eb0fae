"""The pipe, on a real Redis of its own that can be wiped, stopped and written to by anyone."""

import base64
import json
import shutil
import socket
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from deploy.minqing import place, servers
from deploy.minqing import redis as own_redis
from deploy.minqing.program import Program
from deploy.minqing.trouble import silence
from shared import bus
from shared.bus import Bus, Down

FRAME = {"header": "1|intake|routing|events", "body": "sealed", "sig": "signed"}


@dataclass(frozen=True)
class Broker:
    """A Redis that the test may stop."""

    program: Program
    port: int
    url: str

    @property
    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def restart(self) -> None:
        self.program.stop()
        self.program.start()
        self.program.await_ready(self.answers)

    def answers(self) -> bool:
        try:
            with self.client as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    data = Path(tempfile.mkdtemp(prefix="minqing-bus-"))
    data.chmod(0o711)
    port = _free_port()
    program = own_redis.start(place.make(data, silence, durable=False), port, "word")
    yield Broker(program, port, own_redis.url(port, "word"))
    program.stop()
    servers.delete(data)
    shutil.rmtree(data, ignore_errors=True)


@pytest.fixture
def intake(broker: Broker) -> Iterator[Bus]:
    with broker.client as client:
        client.flushall()
    opened = Bus(broker.url, "intake")
    yield opened
    opened.close()


@pytest.fixture
def routing(broker: Broker) -> Iterator[Bus]:
    opened = Bus(broker.url, "routing")
    yield opened
    opened.close()


def test_what_is_published_arrives_in_its_order(intake: Bus, routing: Bus) -> None:
    for n in range(3):
        intake.publish("routing", {"n": n})
    assert intake.backlog("routing") == 3
    assert routing.receive(10, 1) == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert intake.backlog("routing") == 0


def test_no_more_is_taken_than_was_asked_for(intake: Bus, routing: Bus) -> None:
    for n in range(3):
        intake.publish("routing", {"n": n})
    assert [len(routing.receive(2, 0.2)) for _ in range(3)] == [2, 1, 0]


def test_nothing_published_is_nothing_received(routing: Bus, intake: Bus) -> None:
    assert routing.receive(10, 0.05) == []


def test_what_is_published_before_anyone_listens_is_kept(broker: Broker, intake: Bus) -> None:
    intake.publish("oversight", FRAME)
    late = Bus(broker.url, "oversight")
    assert late.receive(1, 1) == [FRAME]
    late.close()


def _forged(**changes: Any) -> str:
    message: dict[str, Any] = {
        "body": "e30=",
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {},
        "properties": {
            "delivery_mode": 2,
            "delivery_tag": "t",
            "body_encoding": "base64",
            "delivery_info": {"exchange": "", "routing_key": "routing.in"},
        },
    }
    return json.dumps({**message, **changes})


GARBAGE = {
    "text": "not json at all",
    "empty": "",
    "number": "7",
    "null": "null",
    "list": "[]",
    "object": "{}",
    "deep": "[" * 20_000,
    "binary": b"\xff\xfe\x00",
    "no properties": json.dumps({"body": "x"}),
    "properties of another kind": _forged(properties=5),
    "headers of another kind": _forged(headers=5),
    "no delivery tag": _forged(properties={"delivery_info": {}}),
    "unknown body encoding": _forged(
        properties={"delivery_info": {}, "delivery_tag": "t", "body_encoding": "rot13"}
    ),
    "body that is no base64": _forged(body="!"),
    "body of another kind": _forged(body=7),
    "pickle": _forged(**{"content-type": "application/x-python-serialize"}),
    "yaml": _forged(**{"content-type": "application/x-yaml"}),
    "unknown charset": _forged(**{"content-encoding": "klingon"}),
    "wrong charset": _forged(body="/w=="),
    "broken JSON": _forged(body="ew=="),
    "no content type": _forged(**{"content-type": None}),
    "compressed by nobody": _forged(headers={"compression": "klingon"}),
    "compressed": _forged(
        body=base64.b64encode(zlib.compress(b'{"n": 3}')).decode(),
        headers={"compression": "application/x-gzip"},
    ),
    "compressed wrongly": _forged(headers={"compression": "zlib"}),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_what_anyone_writes_to_redis_arrives_as_what_it_is_and_stops_nothing(
    broker: Broker, intake: Bus, routing: Bus, name: str
) -> None:
    intake.publish("routing", {"n": 1})
    with broker.client as client:
        client.lpush(bus.queue("routing"), GARBAGE[name])
    intake.publish("routing", {"n": 2})
    received = [each for _ in range(3) for each in routing.receive(1, 5)]
    assert [each for each in received if isinstance(each, dict)] in (
        [{"n": 1}, {"n": 2}],
        [{"n": 1}, {}, {"n": 2}],
    )
    assert len(received) == 3


def test_a_wiped_redis_has_another_epoch(broker: Broker, intake: Bus) -> None:
    before = intake.epoch()
    assert intake.epoch() == before
    with broker.client as client:
        client.flushall()
    assert intake.epoch() != before


def test_each_service_has_its_own_epoch(intake: Bus, routing: Bus) -> None:
    assert intake.epoch() != routing.epoch()


def _at_the_second_try(use: Callable[[], Any]) -> Any:
    """What a use gives after Redis came back: the first may find the old connection broken."""
    try:
        return use()
    except Down:
        return use()


def test_a_restarted_redis_is_used_again_at_the_second_try(broker: Broker, intake: Bus, routing: Bus) -> None:
    assert routing.receive(1, 0.05) == []
    before = intake.epoch()
    broker.restart()
    assert _at_the_second_try(intake.epoch) != before
    _at_the_second_try(lambda: intake.publish("routing", FRAME))
    assert _at_the_second_try(lambda: routing.receive(1, 1)) == [FRAME]


def test_what_had_arrived_when_redis_went_down_is_not_lost(
    broker: Broker, intake: Bus, routing: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake.publish("routing", FRAME)
    drain = routing._drain

    def cut(connection: Any, timeout: float) -> bool:
        if routing.arrived:
            raise ConnectionResetError
        return drain(connection, timeout)

    with monkeypatch.context() as patched:
        patched.setattr(routing, "_drain", cut)
        with pytest.raises(Down):
            routing.receive(10, 1)
    assert routing.receive(10, 0.05) == [FRAME]


def test_an_unreachable_redis_is_down_within_seconds() -> None:
    nowhere = Bus(f"redis://127.0.0.1:{_free_port()}/0", "intake")
    started = time.monotonic()
    for use in (nowhere.epoch, lambda: nowhere.publish("routing", FRAME), lambda: nowhere.receive(1, 0.1)):
        with pytest.raises(Down):
            use()
    assert time.monotonic() - started < 10


def test_a_redis_with_another_password_is_down(broker: Broker) -> None:
    stranger = Bus(own_redis.url(broker.port, "wrong"), "intake")
    with pytest.raises(Down):
        stranger.epoch()
