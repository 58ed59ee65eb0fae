import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.minqing import databases, place, servers
from deploy.minqing.servers import Servers
from deploy.minqing.trouble import Trouble
from shared.database import door


class Said(list[str]):
    """What the person was told, in English."""

    def __call__(self, zh: str, en: str) -> None:
        self.append(en)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def start(data: Path, said: Said) -> Iterator[object]:
    started: list[Servers] = []

    def start(**options: object) -> Servers:
        started.append(servers.start(data, say=said, environ={}, **({"durable": False} | options)))
        return started[-1]

    yield start
    for running in started:
        running.stop()


def database(running: Servers) -> psycopg.Connection:
    return psycopg.connect(running.admin_url.replace("+psycopg", ""), autocommit=True)


def kill(running: Servers) -> None:
    for program in running.programs:
        os.kill(program.pid, signal.SIGKILL)
        program.process.wait()


def test_what_was_committed_is_there_after_a_restart(start):
    running = start()
    with database(running) as connection:
        connection.execute("create table kept as select 1")
    running.stop()
    with database(start()) as connection:
        assert connection.execute("select * from kept").fetchone() == (1,)


def test_servers_killed_at_once_come_back_with_what_was_committed(start):
    running = start(durable=True)
    with database(running) as connection:
        connection.execute("create table kept as select 1")
    kill(running)
    with database(start(durable=True)) as connection:
        assert connection.execute("select * from kept").fetchone() == (1,)


def test_servers_that_outlived_a_killed_run_are_ended_first(start, said):
    earlier = start()
    with database(start()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert said == ["Ended a server that an earlier, killed run left behind"] * 2
    assert not any(program.alive() for program in earlier.programs)


def test_a_pid_file_that_names_a_stranger_is_taken_away_and_the_stranger_left_alone(start, data):
    start().stop()
    (data / "servers/postgres/postmaster.pid").write_text(f"{os.getppid()}\n")
    assert start().programs[0].alive()
    os.kill(os.getppid(), 0)


def test_an_initialisation_that_died_is_made_again(start, data, said):
    part = data / "servers/postgres.part"
    part.mkdir(parents=True)
    (part / "PG_VERSION").write_text("18\n")
    start()
    assert said == ["An earlier initialisation did not finish; starting it again"]
    assert not part.exists()


def test_an_incomplete_database_is_set_aside_and_never_deleted(start, data, said):
    folder = data / "servers/postgres"
    (folder / "base").mkdir(parents=True)
    (folder / "base/somebodys").write_text("all that is left")
    start()
    (aside,) = data.glob("servers/postgres.incomplete-*")
    assert (aside / "base/somebodys").read_text() == "all that is left"
    assert str(aside) in said[0]


def test_the_data_of_another_postgres_is_refused(start, data):
    start().stop()
    version = data / "servers/postgres/PG_VERSION"
    version.write_text("14\n")
    with pytest.raises(Trouble, match="written by PostgreSQL 14"):
        start()


def test_a_busy_port_is_refused_by_its_number(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Trouble, match=f"Port {port} is in use"):
            start(port_base=port - 10)


def test_a_failed_start_leaves_nothing_running(start, data):
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Trouble, match="in use"):
        start(port_base=taken.getsockname()[1] - 9)  # PostgreSQL starts, Redis cannot
    assert not (data / "servers/postgres/postmaster.pid").exists()


def test_a_folder_that_cannot_be_made_is_refused(data):
    (data / "file").touch()
    with pytest.raises(Trouble, match="cannot be written to"):
        servers.start(data / "file" / "inside", environ={})


def test_servers_that_are_given_are_used(running, data):
    given = {"MINQING_DATABASE_ADMIN_URL": running.admin_url, "MINQING_REDIS_URL": running.redis_url}
    used = servers.start(data, environ=given)
    assert used.programs == ()
    assert (used.admin_url, used.redis_url) == (running.admin_url, running.redis_url)


def test_a_service_may_connect_to_its_own_database_and_read_identity(running):
    def connect(role: str, name: str) -> psycopg.Connection:
        return psycopg.connect(running.url(role, name).replace("+psycopg", ""))

    with connect("intake", "intake"), connect("intake", "identity") as identity:
        identity.execute("select * from access_key")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            identity.execute("delete from access_key")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        connect("intake", "routing")


@pytest.mark.parametrize("role", databases.SERVICES)
def test_a_role_can_connect_to_its_own_database_and_identity_alone(running: Servers, role: str) -> None:
    with database(running) as connection:
        names = {name for (name,) in connection.execute("select datname from pg_database where datallowconn")}
    open_ = set()
    for name in names:
        try:
            psycopg.connect(running.url(role, name).replace("+psycopg", "")).close()
        except psycopg.OperationalError as error:
            assert "permission denied" in str(error)
        else:
            open_.add(name)
    assert names >= {"postgres", "template1"} and open_ == {role, "identity"}


@pytest.mark.parametrize("service", databases.SERVICES)
def test_the_door_of_a_service_opens_its_own_database_alone_and_owns_nothing(
    running: Servers, service: str
) -> None:
    for name in databases.OWNERS:
        address = door(running.url(service, name)).replace("+psycopg", "")
        if name != service:
            with pytest.raises(psycopg.OperationalError, match="permission denied"):
                psycopg.connect(address)
            continue
        with psycopg.connect(address) as connection:
            owned = "select 1 from pg_class where pg_get_userbyid(relowner) in (current_user, session_user)"
            assert connection.execute(owned).fetchall() == []
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"set role {service}")


@pytest.mark.parametrize("role", ["intake", "routing"])
@pytest.mark.parametrize("kind", ["TEMP", "CREATE"])
def test_a_role_that_reads_identity_makes_nothing_there(running: Servers, role: str, kind: str) -> None:
    address = running.url(role, "identity").replace("+psycopg", "")
    what = {"TEMP": "temp table t (n int)", "CREATE": "table t (n int)"}[kind]
    with psycopg.connect(address) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"create {what}")


def test_redis_asks_for_its_password_and_evicts_nothing(running):
    port = int(running.redis_url.rpartition(":")[2].partition("/")[0])
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(b"PING\r\n")
        assert stranger.recv(100).startswith(b"-NOAUTH")
        stranger.sendall(f"AUTH {running.passwords['redis']}\r\n".encode())
        assert stranger.recv(100) == b"+OK\r\n"
        stranger.sendall(b"CONFIG GET maxmemory-policy\r\n")
        assert b"noeviction" in stranger.recv(200)


def test_passwords_are_for_the_owner_alone(start, data):
    start()
    assert (data / "passwords.json").stat().st_mode & 0o777 == 0o600


def test_logs_are_for_the_owner_alone(data):
    place.make_folder(data)
    assert (data / "logs").stat().st_mode & 0o777 == 0o700


def test_a_row_that_failed_is_in_no_log(start, data):
    with database(start()) as connection:
        connection.execute("create table told (words text check (length(words) < 9))")
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("insert into told values (%s)", ["what a petitioner said"])
    log = (data / "logs/postgres.log").read_text("utf-8")
    assert "told_words_check" in log
    assert "petitioner" not in log
