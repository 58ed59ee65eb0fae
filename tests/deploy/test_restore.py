"""Backup, restore, drill: on real servers, with the services in this process."""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from deploy.minqing import archive, backups, cli, later, place, postgres, restore, resync, servers, suite
from deploy.minqing.servers import Servers
from deploy.minqing.trouble import silence
from shared import incarnation, keyring, migrations, vault
from tests.world import NAMES, World

START = "2026-01-01T00:00:00+08:00"


class Site:
    """A suite on a data folder of its own: servers that start and stop, the services in this process."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.keys = 0
        keyring.create(data / "secrets")
        self.up()

    def up(self) -> None:
        self.servers = servers.start(self.data, durable=False, say=silence, environ={})
        self.servers.create_databases()
        for database in migrations.HISTORIES:
            owner = "oversight" if database == "identity" else database
            migrations.upgrade(database, self.servers.url(owner, database))
        suite.plan(self.data, 8600, self.servers).save()
        self.world = World(self.servers, self.data / "secrets", self.data / "clock")

    def down(self) -> None:
        for each in self.world.started:
            each.bus.close()
        self.world.close()
        self.servers.stop()

    def minqing(self, *words: object) -> Result:
        return CliRunner().invoke(cli.main, [*map(str, words), f"--data={self.data}"])

    def backup(self) -> None:
        """See to it that there is one."""
        if not backups.listed(self.data / "backups"):
            self.register(1)
            made = self.minqing("backup")
            assert "Keep these two apart" in made.output, made.output

    def register(self, n: int) -> list[str]:
        """Numbers of `n` new grievances, known to all services."""
        answers = []
        for _ in range(n):
            self.keys += 1
            answers.append(self.world.register(f"{time.time()} {self.keys}"))
        self.world.settle()
        return [answer.json["number"] for answer in answers]

    def numbers(self) -> set[str]:
        return {row.number for row in self.world.query("intake", "SELECT number FROM grievance")}

    def wal(self) -> list[str]:
        return sorted(file.name for file in (self.data / "backups/wal").glob(f"{'?' * 24}.gz"))

    def switch(self) -> None:
        """Have the piece of the log kept that is being written now."""
        with admin(self.servers) as connection:
            name = connection.execute("select pg_walfile_name(pg_switch_wal())").fetchone()[0]
        await_(lambda: f"{name}.gz" in self.wal())


def admin(running: Servers):
    return psycopg.connect(running.admin_url.replace("+psycopg", ""), autocommit=True)


def await_(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch:  # what a power cut would lose is of no interest here
        patch.setattr(place, "make", lambda data, say, durable: MAKE(data, say, durable=False))
        yield from _site()


MAKE = place.make


def _site() -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="minqing-"))
    folder.chmod(0o711)
    made = Site(folder)
    yield made
    made.down()
    shutil.rmtree(folder)


@pytest.mark.parametrize("words", [["backup"], ["restore"], ["restore", "--drill"]])
def test_a_postgres_that_another_container_runs_is_left_to_its_own_means(
    words: list[str], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINQING_INTAKE_DATABASE_URL", "postgresql://intake@postgres/intake")
    done = CliRunner().invoke(cli.main, [*words, f"--data={data}"])
    assert done.exit_code == 1 and "docs/operations.md" in done.output


def test_a_restore_loses_nothing_up_to_its_point_lists_what_came_later_and_goes_on(site: Site) -> None:
    site.backup()
    site.register(4)
    point, kept = datetime.now(UTC), site.numbers()
    site.world.query("intake", "SELECT setval('grievance_sequence', 500)")  # beyond what a crash skips
    lost = site.register(2)
    lives = {life(site, name) for name in NAMES}
    site.down()
    (remembered := site.data / "servers/redis/appendonlydir").mkdir()

    restored = site.minqing("restore", "--at", point.isoformat())
    assert "2 grievances were registered after that" in restored.output
    assert not remembered.exists()
    assert list(site.data.glob("servers/postgres.before-*/PG_VERSION"))
    _require_listed(site, lost)
    site.up()
    _require_going_on(site, kept, lives, lost)


def _require_going_on(site: Site, known: set[str], lives: set[int], lost: list[str]) -> None:
    """All databases know the same, in one new life; what is registered gets a new number and reaches all."""
    assert site.numbers() == cases(site) == known
    (now,) = {life(site, name) for name in NAMES}
    assert now > max(lives)
    (new,) = site.register(1)
    assert new > max(lost)
    assert cases(site) == {*known, new}


def cases(site: Site) -> set[str]:
    """The numbers that routing and oversight know, which must be the same."""
    known = [
        {row.number for row in site.world.query(name, f"SELECT number FROM {table}")}
        for name, table in (("routing", "case_file"), ("oversight", "watched"))
    ]
    assert known[0] == known[1]
    return known[0]


def _require_listed(site: Site, lost: list[str]) -> None:
    """The file beside the newest backup lists them, with what was said, for its owner alone."""
    (listed,) = site.data.glob("backups/*/later.csv")
    acts = list(csv.DictReader(listed.read_text("utf-8-sig").splitlines()))
    assert [act["number"] for act in acts if act["type"] == later.REGISTERED] == sorted(lost)
    assert json.loads(acts[0]["said"])["summary"]
    assert listed.stat().st_mode & 0o777 == 0o600


def test_a_restore_that_died_at_its_last_step_is_finished_by_the_next_start(site: Site) -> None:
    known = site.register(1)
    site.down()
    home = site.data / "servers"
    (home / "postgres").rename(home / postgres.NEXT)
    site.up()
    assert set(known) <= site.numbers()


def life(site: Site, name: str) -> int:
    return int(site.world.query(name, "SELECT n FROM incarnation")[0].n)


def test_a_database_that_cannot_be_started_is_restored_and_the_log_names_what_is_lost(site: Site) -> None:
    site.backup()
    kept = site.register(1)
    site.switch()
    known = site.numbers()
    site.down()
    _break(site, "2026-002500-0")

    restored = site.minqing("restore")
    assert restored.exit_code == 0, restored.output
    assert "1 grievances were registered after that" in restored.output
    assert "could not be started" in restored.output

    (site.data / "logs/intake-api.log").unlink()
    site.up()
    assert site.numbers() == known >= set(kept)
    (new,) = site.register(1)
    assert new > "2026-002500-0"


def _break(site: Site, number: str) -> None:
    """Lose the database's control file and log; the services' log has one more registration, and noise."""
    (site.data / "servers/postgres/global/pg_control").unlink()
    shutil.rmtree(site.data / "servers/postgres/pg_wal")
    line = {"event": "registered", "number": number, "timestamp": datetime.now(UTC).isoformat()}
    log = site.data / "logs/intake-api.log"
    log.write_text(f'no json "registered"\n{json.dumps(line)}\n{{"event": "registered"')


def test_a_drill_passes_beside_the_running_suite_and_leaves_nothing_behind(site: Site) -> None:
    site.backup()
    later_ones = site.register(2)
    drilled = site.minqing("restore", "--drill")
    assert drilled.exit_code == 0, drilled.output
    assert "The drill passed" in drilled.output
    assert all(number in drilled.output for number in later_ones)
    assert not list(site.data.glob("servers/drill-*"))
    assert site.world.count("oversight", "heartbeat", "of = 'drill'") == 1
    assert site.world.count("intake", "heartbeat", "of = 'backup'") == 1


def test_a_drill_fails_when_a_figure_is_not_met_or_the_keys_are_others(site: Site, tmp_path: Path) -> None:
    site.backup()
    newest = backups.listed(site.data / "backups")[-1]
    figures = {**newest.figures, "intake": {**newest.figures["intake"], "registered": 999}}
    replace(newest, figures=figures).save(site.data / "backups" / newest.name)
    with other_keys(site, tmp_path):
        drilled = site.minqing("restore", "--drill")
    newest.save(site.data / "backups" / newest.name)
    assert drilled.exit_code == 1
    assert "intake.registered" in drilled.output
    assert "cannot be read with the present keys" in drilled.output


@contextmanager
def other_keys(site: Site, aside: Path) -> Iterator[None]:
    shutil.move(site.data / "secrets", aside / "secrets")
    keyring.create(site.data / "secrets")
    vault.at.cache_clear()
    yield
    vault.at.cache_clear()
    shutil.rmtree(site.data / "secrets")
    shutil.move(aside / "secrets", site.data / "secrets")


def test_an_interrupted_backup_leaves_none_that_looks_whole(site: Site) -> None:
    folder = site.data / "backups"
    whole = [each.name for each in backups.listed(folder)]
    command = [sys.executable, "-m", "deploy.minqing", "backup", f"--data={site.data}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        await_(lambda: bool(list(folder.glob("*.part/base/global"))))
        process.kill()
    assert list(folder.glob("*.part"))
    assert [each.name for each in backups.listed(folder)] == whole


def test_the_log_is_kept_and_goes_with_the_oldest_backup(site: Site) -> None:
    folder = site.data / "backups"
    site.minqing("backup", "--keep", 1, "--with-secrets")
    (first,) = backups.listed(folder)
    assert (folder / first.name / "secrets/identity.key").exists()
    assert not list(folder.glob("*.part"))
    site.register(1)
    site.switch()
    assert first.covered(folder) > first.ended

    site.minqing("backup", "--keep", 1)
    (second,) = backups.listed(folder)
    assert min(name[8:24] for name in site.wal()) >= second.first_segment[8:]
    assert not (folder / second.name / "secrets").exists()
    key = (site.data / "secrets/identity.key").read_text().strip()
    assert key not in (folder / second.name / "backup.json").read_text()
    assert second.name in site.minqing("backup", "list").output


def test_what_cannot_be_restored_is_refused_with_what_can(site: Site, tmp_path: Path) -> None:
    site.backup()

    def refused(*words: str) -> str:
        result = site.minqing("restore", *words)
        assert result.exit_code in (1, 2)
        return result.output

    assert "is no time" in refused("--at", "yesterday")
    assert "still to come" in refused("--at", (datetime.now(UTC) + timedelta(hours=1)).isoformat())
    assert "Possible (Beijing time)" in refused("--at", START)
    assert "Possible (Beijing time)" in refused("--drill", "--at", START)
    assert "no whole backup" in refused("--from", str(tmp_path))
    with suite.lock(site.data):
        assert "runs on" in refused()


def test_a_time_without_a_zone_is_the_countys() -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert restore.read("2026-11-24 10:30", now) == datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
    assert restore.read("2026-11-24T10:30:00+00:00", now) == datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
    assert restore.read("latest", now) is None


def test_a_folder_that_holds_something_else_takes_no_backup(site: Site, data: Path) -> None:
    (data / "somebodys").touch()
    refused = site.minqing("backup", "--to", data)
    assert refused.exit_code == 1
    assert "something else" in refused.output
    assert data.stat().st_uid == os.geteuid()


# --- the archive -------------------------------------------------------------------------------------


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[bytes], int]:
    """Runs deploy/archive.sh on a segment as PostgreSQL would."""
    (tmp_path / "pg_wal/archive_status").mkdir(parents=True)

    def keep(content: bytes) -> int:
        (tmp_path / "segment").write_bytes(content)
        command = ["sh", str(archive.SCRIPT), str(tmp_path / "wal"), "segment", "0" * 24]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode

    return keep


def test_before_the_first_backup_nothing_is_kept(keep: Callable[[bytes], int], tmp_path: Path) -> None:
    assert keep(b"one") == 0
    assert not (tmp_path / "wal").exists()


def test_what_is_kept_is_never_overwritten(keep: Callable[[bytes], int], tmp_path: Path) -> None:
    (tmp_path / "wal").mkdir()
    assert (keep(b"one"), keep(b"one"), keep(b"other")) == (0, 0, 1)
    kept = subprocess.run(
        ["gzip", "-dc", tmp_path / "wal" / f"{'0' * 24}.gz"], capture_output=True, check=True
    )
    assert kept.stdout == b"one"


def test_a_disk_that_is_away_delays_the_log_until_registering_is_in_danger(
    keep: Callable[[bytes], int], tmp_path: Path
) -> None:
    (tmp_path / "wal").symlink_to(tmp_path / "away")
    assert keep(b"one") == 1
    for n in range(65):
        (tmp_path / f"pg_wal/archive_status/{n}.ready").touch()
    assert keep(b"one") == 0


def test_the_log_counts_as_kept_only_up_to_its_first_gap(tmp_path: Path) -> None:
    ended = datetime(2026, 11, 24, tzinfo=UTC)
    first = archive.segment(1, "0/FE000028")
    names = [first, archive.following(first), "000000010000000100000000", "000000010000000100000002"]
    assert names[1] == "0000000100000000000000FF"
    for minute, name in enumerate(names, 1):
        (tmp_path / f"{name}.gz").touch()
        at = (ended + timedelta(minutes=minute)).timestamp()
        os.utime(tmp_path / f"{name}.gz", (at, at))
    assert archive.covered(tmp_path, first, ended) == ended + timedelta(minutes=3)


# --- resync ------------------------------------------------------------------------------------------


def urls(world: World) -> dict[str, str]:
    return world.servers.service_urls()


def forget(world: World, name: str) -> None:
    """Let a service's database be as it was before anything happened."""
    tables = "outbox, stream_head, stream_position, inbox, grievance, case_file, watched, ledger_entry, task"
    with world.services[name].transaction() as tx:
        known = set(tx.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars())
        tx.execute(text(f"TRUNCATE {', '.join(sorted(known & set(tables.split(', '))))} CASCADE"))


def test_what_a_restored_reader_forgot_is_said_again(world: World) -> None:
    number = world.register().json["number"]
    world.settle()
    forget(world, "routing")
    pairs = {(p.source, p.reader): p for p in resync.run(urls(world))}
    assert [row["type"] for row in pairs["intake", "routing"].reopened] == ["grievance.registered"]
    assert [row["type"] for row in pairs["routing", "intake"].lost] == ["case.assigned"]
    assert not pairs["intake", "oversight"].reopened
    world.settle()
    assert world.query("routing", "SELECT number FROM case_file") == [(number,)]
    assert world.count("oversight", "inbox", "status = 'applied' AND type = 'case.assigned'") == 2


def test_what_was_heard_of_a_restored_source_is_listed_and_its_numbers_are_used_up(world: World) -> None:
    lost = [world.register(key).json["number"] for key in "ab"]
    world.settle()
    forget(world, "intake")
    with world.services["intake"].transaction() as tx:
        tx.execute(text("SELECT setval('grievance_sequence', 1)"))
    pairs = {(p.source, p.reader): p for p in resync.run(urls(world))}
    assert [row["subject"] for row in pairs["intake", "routing"].lost] == sorted(lost)
    heads = {row.subject: row.n for row in world.query("intake", "SELECT subject, n FROM stream_head")}
    assert heads == dict.fromkeys(lost, 1)
    new = world.register("c").json["number"]
    assert new > max(lost)
    await_(lambda: any(w.round() for w in world.workers) or world.count("routing", "case_file") == 3)


def test_a_resync_beside_working_services_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for service, url in urls(world).items():
        monkeypatch.setenv(f"MINQING_{service.upper()}_DATABASE_URL", url)
    world.worker("routing").round()
    refused = CliRunner().invoke(cli.main, ["resync"])
    assert (refused.exit_code, "routing" in refused.output) == (1, True)
    with world.services["routing"].transaction() as tx:
        assert incarnation.get(tx) == 1


def test_a_resync_of_what_agrees_changes_nothing_but_begins_another_life(world: World) -> None:
    world.register()
    world.settle()
    assert not any(pair.reopened or pair.lost or pair.lifted for pair in resync.run(urls(world)))
    assert world.unconfirmed() == 0
    life = resync.begin(urls(world))
    assert {world.query(name, "SELECT n FROM incarnation")[0].n for name in NAMES} == {life}
    assert resync.begin(urls(world)) > life
