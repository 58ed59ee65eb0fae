"""An import while Redis is wiped and workers are killed: what was acknowledged is everywhere, once."""

import os
import queue
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.minqing.program import Program
from tests.world import NAMES, World, grievance

ROOT = Path(__file__).resolve().parents[2]
CLIENTS, EACH = 4, 80
MATTERS = (
    {"summary": "工地扬尘严重", "text": "小区旁边的工地天天扬尘。"},  # for three departments
    {"summary": "说不清的一件事", "text": "请派人来看看。"},  # for triage
    {"summary": "路灯不亮", "text": "整条街的路灯坏了一个月。", "channel": "phone", "office": "hotline"},
)


@dataclass(frozen=True)
class Suite:
    """The real processes: intake's API, and a worker beside each service."""

    world: World
    address: str
    api: Program
    workers: tuple[Program, ...]

    def kill_workers(self) -> None:
        """End every worker at whatever line it is, and start it anew."""
        for worker in self.workers:
            assert worker.process is not None
            worker.process.kill()
            worker.process.wait()
            worker.start()

    def send(self, key: str, body: dict[str, Any]) -> str:
        """Register until it is acknowledged, as a client does that keeps its key; the number."""
        headers = {"Authorization": f"Bearer {self.world.key('clerk')}", "Idempotency-Key": key}
        while True:
            try:
                answer = httpx.post(f"{self.address}/v1/grievances", json=body, headers=headers, timeout=10)
            except httpx.HTTPError:
                continue
            if answer.status_code == 201:
                return str(answer.json()["number"])
            assert answer.status_code in (409, 503), answer.text

    def arrived(self) -> bool:
        """Whether all that was said is confirmed, and nobody waits any more."""
        return self.world.unconfirmed() == 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _await(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/livez", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def suite(world: World, tmp_path: Path) -> Iterator[Suite]:
    port = _free_port()
    outside = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}

    def program(name: str, service: str, *command: str, **more: str) -> Program:
        env = {**outside, **world.environment(service), **more}
        return Program(name, [sys.executable, "-m", *command], tmp_path / f"{name}.log", ROOT, env)

    api = program("api", "intake", "gunicorn", "-c", "deploy/gunicorn.py", "services.intake.api:create_app()",
                  MINQING_BIND=f"127.0.0.1:{port}", MINQING_WEB_WORKERS="1")  # fmt: skip
    workers = tuple(program(name, name, f"services.{name}.worker") for name in NAMES)
    made = Suite(world, f"http://127.0.0.1:{port}", api, workers)
    world.key("clerk")
    try:
        for each in (api, *workers):
            each.start()
        api.await_ready(lambda: _answers(made.address))
        yield made
    finally:
        for each in (api, *workers):
            each.stop()


def _import(suite: Suite) -> set[str]:
    """Several clients register all they have, while at certain counts a fault strikes; the numbers given."""
    acknowledged: queue.Queue[str] = queue.Queue()
    faults: dict[int, Callable[[], Any]] = {
        50: suite.world.redis.flushall,
        110: suite.kill_workers,
        180: suite.world.redis.flushall,
        240: suite.kill_workers,
    }

    def send_all(client: int) -> None:
        for n in range(EACH):
            acknowledged.put(suite.send(f"{client}/{n}", grievance(**MATTERS[n % len(MATTERS)])))

    numbers: set[str] = set()
    with ThreadPoolExecutor(CLIENTS) as pool:
        sending = [pool.submit(send_all, client) for client in range(CLIENTS)]
        while len(numbers) < CLIENTS * EACH:
            numbers.add(acknowledged.get(timeout=60))
            faults.get(len(numbers), lambda: None)()
        for each in sending:
            each.result()
    return numbers


def _numbers(world: World, name: str, table: str, condition: str = "true") -> list[str]:
    return [
        row[0] for row in world.query(name, f"SELECT number FROM {table} WHERE {condition} ORDER BY number")
    ]


def test_what_was_acknowledged_is_in_all_three_services_exactly_once(suite: Suite) -> None:
    world = suite.world
    numbers = sorted(_import(suite))
    assert len(numbers) == CLIENTS * EACH
    _await(suite.arrived, 60)

    _is_everywhere_once(world, numbers)
    for name in NAMES:
        _is_whole(world, name)
    said = world.query("intake", "SELECT sum(n) FROM stream_head")[0][0]
    assert said == 2 * len(numbers)


def _is_everywhere_once(world: World, numbers: list[str]) -> None:
    """In every service, and in tables that would show a second application: one step, one milestone each."""
    assert _numbers(world, "intake", "grievance") == numbers
    assert _numbers(world, "routing", "case_file") == numbers
    assert _numbers(world, "oversight", "watched", "kind IS NOT NULL") == numbers
    assert _numbers(world, "intake", "step", "what IN ('case.assigned', 'case.triaged')") == numbers
    assert _numbers(world, "oversight", "milestone", "name = 'received'") == numbers


def _is_whole(world: World, name: str) -> None:
    """Nothing was set aside, and every stream was heard without a gap."""
    assert world.count(name, "inbox", "status <> 'applied'") == 0
    assert world.count(name, "outbox", "state <> 'confirmed'") == 0
    assert world.count(name, "quarantine") == 0
    gaps = """
        SELECT i.source, i.subject, array_agg(i.sequence ORDER BY i.sequence) AS heard, p.n
        FROM inbox AS i JOIN stream_position AS p USING (source, subject)
        GROUP BY i.source, i.subject, p.n
        HAVING array_agg(i.sequence ORDER BY i.sequence) <> ARRAY(SELECT generate_series(1, p.n))
    """
    assert world.query(name, gaps) == []
