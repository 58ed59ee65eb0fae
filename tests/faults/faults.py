"""Every fault by name. Each strikes a running suite and has healed what it did when it returns.

Relay and consumer of a service are one process, its worker: killing that kills both at whatever line they
are. The harder faults, which take ground that may be pulled away, are in `disasters`.
"""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from random import Random

import psycopg

from shared import numbers
from tests.faults import disasters, forger, tap
from tests.faults.suite import Suite, await_
from tests.world import NAMES

Strike = Callable[[Suite, Random], None]
WORKERS = tuple(f"{name}-worker" for name in NAMES)
APIS = tuple(f"{name}-api" for name in NAMES)
MAXMEMORY = "maxmemory"
HOLD = """
    INSERT INTO petitioner (number, position, name, representative) VALUES (%s, 0, 'nobody', false)
    ON CONFLICT DO NOTHING
"""


def kill(suite: Suite, random: Random, *names: str) -> None:
    """kill -9, and again as soon as it is back."""
    for _ in range(random.randint(1, 2)):
        for name in names:
            suite.kill(name)
        await_(lambda: all(suite.programs[name].alive() for name in names))
        time.sleep(random.uniform(0.3, 1.5))


def stop_worker(suite: Suite, random: Random) -> None:
    """A worker stands still for a while."""
    with suite.paused(random.choice(WORKERS)):
        time.sleep(random.uniform(1, 3))


def stop_api(suite: Suite, random: Random) -> None:
    """An API stands still for a while, with what it was about to commit."""
    with suite.paused(random.choice(APIS)):
        time.sleep(random.uniform(0.5, 2))


def second_worker(suite: Suite, random: Random) -> None:
    """Two workers of one service work side by side for a while; then one ends, by force or in peace."""
    first = suite.programs[random.choice(WORKERS)]
    second = replace(first, name="second", log=first.log.with_name("second.log"), process=None)
    second.start()
    time.sleep(random.uniform(3, 6))
    if random.random() < 0.5:
        os.killpg(second.pid, signal.SIGKILL)
    second.stop()


def flushall(suite: Suite, random: Random) -> None:
    """Redis forgets everything, once or several times."""
    for _ in range(random.randint(1, 3)):
        suite.redis.flushall()
        time.sleep(random.uniform(0.1, 1))


def stop_redis(suite: Suite, random: Random) -> None:
    """Redis stands still for a while."""
    with suite.paused("redis"):
        time.sleep(random.uniform(1, 4))


def kill_redis(suite: Suite, random: Random, *, empty: bool) -> None:
    """Redis is killed, and comes back without its file, or with what the file had a second before."""
    with suite.held("redis"):
        suite.kill("redis")
        if empty:
            shutil.rmtree(suite.programs["redis"].folder / "appendonlydir")
        time.sleep(random.uniform(0, 2))
        suite.programs["redis"].start()
    suite.await_up()


def fill_redis(suite: Suite, random: Random) -> None:
    """Redis has no memory left for anything new."""
    before = suite.redis.config_get(MAXMEMORY)[MAXMEMORY]
    suite.redis.config_set(MAXMEMORY, 1)
    time.sleep(random.uniform(1, 4))
    suite.redis.config_set(MAXMEMORY, before)


def crash_postgres(suite: Suite, random: Random) -> None:
    """PostgreSQL ends at once, as in a crash, and recovers."""
    process = suite.programs["postgres"].process
    os.kill(suite.programs["postgres"].pid, signal.SIGQUIT)
    if process is not None:
        process.wait()
    time.sleep(random.uniform(0.5, 1.5))
    suite.await_up()


def stall_postgres(suite: Suite, random: Random) -> None:
    """Half of PostgreSQL's busy connections stand still for a moment, some in a commit; the others go on."""
    busy = "SELECT pid FROM pg_stat_activity WHERE state <> 'idle' AND usename <> 'postgres'"
    for _ in range(20):
        pids = [row[0] for row in suite.query("postgres", busy)]
        chosen = [pid for pid in pids if random.random() < 0.5]
        for pid in chosen:
            _signal(pid, signal.SIGSTOP)
        time.sleep(random.uniform(0.2, 0.4) if chosen else 0.02)
        for pid in chosen:
            _signal(pid, signal.SIGCONT)


def late_commits(suite: Suite, random: Random) -> None:
    """Some registrations are kept waiting in mid-statement and commit after others that came later.

    Somebody else holds the rows that they want to write, until the lock is let go.
    """
    for _ in range(4):
        with psycopg.connect(suite.address("intake"), connect_timeout=3) as tx:
            row = tx.execute("SELECT last_value FROM grievance_sequence").fetchone()
            last = int(row[0]) if row else 0
            for ahead in random.sample(range(1, 10), 3):
                number = numbers.make(datetime.now(UTC).year, last + ahead)
                tx.execute(HOLD, [number])
            time.sleep(random.uniform(0.5, 1))
            tx.rollback()


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _kills() -> dict[str, Strike]:
    return {f"kill-{name}": partial(_kill_one, name) for name in (*APIS, *WORKERS)}


def _kill_one(name: str, suite: Suite, random: Random) -> None:
    kill(suite, random, name)


def _kill_workers(suite: Suite, random: Random) -> None:
    kill(suite, random, *WORKERS)


LIGHT: Mapping[str, Strike] = {
    **_kills(),
    "kill-all-workers": _kill_workers,
    "stop-worker": stop_worker,
    "stop-api": stop_api,
    "second-worker": second_worker,
    "redis-flushall": flushall,
    "redis-stop": stop_redis,
    "redis-kill-empty": partial(kill_redis, empty=True),
    "redis-kill-aof": partial(kill_redis, empty=False),
    "redis-full": fill_redis,
    "postgres-crash": crash_postgres,
    "postgres-stall": stall_postgres,
    "late-commits": late_commits,
    "duplicate": tap.duplicate,
    "reorder": tap.reorder,
    "delete": tap.delete,
    "forge-events": forger.events,
    "forge-receipts": forger.receipts,
    "replay-to-another": tap.replay,
    "alter": tap.alter,
}
FAULTS: Mapping[str, Strike] = {**LIGHT, **disasters.FAULTS}
