"""Two hard days, with real processes, and how long they take to be over.

python -m tests.faults.scenarios absent --seconds 120    Redis is away; is every POST answered meanwhile?
python -m tests.faults.scenarios flushall --events 400   Redis forgets what lay in the queues
"""

import os
import secrets
import signal
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import httpx
import redis
from sqlalchemy import Engine, create_engine, text

from deploy.minqing import databases, servers, status, suite
from deploy.minqing.program import Program
from deploy.minqing.servers import Servers
from deploy.minqing.suite import Suite
from deploy.minqing.trouble import silence
from shared import identity, keyring, migrations
from shared.identity import Caller
from tests.world import NAMES, grievance

LONGEST = 120.0  # seconds that anything here is waited for
CLIENTS = 8
RATE = 32  # grievances a second that they register together, if they are answered

Answers = list[tuple[int, float]]  # status, and after how many seconds


@dataclass(frozen=True)
class Day:
    """A suite of real processes, seen from outside: its address, a clerk's key, its databases."""

    url: str
    key: str
    running: Servers
    programs: dict[str, Program]
    engines: dict[str, Engine]

    def count(self, service: str, table: str, condition: str = "true") -> int:
        """How many rows of a service's table meet a condition."""
        with self.engines[service].connect() as connection:
            rows = connection.execute(text(f"SELECT count(*) FROM {table} WHERE {condition}"))
            return int(rows.scalar_one())

    def everywhere(self, grievances: int) -> bool:
        """Whether so many grievances are known to all, and nothing said waits for its receipt."""
        known = {self.count("routing", "case_file"), self.count("oversight", "watched", "kind IS NOT NULL")}
        return known == {grievances} and not any(
            self.count(name, "outbox", "state <> 'confirmed'") for name in NAMES
        )


@dataclass(frozen=True)
class Outcome:
    """What happened: each answer's status and how many seconds it took, and how long recovery took."""

    answers: Answers
    recovered: float

    def __str__(self) -> str:
        """A line for people."""
        took = sorted(seconds * 1000 for _, seconds in self.answers)
        cuts = statistics.quantiles(took, n=100)
        other = sum(status != 201 for status, _ in self.answers)
        return (
            f"{len(took)} answers, {other} of them no 201; p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms, "
            f"longest {took[-1]:.0f} ms; everything confirmed after {self.recovered:.1f} s"
        )


def absent(day: Day, seconds: float) -> Outcome:
    """Redis is killed; grievances are registered for some seconds; then it is started again."""
    before, broker = day.count("intake", "grievance"), day.programs["redis"]
    assert broker.process is not None
    broker.process.kill()
    broker.process.wait()
    with _clients(day) as (answers, until):
        time.sleep(seconds)
        until.set()
    broker.start()
    return Outcome(answers, _recovery(day, before + len(answers)))


def flushall(day: Day, events: int) -> Outcome:
    """Redis is wiped while so many events of intake lie in the queues of readers that do not move."""
    before, readers = day.count("intake", "grievance"), [day.programs[f"{n}-worker"] for n in NAMES[1:]]
    for reader in readers:
        os.kill(reader.pid, signal.SIGSTOP)
    with _clients(day) as (answers, until):
        _await(lambda: day.count("intake", "outbox", "state = 'sent'") >= events)
        until.set()
    with redis.Redis.from_url(day.running.redis_url) as client:
        client.flushall()
    for reader in readers:
        os.kill(reader.pid, signal.SIGCONT)
    return Outcome(answers, _recovery(day, before + len(answers)))


def _recovery(day: Day, grievances: int) -> float:
    start = time.monotonic()
    _await(lambda: day.everywhere(grievances))
    return time.monotonic() - start


@contextmanager
def _clients(day: Day) -> Iterator[tuple[Answers, threading.Event]]:
    """Clerks who register one grievance after the other until the event is set; what they were answered."""
    answers: Answers = []
    until = threading.Event()
    with ThreadPoolExecutor(CLIENTS) as pool:
        working = [pool.submit(_work, day, answers, until) for _ in range(CLIENTS)]
        try:
            yield answers, until
        finally:
            until.set()
    for each in working:
        each.result()


def _work(day: Day, answers: Answers, until: threading.Event) -> None:
    with httpx.Client(headers={"Authorization": f"Bearer {day.key}"}, timeout=30) as http:
        while not until.wait(CLIENTS / RATE):
            start = time.monotonic()
            key = {"Idempotency-Key": secrets.token_hex(8)}
            answer = http.post(f"{day.url}/v1/grievances", json=grievance(), headers=key)
            answers.append((answer.status_code, time.monotonic() - start))


@contextmanager
def begin() -> Iterator[Day]:
    """Servers that keep what they promise, intake's API, and a worker of each service."""
    data = Path(tempfile.mkdtemp(prefix="minqing-"))
    data.chmod(0o711)  # the servers' account must pass
    with ExitStack() as stack:
        running = servers.start(data, durable=True, say=silence, environ={})
        stack.callback(servers.delete, data)
        stack.callback(running.stop)
        engines = _prepare(data, running)
        for engine in engines.values():
            stack.callback(engine.dispose)
        day = _open(suite.plan(data, _free_base(), running), running, engines)
        for name in ("intake-api", *(f"{name}-worker" for name in NAMES)):
            stack.callback(day.programs[name].stop)
            day.programs[name].start()
        day.programs["intake-api"].await_ready(lambda: status.ready(day.url))
        yield day


def _open(plan: Suite, running: Servers, engines: dict[str, Engine]) -> Day:
    programs = {each.name: each for each in [*running.programs, *plan.programs()]}
    clerk = Caller(identity.new_id(), "clerk", None, None)
    key = identity.issue(engines["identity"], clerk, "test", datetime.now(UTC) + timedelta(days=1))
    return Day(plan.urls["intake"], key, running, programs, engines)


def _prepare(data: Path, running: Servers) -> dict[str, Engine]:
    """Databases with their tables, and keys."""
    running.create_databases()
    keyring.create(data / "secrets")
    (data / "clock").write_text("0")
    urls = {database: running.url(role, database) for database, role in databases.OWNERS.items()}
    for database, url in urls.items():
        migrations.upgrade(database, url)
    return {database: create_engine(url) for database, url in urls.items()}


def _free_base() -> int:
    """A base whose ports for the services are free."""
    return next(base for base in range(30000, 40000, 20) if all(map(_free, _ports(base))))


def _ports(base: int) -> list[int]:
    return [base + offset for offset in suite.PORTS.values()]


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST
    while not condition():
        assert time.monotonic() < deadline, f"not within {LONGEST} s"
        time.sleep(0.05)


@click.group()
def main() -> None:
    """Live through a hard day and say how it went."""


@main.command("absent")
@click.option("--seconds", default=10.0, show_default=True)
def absent_(seconds: float) -> None:
    """Redis is away."""
    with begin() as day:
        click.echo(absent(day, seconds))


@main.command("flushall")
@click.option("--events", default=400, show_default=True)
def flushall_(events: int) -> None:
    """Redis forgets what lay in the queues."""
    with begin() as day:
        click.echo(flushall(day, events))


if __name__ == "__main__":
    main()
