"""Two hard days, with real processes, and how long they take to be over.

python -m tests.faults.scenarios absent --seconds 120    Redis is away; is every POST answered meanwhile?
python -m tests.faults.scenarios flushall --events 400   Redis forgets what lay in the queues
"""

import secrets
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import click
import httpx

from tests.faults import suite as suites
from tests.faults.suite import Suite, await_
from tests.world import grievance

LONGEST = 120.0  # seconds that recovery is waited for
CLIENTS = 8
RATE = 32  # grievances a second that they register together, if they are answered

Answers = list[tuple[int, float]]  # status, and after how many seconds


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


def absent(suite: Suite, seconds: float) -> Outcome:
    """Redis is killed; grievances are registered for some seconds; then it is started again."""
    before = _count(suite, "intake", "grievance")
    with suite.held("redis"):
        suite.kill("redis")
        with _clients(suite) as answers:
            time.sleep(seconds)
    return Outcome(answers, _recovery(suite, before + len(answers)))


def flushall(suite: Suite, events: int) -> Outcome:
    """Redis is wiped while so many events of intake lie in the queues of readers that do not move."""
    before = _count(suite, "intake", "grievance")
    with suite.paused("routing-worker", "oversight-worker"):
        with _clients(suite) as answers:
            await_(lambda: _count(suite, "intake", "outbox", "state = 'sent'") >= events)
        suite.redis.flushall()
    return Outcome(answers, _recovery(suite, before + len(answers)))


def _recovery(suite: Suite, grievances: int) -> float:
    """How many seconds it takes until so many are known to all, and nothing waits for its receipt."""
    start = time.monotonic()
    await_(lambda: suite.settled() and _known(suite) == {grievances}, LONGEST)
    return time.monotonic() - start


def _known(suite: Suite) -> set[int]:
    return {
        _count(suite, "intake", "grievance"),
        _count(suite, "routing", "case_file"),
        _count(suite, "oversight", "watched", "kind IS NOT NULL"),
    }


def _count(suite: Suite, service: str, table: str, condition: str = "true") -> int:
    [(count,)] = suite.query(service, f"SELECT count(*) FROM {table} WHERE {condition}")
    return int(count)


@contextmanager
def _clients(suite: Suite) -> Iterator[Answers]:
    """Clerks register one grievance after the other while the block lasts; what they were answered."""
    answers: Answers = []
    key, over = suite.key("clerk"), threading.Event()
    with ThreadPoolExecutor(CLIENTS) as pool:
        working = [pool.submit(_work, suite, key, answers, over) for _ in range(CLIENTS)]
        try:
            yield answers
        finally:
            over.set()
    for each in working:
        each.result()


def _work(suite: Suite, key: str, answers: Answers, over: threading.Event) -> None:
    url, authorization = f"{suite.urls['intake']}/v1/grievances", {"Authorization": f"Bearer {key}"}
    with httpx.Client(headers=authorization, timeout=30) as http:
        while not over.wait(CLIENTS / RATE):
            start = time.monotonic()
            once = {"Idempotency-Key": secrets.token_hex(8)}
            answer = http.post(url, json=grievance(), headers=once)
            answers.append((answer.status_code, time.monotonic() - start))


@click.group()
def main() -> None:
    """Live through a hard day and say how it went."""


@main.command("absent")
@click.option("--seconds", default=10.0, show_default=True)
def absent_(seconds: float) -> None:
    """Redis is away."""
    with suites.begin() as suite:
        click.echo(absent(suite, seconds))


@main.command("flushall")
@click.option("--events", default=400, show_default=True)
def flushall_(events: int) -> None:
    """Redis forgets what lay in the queues."""
    with suites.begin() as suite:
        click.echo(flushall(suite, events))


if __name__ == "__main__":
    main()
