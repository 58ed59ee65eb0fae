"""The whole suite in one process: real PostgreSQL, real Redis, the services' real doors and workers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import redis
from flask.testing import FlaskClient
from sqlalchemy import Connection, text

from deploy.minqing.servers import Servers
from shared import identity, incarnation, service, web
from shared.identity.model import Caller
from shared.inbox import Consumes
from shared.service import Service
from shared.worker import Tick, Worker

NAMES = ("intake", "routing", "oversight")
COUNTY = Path(__file__).resolve().parents[1] / "deploy/county"
KEEP = {"alembic_version", "incarnation"}
# Tests ask faster than anybody; what holds callers to their pace has tests of its own.
UNHURRIED = {"MINQING_RATE": "1000000000", "MINQING_KEY_RATE": "1000000000"}


class Listener(Worker):
    """A worker whose every round hears what lies in its queue, however slow the machine."""

    def _listen(self) -> None:
        self.listen = 5.0 if self.bus.backlog(self.service.name) else 0.01
        super()._listen()


@dataclass
class World:
    """Three services on empty databases, a clock that tests set, keys for anyone, workers run by hand."""

    servers: Servers
    secrets: Path
    clock: Path
    services: dict[str, Service] = field(default_factory=dict)
    keys: dict[tuple[str, str | None], str] = field(default_factory=dict)
    started: list[Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock.write_text("0")
        for name in NAMES:
            self.services[name] = service.start(name, self.environment(name))

    def environment(self, name: str) -> dict[str, str]:
        """The settings of one service."""
        return self.servers.environment(name) | {
            "MINQING_COUNTY": str(COUNTY),
            "MINQING_SECRETS": str(self.secrets),
            "MINQING_CLOCK": str(self.clock),
            "MINQING_DURABLE": "no",
            **UNHURRIED,
        }

    def empty(self) -> None:
        """Forget everything: all tables, another life of theirs, Redis, the clock."""
        for engine in [*(s.engine for s in self.services.values()), self.services["oversight"].identity]:
            with engine.begin() as tx:
                if tables := _filled(tx):  # emptying a table takes PostgreSQL longer than a look into it
                    tx.execute(text(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE"))
        for each in self.services.values():
            with each.transaction() as tx:
                incarnation.put(tx, 1)  # a restore may have begun another life
        for worker in self.started:
            worker.bus.close()  # it still waits for a message, and would take one of the next test
        self.started.clear()
        self.redis.flushall()
        self.keys.clear()
        self.clock.write_text("0")

    @cached_property
    def redis(self) -> redis.Redis:
        """The broker, for tests that wipe, read or forge."""
        return redis.Redis.from_url(self.servers.redis_url)

    def close(self) -> None:
        """Let go of all connections."""
        self.hang_up()
        self.redis.close()

    def hang_up(self) -> None:
        """Let go of the connections to the databases; new ones are made when they are needed."""
        for each in (*self.services.values(), *(app.extensions["minqing"] for app in self._apps.values())):
            each.engine.dispose()
            each.identity.dispose()

    def at(self, moment: datetime) -> None:
        """Make it `moment` (aware) for all services."""
        self.clock.write_text(str((moment - datetime.now(UTC)).total_seconds()))

    def later(self, **span: float) -> None:
        """Let time pass: `later(days=3)`."""
        self.clock.write_text(str(float(self.clock.read_text()) + timedelta(**span).total_seconds()))

    def key(self, role: str, of: str | None = None) -> str:
        """An access key: of a department, of a clerk (of an office, or of the centre), of a supervisor."""
        if (role, of) not in self.keys:
            department, office = (of if role == body else None for body in ("department", "clerk"))
            holder = Caller(identity.new_id(), role, department, office)
            expires = datetime.now(UTC) + timedelta(days=30)
            engine = self.services["oversight"].identity
            self.keys[role, of] = identity.issue(engine, holder, f"test {holder.key}", expires)
        return self.keys[role, of]

    def client(self, name: str, role: str | None = None, of: str | None = None) -> FlaskClient:
        """A client of a service's API, with the key of the named caller, or with none."""
        client = self.app(name).test_client()
        if role is not None:
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {self.key(role, of)}"
        return client

    def app(self, name: str) -> Any:
        """The Flask application of a service."""
        api = import_module(f"services.{name}.api")
        if name not in self._apps:
            self._apps[name] = web.create(self.services[name], api.BLUEPRINTS)
        return self._apps[name]

    @cached_property
    def _apps(self) -> dict[str, Any]:
        return {}

    def worker(
        self, name: str, consumes: Consumes | None = None, ticks: Sequence[Tick] | None = None
    ) -> Worker:
        """A new worker of a service with its real handlers and ticks, or others; run it with `round()`."""
        module = import_module(f"services.{name}.worker")
        given = module.CONSUMES if consumes is None else consumes
        made = Listener(self.services[name], given, getattr(module, "TICKS", ()) if ticks is None else ticks)
        self.started.append(made)
        return made

    @cached_property
    def workers(self) -> list[Worker]:
        """One worker of each service."""
        return [self.worker(name) for name in NAMES]

    def tick(self) -> None:
        """Let every service do now what it does as time passes, then settle."""
        for worker in self.workers:
            worker.next_tick = 0.0
        self.settle()

    def settle(self, seconds: float = 30) -> None:
        """Run the workers until everything said has been heard and confirmed."""
        end = time.monotonic() + seconds
        while True:
            for worker in self.workers:
                worker.round()
            if self.unconfirmed() == 0:
                return
            assert time.monotonic() < end, f"not settled: {self.unconfirmed()} unconfirmed"

    def unconfirmed(self) -> int:
        """How many events still wait for their receipt, in all services."""
        return sum(self.count(n, "outbox", "state IN ('pending', 'sent')") for n in NAMES)

    def count(self, name: str, table: str, condition: str = "true") -> int:
        """How many rows of a service's table meet a condition."""
        return int(self.query(name, f"SELECT count(*) FROM {table} WHERE {condition}")[0][0])

    def query(self, name: str, sql: str, **values: Any) -> list[Any]:
        """The rows of a query on a service's database."""
        with self.services[name].transaction() as tx:
            return list(tx.execute(text(sql), values).all())

    def register(self, key: str = "k", *, role: str = "clerk", of: str | None = None, **changes: Any) -> Any:
        """Register a grievance (see `grievance`) through the API; the answer."""
        return self.client("intake", role, of).post(
            "/v1/grievances", json=grievance(**changes), headers={"Idempotency-Key": key}
        )


def grievance(**changes: Any) -> dict[str, Any]:
    """A valid request to register, with changes."""
    return {
        "kind": "claim",
        "office": "administrative-reception",
        "channel": "visit",
        "summary": "小区二次供水水压不足",
        "text": "六楼以上早晚高峰没有水，物业说是水务公司的事，水务公司说是物业的事。",
        "petitioners": [{"name": "何桂兰", "phone": "199 0000 0001", "representative": False}],
    } | changes


def _filled(tx: Connection) -> list[str]:
    """The tables that hold a row."""
    names = tx.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
    looks = [f"(SELECT '{name}' FROM {name} LIMIT 1)" for name in set(names) - KEEP]
    return list(tx.execute(text(" UNION ALL ".join(looks))).scalars())
