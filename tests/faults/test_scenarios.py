"""What a clerk, an administrator and an enemy may see happen, each told from its beginning to its end."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from services.oversight import events as oversight
from shared import bus, contracts, delivery, keyring, numbers, outbox
from shared.contracts import TaskAccepted
from shared.inbox import Consumes
from shared.service import Service
from shared.wire import Postmark
from shared.worker import Worker
from tests.faults import scenarios, suite
from tests.faults.suite import Suite
from tests.shared import said
from tests.world import NAMES, World

LIGHTS = {"summary": "路灯不亮", "text": "整条街的路灯坏了一个月。"}
DEPARTMENT = "urban-management"
WRITTEN = {
    "facts": "灯头损坏。",
    "opinion": "已更换。",
    "basis": "《城市照明管理规定》第二十条",
    "outcome": "solved",
}
ASSIGNED = ["received", "assigned", "leading"]
COURSE = [*ASSIGNED, "accepted", "progressed", "progressed", "answered", "case_answered"]


# Redis goes, or forgets


@pytest.fixture(scope="module")
def running_suite() -> Iterator[Suite]:
    with suite.begin() as begun:
        yield begun


def test_while_redis_is_away_every_grievance_is_accepted_and_afterwards_all_arrives(
    running_suite: Suite,
) -> None:
    outcome = scenarios.absent(running_suite, 10)
    print(outcome)  # noqa: T201 - a figure to look at
    assert len(outcome.answers) > 100
    assert {status for status, _ in outcome.answers} == {201}
    assert outcome.recovered <= 60


def test_what_redis_forgot_comes_again(running_suite: Suite) -> None:
    outcome = scenarios.flushall(running_suite, 400)
    print(outcome)  # noqa: T201 - a figure to look at
    assert len(outcome.answers) >= 200
    assert outcome.recovered <= 60


# A poisoned message


class Poison:
    """Oversight's handler of an acceptance, with a mistake that one grievance brings out."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.number = ""
        self.mended = False
        self.calls = 0

    def worker(self) -> Worker:
        consumes: Consumes = {**oversight.CONSUMES, TaskAccepted: self.handle}
        return self.world.worker("oversight", consumes)

    def handle(self, service: Service, tx: Connection, events: Sequence[TaskAccepted]) -> None:
        oversight.on_task_accepted(service, tx, events)
        if not self.mended and any(event.number == self.number for event in events):
            self.calls += 1
            raise ZeroDivisionError("a mistake in the program")


@pytest.fixture
def poison(world: World) -> Poison:
    made = Poison(world)
    world.__dict__["workers"] = [world.worker("intake"), world.worker("routing"), made.worker()]
    return made


def _act(world: World, number: str, move: str, **body: Any) -> None:
    client = world.client("routing", "department", DEPARTMENT)
    answer = client.post(f"/v1/tasks/{number}.{DEPARTMENT}/{move}", json=body or None)
    assert answer.status_code == 200, answer.text


def _live(world: World, number: str) -> None:
    """All that a department does with a grievance."""
    _act(world, number, "accept")
    _act(world, number, "progress", note="已派人查看")
    _act(world, number, "progress", note="已更换灯头")
    _act(world, number, "answer", **WRITTEN)


def _course(world: World, number: str) -> list[str]:
    found = world.query("oversight", "SELECT name FROM milestone WHERE number = :n ORDER BY n", n=number)
    return [row.name for row in found]


def _work(world: World, until: Callable[[], bool]) -> None:
    """Let the workers work; what is to be sent again later is sent now."""
    for _ in range(100):
        if until():
            return
        for worker in world.workers:
            worker.round()
        for name in NAMES:
            with world.services[name].transaction() as tx:
                outbox.reopen(tx)
    raise AssertionError("it did not happen")


def _minqing(world: World, *words: str) -> str:
    """What the administrator's command says, led to these databases."""
    given = {f"MINQING_{name.upper()}_DATABASE_URL": world.servers.url(name, name) for name in NAMES}
    command = [sys.executable, "-m", "deploy.minqing", *words]
    done = subprocess.run(command, env=os.environ | given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_poisoned_message_stops_only_its_own_grievance(world: World, poison: Poison) -> None:
    bad, good, later = _parked(world, poison)
    assert _course(world, bad) == ASSIGNED
    assert _course(world, good) == _course(world, later) == COURSE
    assert poison.calls >= delivery.MAX_ATTEMPTS


def test_after_the_fix_it_is_applied_once_and_what_was_held_follows_in_order(
    world: World, poison: Poison
) -> None:
    bad, *_ = _parked(world, poison)
    event, _, *line = _minqing(world, "parked", "list").split(maxsplit=5)
    assert line[:3] == ["task.accepted", bad, "handler-error"]
    assert "a mistake in the program" in line[3]

    poison.mended = True
    _minqing(world, "parked", "retry", event)
    _work(world, lambda: _course(world, bad) == COURSE)
    world.tick()
    assert _course(world, bad) == COURSE
    assert world.count("oversight", "inbox", "status <> 'applied'") == 0
    assert world.count("routing", "outbox", "state <> 'confirmed'") == 0


def _parked(world: World, poison: Poison) -> tuple[str, str, str]:
    """One grievance whose acceptance is parked, one that lived beside it, and one that came afterwards."""
    bad, good = (world.register(key, **LIGHTS).json["number"] for key in ("bad", "good"))
    world.settle()
    poison.number = bad
    for number in (bad, good):
        _live(world, number)
    _work(world, lambda: world.count("oversight", "inbox", "status = 'parked'") == 1)
    later = world.register("later", **LIGHTS).json["number"]
    _work(world, lambda: _course(world, later) == ASSIGNED)
    _live(world, later)
    _work(world, lambda: _course(world, good) == _course(world, later) == COURSE)
    return bad, good, later


# Everything at once from outside

LARGE = 10_000_000  # bytes of a message that nobody should send
NOBODYS = numbers.make(2026, 999)


class Enemy:
    """Whoever can write to Redis, with a whole suite of its own, and with our seal but not our signatures."""

    def __init__(self, world: World, own: Path) -> None:
        keyring.create(own)
        ours = world.services["intake"].settings.secrets
        self.world = world
        self.signers = {name: keyring.signer(own, name) for name in NAMES}
        self.seals = [keyring.seal(secrets, "bus") for secrets in (own, ours)]
        self.refused = 0  # messages that should end up in quarantine

    def strike(self, event_ids: Sequence[str]) -> None:
        """Repeat what lies there, forge all kinds of frames to every service, put garbage beside them."""
        self._repeat()
        for to in NAMES:
            for sender in {*contracts.sources_of(to), *contracts.readers_of(to)}:
                self._forge(sender, to, "receipts", {"applied": event_ids, "parked": {}, "discarded": []})
                self._forge(sender, to, "hello", {})
                self._forge(sender, to, "events", [said.envelope(said.registered(NOBODYS), 1).dump()])
            self._publish(to, "x" * LARGE)
            self._publish(to, {"header": "x" * LARGE, "body": "", "sig": ""})
            for raw in ("", "x" * LARGE, "[" * LARGE, b"\xff" * 100, json.dumps({"body": "x" * LARGE})):
                self._write(to, raw)

    def _forge(self, sender: str, to: str, kind: str, body: Any) -> None:
        for seal in self.seals:
            self._publish(to, Postmark(self.signers[sender], seal).close(to, kind, body))

    def _publish(self, to: str, frame: Any) -> None:
        pipe = bus.Bus(self.world.servers.redis_url, "enemy")
        pipe.publish(to, frame)
        pipe.close()
        self.refused += 1

    def _write(self, to: str, raw: str | bytes) -> None:
        self.world.redis.rpush(bus.queue(to), raw)
        self.refused += 1

    def _repeat(self) -> None:
        """What lies on each list once more, and on the list of somebody for whom it is not."""
        lying = {to: self.world.redis.lrange(bus.queue(to), 0, -1) for to in NAMES}
        for to, other in zip(NAMES, NAMES[1:] + NAMES[:1], strict=True):
            for raw in lying[to]:
                self.world.redis.rpush(bus.queue(to), raw)
                self._write(other, raw)


def test_what_an_enemy_puts_on_the_queues_harms_nothing(world: World, tmp_path: Path) -> None:
    enemy = Enemy(world, tmp_path / "other")
    numbers = []
    for turn in range(3):
        numbers += [world.register(f"{turn}/{n}", **LIGHTS).json["number"] for n in range(10)]
        for worker in world.workers[:turn]:  # something lies in the queues, something is applied already
            worker.round()
        events = world.query("intake", "SELECT event_id FROM outbox WHERE state <> 'confirmed'")
        enemy.strike([str(row.event_id) for row in events])
        world.settle()

    assert world.count("routing", "case_file") == world.count("oversight", "watched") == len(numbers)
    for number in numbers:
        assert _course(world, number) == ASSIGNED
    for name in NAMES:
        assert world.count(name, "inbox", "status <> 'applied'") == 0
        assert world.count(name, "outbox", "state <> 'confirmed'") == 0
    assert sum(world.count(name, "quarantine") for name in NAMES) == enemy.refused
