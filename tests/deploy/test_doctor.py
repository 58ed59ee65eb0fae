"""Each check of `minqing doctor` on something that really is unsafe, and on the same made safe again."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from deploy.minqing import acl, cli, databases, doctor, keyfile, postgres, servers
from deploy.minqing.doctor import broker, deployment, files, postgresql, secrets
from deploy.minqing.doctor.deployment import Check, Deployment
from deploy.minqing.servers import Servers
from shared import heartbeat, identity, keyring, migrations
from shared.identity.model import Caller
from tests.world import World

PUBLIC = {name: "https://county.example" for name in databases.SERVICES}


@pytest.fixture
def given(world: World, tmp_path: Path) -> Deployment:
    """The servers of the tests, as a deployment."""
    running = world.servers
    keyring.create(tmp_path / "secrets")
    return Deployment(
        databases={name: running.url(owner, name) for name, owner in databases.OWNERS.items()},
        redis=running.redis_url,
        brokers={name: running.environment(name)["MINQING_REDIS_URL"] for name in databases.SERVICES},
        public=PUBLIC,
        secrets=tmp_path / "secrets",
    )


@pytest.fixture(scope="module")
def exposed() -> Iterator[Servers]:
    """A PostgreSQL that keeps what it promised, and listens on an address too many."""
    data = tempfile.mkdtemp(prefix="minqing-")
    Path(data).chmod(0o711)
    kept = postgres._options
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            postgres,
            "_options",
            lambda *given: [
                word.replace("listen_addresses=127.0.0.1", "listen_addresses=127.0.0.1,127.0.0.2")
                for word in kept(*given)
            ],
        )
        running = servers.start(Path(data), say=servers.silence, environ={})
    running.create_databases()
    yield running
    running.stop()
    servers.delete(Path(data))


def admin(running: Servers, name: str = "postgres") -> psycopg.Connection:
    address = running.admin_url.replace("+psycopg", "").removesuffix("postgres") + name
    return psycopg.connect(address, autocommit=True)


@contextmanager
def done(running: Servers, act: str, undo: str, name: str = "postgres") -> Iterator[None]:
    """For as long as the block lasts, something is done to the database."""
    with admin(running, name) as connection:
        connection.execute(act)
        try:
            yield
        finally:
            connection.execute(undo)


def said(check: Check, given: Deployment) -> str:
    return "\n".join(each.en for each in check(given))


def test_a_secret_that_others_can_read_is_found(given: Deployment) -> None:
    assert given.secrets and said(files.modes, given) == ""
    (given.secrets / "bus.key").chmod(0o640)
    assert "bus.key is open to others (040)" in said(files.modes, given)
    (given.secrets / "bus.key").chmod(0o600)
    given.secrets.chmod(0o755)
    assert "chmod go=" in said(files.modes, given)


def test_passwords_of_a_suite_that_others_can_read_are_found(given: Deployment, tmp_path: Path) -> None:
    (tmp_path / "passwords.json").touch(0o644)
    assert "passwords.json" in said(files.modes, replace(given, data=tmp_path))


def test_a_key_of_the_wrong_size_is_found(given: Deployment) -> None:
    assert given.secrets and said(files.keys, given) == ""
    (given.secrets / "session.key").write_text("c2hvcnQ=\n")
    assert "session.key" in said(files.keys, given)


def test_a_key_that_was_used_for_too_long_is_found(given: Deployment) -> None:
    assert given.secrets and said(secrets.old, given) == ""
    assert secrets.ages(given)["sign:intake"] == 0
    keyring.put(given.secrets / "bus.key", [keyring.new(datetime.now(UTC) - timedelta(days=800))])
    assert said(secrets.old, given) == "the key bus is 800 days old: minqing secrets rotate bus"


@pytest.mark.parametrize("name", ["identity", "sign:routing", "code"])
def test_a_rotation_that_stopped_half_way_is_found(given: Deployment, name: str) -> None:
    assert given.secrets and said(secrets.unfinished, given) == ""
    keyfile.add(given.secrets, name, datetime.now(UTC))
    assert said(secrets.unfinished, given).endswith(f"then minqing secrets use {name}")
    keyfile.use(given.secrets, name)
    if name == "code":  # its old keys stay, for the codes on paper
        assert said(secrets.unfinished, given) == ""
    else:
        assert said(secrets.unfinished, given).endswith(f"minqing secrets retire {name}")
    keyfile.retire(given.secrets, name)
    assert said(secrets.unfinished, given) == ""


def test_public_keys_that_are_another_keys_are_found(given: Deployment) -> None:
    assert given.secrets
    shutil.copy(given.secrets / "intake.sign.pub", given.secrets / "routing.sign.pub")
    assert said(secrets.unfinished, given).startswith("routing.sign.pub is not of that key")
    (given.secrets / "routing.sign.pub").unlink()
    assert said(secrets.unfinished, given).startswith("routing.sign.pub is not of that key")


def test_a_retired_key_that_no_backup_needs_any_more_is_found(given: Deployment) -> None:
    assert given.secrets
    aside = given.secrets / "identity.key.retired"
    keyring.put(aside, [keyring.new(datetime.now(UTC))])
    assert said(secrets.put_aside, given) == ""
    month = time.time() - 31 * 24 * 3600
    os.utime(aside, (month, month))
    assert "identity.key.retired: delete these keys" in said(secrets.put_aside, given)


@pytest.mark.parametrize("word", ["postgres", "", "short"])
def test_a_password_that_can_be_guessed_is_found(given: Deployment, word: str) -> None:
    assert said(files.passwords, given) == ""
    weak = {**given.databases, "routing": f"postgresql+psycopg://routing:{word}@127.0.0.1/routing"}
    assert "password of routing is short" in said(files.passwords, replace(given, databases=weak))
    assert "redis" in said(files.passwords, replace(given, redis=f"redis://:{word}@127.0.0.1/0"))


def test_a_clock_that_can_be_moved_is_found(given: Deployment, tmp_path: Path) -> None:
    (tmp_path / "clock").write_text("0")
    moved = replace(given, clock=tmp_path / "clock")
    assert said(files.clock, given) == ""
    assert "MINQING_CLOCK unset" in said(files.clock, moved)
    demo = replace(moved, public={"intake": "http://127.0.0.1:8601"})
    assert said(files.clock, demo) == ""
    (tmp_path / "clock").write_text("-86400")
    assert "can move" in said(files.clock, demo)


def test_an_address_without_tls_is_found(given: Deployment) -> None:
    assert said(files.transport, given) == ""
    assert said(files.transport, replace(given, public={"intake": "http://127.0.0.1:8601"})) == ""
    assert "without TLS" in said(files.transport, replace(given, public={"intake": "http://10.0.0.5/"}))


def test_a_disk_that_is_nearly_full_is_found(given: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 95, 5))
    assert "only 5%" in said(files.room, given)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 50, 50))
    assert said(files.room, given) == ""


def test_a_database_that_forgets_is_found(given: Deployment, exposed: Servers) -> None:
    careless = said(postgresql.durable, given)
    assert all(f"{name} is off" in careless for name in ("fsync", "synchronous_commit", "full_page_writes"))
    kept = replace(given, databases={"intake": exposed.url("intake", "intake")})
    assert said(postgresql.durable, kept) == ""
    assert "MINQING_DURABLE" in said(postgresql.durable, replace(kept, durable=False))


def test_a_database_that_listens_to_others_is_found(given: Deployment, exposed: Servers) -> None:
    assert said(postgresql.listening, given) == ""
    open_ = replace(given, databases={"intake": exposed.url("intake", "intake")})
    assert "listens on 127.0.0.1,127.0.0.2" in said(postgresql.listening, open_)


@pytest.mark.parametrize("power", ["superuser", "createdb", "createrole", "replication", "bypassrls"])
def test_a_role_with_too_much_power_is_found(given: Deployment, running: Servers, power: str) -> None:
    assert said(postgresql.powers, given) == ""
    with done(running, f"alter role routing {power}", f"alter role routing no{power}"):
        assert "the role of routing has rol" in said(postgresql.powers, given)


def test_a_way_into_another_database_is_found(given: Deployment, running: Servers) -> None:
    assert said(postgresql.walls, given) == ""
    for other in ("routing", "postgres", "template1"):
        allow = f"grant connect on database {other} to public"
        with done(running, allow, f"revoke connect on database {other} from public"):
            assert f"intake can connect to {other}" in said(postgresql.walls, given)


def test_somebody_else_who_can_write_identity_is_found(given: Deployment, running: Servers) -> None:
    with done(
        running,
        "grant insert on access_key to routing",
        "revoke insert on access_key from routing",
        name="identity",
    ):
        assert "routing can write to identity" in said(postgresql.walls, given)


def test_a_database_of_another_version_is_found(given: Deployment, running: Servers) -> None:
    assert said(postgresql.steps, given) == ""
    newest = migrations.newest("routing")
    put = "update alembic_version set version_num = '{}'"
    with done(running, put.format("0000"), put.format(newest), name="routing"):
        assert said(postgresql.steps, given) == "routing is at 0000: minqing migrate"


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_clock_that_is_wrong_is_found(
    given: Deployment, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    class Wrong(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(UTC) + timedelta(minutes=minutes)

    assert said(postgresql.time, given) == ""
    monkeypatch.setattr(postgresql, "datetime", Wrong)
    assert "are 300 s apart" in said(postgresql.time, given)


def test_a_missing_and_a_late_backup_are_found(given: Deployment, world: World) -> None:
    assert "last backup" in said(postgresql.backup, given)
    with world.services["intake"].transaction() as tx:
        heartbeat.beat(tx, "backup")
    assert said(postgresql.backup, given) == ""
    with admin(world.servers, "intake") as connection:
        connection.execute("update heartbeat set at = now() - interval '3 days'")
    assert "72 h" in said(postgresql.backup, given)


@pytest.mark.parametrize("days", [-1, 4000])
def test_a_key_that_is_over_or_never_ends_is_found(given: Deployment, world: World, days: int) -> None:
    world.key("clerk")
    assert said(postgresql.access, given) == ""
    holder = Caller(identity.new_id(), "clerk", None, None)
    engine = world.services["oversight"].identity
    identity.issue(engine, holder, "test", datetime.now(UTC) + timedelta(days=1))
    values = {"at": datetime.now(UTC) + timedelta(days=days), "id": holder.key}
    with engine.begin() as tx:  # as no command of ours would
        tx.execute(text("UPDATE access_key SET expires_at = :at WHERE id = :id"), values)
    assert said(postgresql.access, given) == f"key {holder.key}: revoke it"


@contextmanager
def configured(world: World, name: str, value: str) -> Iterator[None]:
    before = world.redis.config_get(name)[name]
    world.redis.config_set(name, value)
    try:
        yield
    finally:
        world.redis.config_set(name, before)


def test_a_redis_that_forgets_or_drops_is_found(given: Deployment, world: World) -> None:
    assert "appendonly no" in said(broker.keeping, given)
    with configured(world, "appendonly", "yes"):
        assert said(broker.keeping, given) == ""
        with configured(world, "maxmemory-policy", "allkeys-lru"):
            assert "maxmemory-policy allkeys-lru" in said(broker.keeping, given)


def test_a_redis_that_strangers_reach_is_found(given: Deployment, world: World) -> None:
    assert said(broker.listening, given) == ""
    with configured(world, "bind", "127.0.0.1 127.0.0.2"):
        assert "listens on 127.0.0.1 127.0.0.2" in said(broker.listening, given)
    with configured(world, "protected-mode", "no"):
        assert "set protected-mode yes" in said(broker.listening, given)
    with configured(world, "requirepass", ""):
        assert "no password" in said(broker.listening, given)


def test_a_service_that_may_rule_redis_is_found(given: Deployment, world: World) -> None:
    assert said(broker.rights, given) == ""
    as_admin = {**given.brokers, "routing": world.servers.redis_url}
    assert "routing is default to Redis and may FLUSHALL" in said(
        broker.rights, replace(given, brokers=as_admin)
    )
    world.redis.execute_command("ACL", "SETUSER", "intake", "(+rpop ~routing.in)")
    try:
        assert "intake is intake to Redis and may RPOP routing.in" in said(broker.rights, given)
    finally:
        selectors = [f"({each}" for each in acl.rules("intake").split(" (")[1:]]
        world.redis.execute_command("ACL", "SETUSER", "intake", "clearselectors", *selectors)


def test_a_server_that_does_not_answer_is_a_finding(given: Deployment) -> None:
    away = replace(
        given,
        databases=dict.fromkeys(databases.OWNERS, "postgresql+psycopg://a:aaaaaaaaaaaaaaaa@127.0.0.1:1/a"),
        redis="redis://:aaaaaaaaaaaaaaaa@127.0.0.1:1/0",
    )
    silent = {name for name, each in doctor.examine(away) if "cannot be examined" in each.en}
    local = {files.modes.__module__, secrets.old.__module__}
    assert silent == {name for name, check in doctor.CHECKS.items() if check.__module__ not in local}


def test_the_command_says_each_finding_and_fails(
    given: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, url in given.databases.items():
        monkeypatch.setenv(f"MINQING_{name.upper()}_DATABASE_URL", url)
    (tmp_path / "admin").write_text(f"{given.redis}\n")
    monkeypatch.setenv("MINQING_REDIS_ADMIN_URL_FILE", str(tmp_path / "admin"))
    monkeypatch.setenv("MINQING_INTAKE_URL", "http://county.example")
    answer = CliRunner().invoke(cli.main, ["doctor"])
    assert answer.exit_code == 1, answer.output
    assert "intake is reached at http://county.example without TLS" in answer.output
    assert "Key files were not examined" in answer.output
    listed = json.loads(CliRunner().invoke(cli.main, ["doctor", "--json"]).output)
    assert {"TLS", "durability", "backup"} <= {each["check"] for each in listed}


def test_what_is_safe_is_said_to_be(monkeypatch: pytest.MonkeyPatch, given: Deployment) -> None:
    monkeypatch.setattr(deployment, "found", lambda _: given)
    monkeypatch.setattr(doctor, "CHECKS", {"modes": files.modes, "steps": postgresql.steps})
    answer = CliRunner().invoke(cli.main, ["doctor"])
    assert (answer.exit_code, "2 checks, 0 findings" in answer.output) == (0, True)
