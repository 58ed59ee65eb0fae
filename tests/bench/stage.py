"""The suite as in production, on servers of its own that write to disk: intake's API and the workers.

Beside it, under the same gunicorn settings and on the same PostgreSQL, the bare application.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg

from deploy.minqing import keys, servers, suite
from deploy.minqing.program import Program
from deploy.minqing.suite import Suite
from deploy.minqing.trouble import silence
from shared import identity, keyring, migrations
from shared.identity.model import Caller
from tests.bench import bare
from tests.bench.load import Target
from tests.world import UNHURRIED

BODIES = suite.ROOT / "deploy/samples/grievances.jsonl"
PORT_BASE = 18_600  # of the bare application; intake is above it
PAUSE = 0.5  # seconds between two looks

# Grievances that intake and routing both have spoken of, and that have a deadline.
WATCHED = """
SELECT count(*) FROM watched AS w
WHERE kind IS NOT NULL AND EXISTS (SELECT FROM deadline AS d WHERE d.number = w.number)
  AND EXISTS (SELECT FROM milestone AS m WHERE m.number = w.number AND m.name IN ('assigned', 'triaged'))
"""
UNCONFIRMED = "SELECT count(*) FROM outbox WHERE state <> 'confirmed'"


@dataclass(frozen=True)
class Stage:
    """Everything that a measurement needs."""

    suite: Suite
    bare: Target
    register: Target

    def registered(self) -> int:
        """How many grievances there are."""
        return self._count("intake", "SELECT count(*) FROM grievance")

    def watched(self) -> int:
        """How many of them have their deadlines in oversight."""
        return self._count("oversight", WATCHED)

    def await_watched(self, number: int) -> float:
        """Wait until so many have their deadlines; the moment when they had."""
        while self.watched() < number:
            time.sleep(PAUSE)
        return time.monotonic()

    def await_confirmed(self) -> float:
        """Wait until everything that was said has been heard everywhere; the moment when it was."""
        while any(self._count(name, UNCONFIRMED) for name in keyring.SERVICES):
            time.sleep(PAUSE)
        return time.monotonic()

    @contextmanager
    def workers(self) -> Iterator[None]:
        """All three workers, running."""
        with _running([p for p in self.suite.programs() if p.name.endswith("-worker")]):
            yield

    def _count(self, database: str, sql: str) -> int:
        with psycopg.connect(_plain(self.suite, database)) as connection:
            row = connection.execute(sql).fetchone()
        return int(row[0]) if row else 0


@contextmanager
def raised() -> Iterator[Stage]:
    """Start servers, intake's API and the bare application; in the end, stop and delete all of it."""
    with ExitStack() as stack:
        data = Path(tempfile.mkdtemp(prefix="minqing-bench-"))
        stack.callback(servers.delete, data)
        found = _suite(data, stack)
        ours = next(program for program in found.programs() if program.name == "intake-api")
        plain = Target(f"http://127.0.0.1:{PORT_BASE}/", BODIES, "")
        register = Target(f"{found.urls['intake']}/v1/grievances", BODIES, _key(found))
        stack.enter_context(_running([ours, _bare(found, data)]))
        ours.await_ready(lambda: _answers(register.url) and _answers(plain.url))
        yield Stage(found, plain, register)


def _suite(data: Path, stack: ExitStack) -> Suite:
    """Servers with migrated databases, and the suite that goes on them."""
    data.chmod(0o711)  # the servers' account must pass
    running = servers.start(data, say=silence, environ={})  # never somebody's own servers
    stack.callback(running.stop)
    running.create_databases()
    keyring.create(data / "secrets")
    for port in (PORT_BASE, PORT_BASE + suite.PORTS["intake"]):
        servers.check_port(port)
    found = suite.plan(data, PORT_BASE, running)
    for name, url in found.database_urls().items():
        migrations.upgrade(name, url)
    settings = {name: _on_time(e) | UNHURRIED for name, e in found.environments.items()}
    return replace(found, environments=settings)


def _on_time(environment: Mapping[str, str]) -> dict[str, str]:
    """As in production, where no replay sets the clock."""
    return {name: value for name, value in environment.items() if name != "MINQING_CLOCK"}


def _bare(found: Suite, data: Path) -> Program:
    """The bare application in intake's database, under the settings of every service."""
    address = _plain(found, "intake")
    with psycopg.connect(address) as connection:
        connection.execute(bare.TABLE)
    config = str(suite.ROOT / "deploy/gunicorn.py")
    return Program(
        name="bare",
        command=[sys.executable, "-m", "gunicorn", "-c", config, "tests.bench.bare:create_app()"],
        log=data / "logs/bare.log",
        folder=suite.ROOT,
        env={**os.environ, "BARE_DATABASE_URL": address, "MINQING_BIND": f"127.0.0.1:{PORT_BASE}"},
    )


def _plain(found: Suite, database: str) -> str:
    """The address of a database as psycopg reads it."""
    return found.database_urls()[database].replace("+psycopg", "")


def _key(found: Suite) -> str:
    """An access key of the grievance centre."""
    clerk = Caller(identity.new_id(), "clerk", None, None)
    expires = datetime.now(UTC) + timedelta(days=1)
    return keys.issue(found.database_urls()["identity"], clerk, "bench", expires)


def _answers(url: str) -> bool:
    """Whether something is there, whatever it says."""
    try:
        httpx.get(url)
    except httpx.TransportError:
        return False
    return True


@contextmanager
def _running(programs: Sequence[Program]) -> Iterator[None]:
    try:
        for program in programs:
            program.start()
        yield
    finally:
        for program in reversed(programs):
            program.stop()
