"""The whole suite as real processes on servers of its own that write to disk, kept running whatever dies."""

import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
import redis
from sqlalchemy.engine import make_url

from deploy.minqing import keys, servers, status
from deploy.minqing import suite as deployed
from deploy.minqing.program import Program
from deploy.minqing.servers import Servers
from deploy.minqing.trouble import silence
from shared import identity, keyring, migrations
from shared.identity import Caller
from tests.faults.history import History
from tests.world import KEEP, NAMES, UNHURRIED

LOOK = 0.1  # seconds between two looks at the processes
LONGEST = 30.0  # seconds that anything here is waited for
NEVER = {"MINQING_CLOCK"}  # as in production, where no replay sets the clock
LEAN = {"MINQING_WEB_WORKERS": "1", **UNHURRIED}  # one process per API leaves room for all the others


@dataclass
class Suite:
    """Servers, three APIs and three workers by name, the folder of their logs, and the clients' history.

    `hands` are two threads that live as long as the suite: a program ends with the thread that started it.
    """

    data: Path
    servers: Servers
    programs: Mapping[str, Program]
    urls: Mapping[str, str]
    history: History
    hands: ThreadPoolExecutor

    def __post_init__(self) -> None:
        self._held: Counter[str] = Counter()
        self._watch = threading.Lock()
        self._over = threading.Event()

    # What faults need

    @contextmanager
    def held(self, *names: str) -> Iterator[None]:
        """While the block lasts, nobody restarts these programs."""
        with self._watch:
            self._held.update(names)
        try:
            yield
        finally:
            with self._watch:
                self._held.subtract(names)

    def kill(self, name: str) -> None:
        """End a program and all its children at whatever line they are."""
        self.send(name, signal.SIGKILL)
        process = self.programs[name].process
        if process is not None:
            process.wait()

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a program and all its children, if it runs."""
        program = self.programs[name]
        if program.alive():
            os.killpg(program.pid, number)

    @contextmanager
    def paused(self, *names: str) -> Iterator[None]:
        """While the block lasts, these programs stand still."""
        with self.held(*names):
            for name in names:
                self.send(name, signal.SIGSTOP)
            try:
                yield
            finally:
                for name in names:
                    self.send(name, signal.SIGCONT)

    def note(self, what: str, **values: Any) -> None:
        """Write into the history what the checker has to know."""
        self.history.write("note", what=what, **values)

    @cached_property
    def redis(self) -> "redis.Redis[bytes]":
        """The broker, for whoever wipes, reads or forges."""
        return redis.Redis.from_url(self.servers.redis_url, socket_timeout=5, socket_connect_timeout=2)

    def query(self, database: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query on a database, as its administrator."""
        with psycopg.connect(self.address(database), autocommit=True, connect_timeout=3) as connection:
            found = connection.execute(sql, values)
            return found.fetchall() if found.description else []

    def address(self, database: str) -> str:
        """Where a database is, as psycopg reads it."""
        url = make_url(self.servers.admin_url).set(drivername="postgresql", database=database)
        return url.render_as_string(hide_password=False)

    # Keeping it up

    def keep_up(self) -> None:
        """Restart what dies, until it is over."""
        while not self._over.wait(LOOK):
            with self._watch:
                ended = (p for n, p in self.programs.items() if not self._held[n] and not p.alive())
                for program in ended:
                    program.start()

    def await_up(self) -> None:
        """Return when all that should run does, and answers."""
        await_(lambda: all(program.alive() for program in self.programs.values()))
        await_(lambda: all(status.ready(url) for url in self.urls.values()))
        await_(self._redis_answers)

    def await_work(self) -> None:
        """Return when all is up, and on an empty Redis every worker has made its first round."""
        self.await_up()
        await_(lambda: self.redis.exists(*(f"epoch:{name}" for name in NAMES)) == len(NAMES))

    def settled(self) -> bool:
        """Whether all that was said is confirmed, and nothing heard waits."""
        waits = """
            SELECT (SELECT count(*) FROM outbox WHERE state IN ('pending', 'sent'))
                 + (SELECT count(*) FROM inbox WHERE status IN ('received', 'held'))
        """
        try:
            return all(self.query(name, waits) == [(0,)] for name in NAMES)
        except psycopg.OperationalError:
            return False

    def key(self, role: str, department: str | None = None) -> str:
        """An access key of its own for the centre's clerk, or for a department."""
        caller = Caller(identity.new_id(), role, department, None)
        expires = datetime.now(UTC) + timedelta(days=2)
        return keys.issue(self.servers.url("oversight", "identity"), caller, f"faults {caller.key}", expires)

    def renew(self, history: History, sabotage: str | None = None) -> None:
        """Forget everything, and go on with another history, and with workers that lack a protection."""
        workers = [name for name in self.programs if name.endswith("-worker")]
        with self.held(*workers):
            for name in workers:
                self.kill(name)
            self._empty()
            for name in workers:
                _weaken(self.programs[name], sabotage, self.servers)
        self.history.close()
        self.history = history
        self.await_work()

    def _empty(self) -> None:
        self.redis.flushall()
        for name in NAMES:
            tables = self.query(name, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            names = sorted({row[0] for row in tables} - KEEP)
            self.query(name, f"TRUNCATE {', '.join(names)} RESTART IDENTITY CASCADE")

    def _redis_answers(self) -> bool:
        try:
            return bool(self.redis.ping())
        except redis.RedisError:
            return False

    def stop(self) -> None:
        """End everything, the services without ceremony, the servers last."""
        self._over.set()
        for name in self.programs:
            if name not in ("postgres", "redis"):
                self.kill(name)
        self.servers.stop()
        self.history.close()


def await_(condition: Callable[[], bool], seconds: float = LONGEST) -> None:
    """Return when the condition holds; TimeoutError if it takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.05)


@contextmanager
def begin(sabotage: str | None = None, *, keep: Callable[[], bool] = lambda: False) -> Iterator[Suite]:
    """A suite, ready; in the end it is stopped and its folder deleted, unless `keep` says to keep it."""
    data = Path(tempfile.mkdtemp(prefix="minqing-faults-"))
    data.chmod(0o711)  # the servers' account must pass
    with ExitStack() as stack:
        stack.callback(lambda: keep() or servers.delete(data))
        running = servers.start(data, durable=True, say=silence, environ={})
        stack.callback(running.stop)
        hands = stack.enter_context(ThreadPoolExecutor(2, "hand"))
        suite = _made(data, running, hands, sabotage)
        watch = threading.Thread(target=suite.keep_up, name="watch")
        watch.start()
        stack.callback(watch.join)
        stack.callback(suite.stop)
        suite.await_work()
        yield suite


def _made(data: Path, running: Servers, hands: ThreadPoolExecutor, sabotage: str | None) -> Suite:
    plan = _prepare(data, running)
    programs = {program.name: program for program in [*running.programs, *plan.programs()]}
    for name in NAMES:
        _weaken(programs[f"{name}-worker"], sabotage, running)
    return Suite(data, running, programs, plan.urls, History(data / "history.jsonl"), hands)


def _prepare(data: Path, running: Servers) -> deployed.Suite:
    """Databases with their tables, and keys; the plan of the services on them."""
    running.create_databases()
    keyring.create(data / "secrets")
    plan = deployed.plan(data, deployed.free_base(range(21000, 31000, 20)), running)
    for database, url in plan.database_urls().items():
        migrations.upgrade(database, url)
    settings = {name: {**_production(given), **LEAN} for name, given in plan.environments.items()}
    return replace(plan, environments=settings)


def _production(given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in given.items() if name not in NEVER}


def _weaken(program: Program, sabotage: str | None, servers: Servers) -> None:
    """Let a worker run without the named protection, or with all of them."""
    module = program.command[-1]
    weakened = [] if sabotage is None else ["tests.faults.sabotage", sabotage]
    program.command = [sys.executable, "-m", *weakened, module]
    # A sabotage may do what a service's own user in Redis may not.
    own = servers.environment(program.name.removesuffix("-worker"))["MINQING_REDIS_URL"]
    address = own if sabotage is None else servers.redis_url
    program.env = {**(program.env or {}), "MINQING_REDIS_URL": address}
