"""What a service's user may do in Redis, tried on a real one."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from click.testing import CliRunner

from deploy.minqing import cli, databases
from deploy.minqing.servers import Servers
from shared import bus, contracts
from tests.world import World

Connect = Callable[[str], redis.Redis]

every_service = pytest.mark.parametrize("service", databases.SERVICES)


@pytest.fixture
def user(running: Servers) -> Iterator[Connect]:
    """Opens a connection as the user of a service."""
    opened: list[redis.Redis] = []

    def connect(service: str) -> redis.Redis:
        opened.append(redis.Redis.from_url(running.environment(service)["MINQING_REDIS_URL"]))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@every_service
def test_a_service_is_not_the_administrator(running: Servers, user: Connect, service: str) -> None:
    assert running.passwords["redis"] not in running.environment(service)["MINQING_REDIS_URL"]
    assert user(service).ping()


@every_service
@pytest.mark.parametrize(
    "command",
    [
        "FLUSHALL",
        "FLUSHDB",
        "CONFIG GET *",
        "CONFIG SET requirepass x",
        "KEYS *",
        "SCAN 0",
        "SHUTDOWN",
        "SAVE",
        "ACL LIST",
        "ACL WHOAMI",
        "EVAL return(1) 0",
        "SCRIPT FLUSH",
        "MONITOR",
        "CLIENT LIST",
        "CLIENT KILL TYPE normal",
        "REPLICAOF NO ONE",
        "SUBSCRIBE x",
        "PUBLISH x y",
        "SELECT 1",
        "INFO",
    ],
)
def test_a_service_may_not_rule_redis(user: Connect, service: str, command: str) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        user(service).execute_command(*command.split())


@every_service
def test_a_service_reads_no_list_but_its_own(user: Connect, service: str) -> None:
    for other in {*databases.SERVICES} - {service}:
        for command in ("RPOP", "LPOP", "DEL", "TYPE"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                user(service).execute_command(command, bus.queue(other))
        for command in (["BRPOP", bus.queue(other), 1], ["LRANGE", bus.queue(other), 0, -1]):
            with pytest.raises(redis.exceptions.NoPermissionError):
                user(service).execute_command(*command)
    assert user(service).rpop(bus.queue(service)) is None


@every_service
def test_a_service_writes_to_its_partners_and_itself_alone(user: Connect, service: str) -> None:
    partners = {service, *contracts.readers_of(service), *contracts.sources_of(service)}
    strangers = {*databases.SERVICES, "nobody"} - partners
    for stranger in strangers:
        with pytest.raises(redis.exceptions.NoPermissionError):
            user(service).lpush(bus.queue(stranger), "x")
    with pytest.raises(redis.exceptions.NoPermissionError):
        user(service).lpush(f"{bus.queue(service)}\x06\x163", "x")


@every_service
def test_a_service_touches_no_epoch_but_its_own(user: Connect, service: str) -> None:
    for other in {*databases.SERVICES} - {service}:
        with pytest.raises(redis.exceptions.NoPermissionError):
            user(service).set(bus.epoch_key(other), "forged")
        with pytest.raises(redis.exceptions.NoPermissionError):
            user(service).get(bus.epoch_key(other))


def test_the_whole_flow_asks_redis_for_nothing_that_is_refused(world: World) -> None:
    world.redis.acl_log_reset()
    world.register()
    world.settle()
    world.redis.flushall()
    world.register("again")
    world.settle()
    assert world.count("oversight", "watched") == 2
    assert world.redis.acl_log() == []


def test_what_is_made_for_compose_leads_each_service_to_its_user(tmp_path: Path) -> None:
    made = CliRunner().invoke(cli.main, ["secrets", "broker", str(tmp_path), "redis:6379"])
    assert made.exit_code == 0, made.output
    said = {file.name: file.read_text().strip() for file in tmp_path.iterdir()}
    auth = said.pop("redis_auth")
    for service in databases.SERVICES:
        address = urlsplit(said.pop(f"{service}_redis_url"))
        assert (address.username, address.hostname, address.port, address.path) == (
            service, "redis", 6379, "/0"
        )  # fmt: skip
        assert f"user {service} on #{hashlib.sha256(str(address.password).encode()).hexdigest()} " in auth
    assert f"requirepass {urlsplit(said.pop('redis_admin_url')).password}\n" in auth
    assert said == {}
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in tmp_path.iterdir())
    again = CliRunner().invoke(cli.main, ["secrets", "broker", str(tmp_path), "redis:6379"])
    assert again.exit_code == 1 and "never overwritten" in again.output
