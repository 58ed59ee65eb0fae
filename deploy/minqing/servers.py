"""Real PostgreSQL and Redis, started here or given: for `minqing up`, and for tests.

A test session needs three lines:

    with servers.temporary() as running:
        running.create_databases()
        environment = running.environment("intake")   # MINQING_DATABASE_URL, _IDENTITY_URL, _REDIS_URL
"""

import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deploy.minqing import acl, databases, place, postgres, redis
from deploy.minqing.program import Program
from deploy.minqing.trouble import Say, Trouble, say, silence


class Kind(Protocol):
    """What the modules `postgres` and `redis` have in common. PORT is how far above the base."""

    PORT: int

    def start(self, place: place.Place, port: int, password: str) -> Program:
        """Start it and await its answer."""

    def url(self, port: int, password: str) -> str:
        """Return its address."""

    def end_earlier(self, place: place.Place) -> bool:
        """End what a killed run left behind; whether there was anything."""


@dataclass(frozen=True)
class Servers:
    """Running servers: their administrators' addresses, a password per role, and what we started here.

    A Redis that was given has the users that its keepers made: each service uses the one address given.
    """

    admin_url: str
    redis_url: str
    passwords: Mapping[str, str]
    programs: tuple[Program, ...]

    def create_databases(self) -> None:
        """Make the roles and databases that are missing; on a server of ours, close what else it has."""
        databases.create(self.admin_url, self.passwords)
        if any(program.name == "postgres" for program in self.programs):
            databases.close_rest(self.admin_url)

    def url(self, role: str, database: str) -> str:
        """Return the SQLAlchemy address of `database` for `role`, both named as in `databases.OWNERS`."""
        return databases.url(self.admin_url, role, self.passwords[role], database)

    def service_urls(self) -> dict[str, str]:
        """Return the addresses of the services' databases, each for its owner."""
        return {service: self.url(service, service) for service in databases.SERVICES}

    def environment(self, service: str) -> dict[str, str]:
        """Return the settings that lead `service` to these servers."""
        return {
            "MINQING_DATABASE_URL": self.url(service, service),
            "MINQING_IDENTITY_URL": self.url(service, "identity"),
            "MINQING_REDIS_URL": self._broker_url(service),
        }

    def _broker_url(self, service: str) -> str:
        ours = any(program.name == "redis" for program in self.programs)
        return acl.url(self.redis_url, service) if ours else self.redis_url

    def stop(self) -> None:
        """Stop what was started, last first."""
        _stop(self.programs)


def start(
    data: Path,
    port_base: int | None = None,
    *,
    durable: bool = True,
    say: Say = say,
    environ: Mapping[str, str] = os.environ,
) -> Servers:
    """Start PostgreSQL and Redis on their files under `data`, made at the first start, and await them.

    Ports are `port_base` + 10 and + 9, or free ones. MINQING_DATABASE_ADMIN_URL and MINQING_REDIS_URL in
    `environ` name servers to use instead. Refuses a busy port and a folder that cannot be used. `durable`
    False is faster, loses data when the power fails, and is for tests.
    """
    if sys.platform != "linux":
        raise Trouble(
            "自带的服务器只能在 Linux 上运行。请改用：docker compose up",
            "The servers that come along run on Linux only. Use: docker compose up",
        )
    ground = place.make(data.absolute(), say, durable=durable)
    known = passwords(data / "passwords.json")
    ours: list[Program] = []
    try:
        admin_url = environ.get("MINQING_DATABASE_ADMIN_URL") or _run(
            postgres, ground, port_base, known["postgres"], ours
        )
        redis_url = environ.get("MINQING_REDIS_URL") or _run(redis, ground, port_base, known["redis"], ours)
    except BaseException:
        _stop(ours)
        raise
    return Servers(admin_url, redis_url, known, tuple(ours))


@contextmanager
def temporary() -> Iterator[Servers]:
    """Give servers of their own, quick and forgetful, for as long as the block lasts. For tests."""
    data = Path(tempfile.mkdtemp(prefix="minqing-"))
    data.chmod(0o711)  # the servers' account must pass
    running = start(data, durable=False, say=silence, environ={})  # never somebody's own servers
    try:
        yield running
    finally:
        running.stop()
        delete(data)


def delete(data: Path) -> None:
    """Delete `data` and everything that the servers kept for it, wherever that is."""
    for name in ("servers", "backups"):
        if (data / name).exists():
            shutil.rmtree((data / name).resolve())
    shutil.rmtree(data)


def check_port(port: int) -> None:
    """Refuse a port on the loopback that something listens on."""
    if not is_free(port):
        raise Trouble(
            f"端口 {port} 已被占用。请换一组端口：minqing up --port-base 8700",
            f"Port {port} is in use. Choose other ports: minqing up --port-base 8700",
        )


def is_free(port: int) -> bool:
    """Return whether nothing listens on a port of the loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _run(
    server: Kind, ground: place.Place, port_base: int | None, password: str, running: list[Program]
) -> str:
    """Start one server, add it to `running`, and return its address."""
    if server.end_earlier(ground):
        ground.say(
            "已结束上次异常退出后遗留的服务器", "Ended a server that an earlier, killed run left behind"
        )
    port = free_port() if port_base is None else port_base + server.PORT
    check_port(port)
    running.append(server.start(ground, port, password))
    return server.url(port, password)


def _stop(programs: Sequence[Program]) -> None:
    for program in reversed(programs):
        program.stop()


def free_port() -> int:
    """Return a port of the loopback that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def passwords(file: Path) -> dict[str, str]:
    """Return a password for every role, made at the first start and kept in a file of ours alone."""
    if not file.exists():
        made = {role: secrets.token_urlsafe(24) for role in (*databases.SERVICES, "postgres", "redis")}
        part = file.with_suffix(".part")
        part.touch(0o600)
        part.write_text(json.dumps(made))
        part.rename(file)
    kept: dict[str, str] = json.loads(file.read_text())
    return kept
