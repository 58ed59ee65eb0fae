"""The harder faults: each strikes a running suite, and has healed what it did when it returns.

Each raises `ground.NotPossible`, with the reason, where machine or user do not allow it.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

import psycopg
import redis
from sqlalchemy.engine import URL, make_url

from deploy.minqing import account
from deploy.minqing.program import Program
from tests.faults import ground
from tests.faults.suite import Suite, await_
from tests.world import NAMES

SKIPPED = 1000  # numbers that a restore leaves out, so that none is promised twice
SERVERS = ("postgres", "redis")

Strike = Callable[[Suite, Random], None]


def cut_redis(suite: Suite, random: Random) -> None:
    """The cable between the services and Redis is pulled for a while."""
    with ground.cut(int(make_url(suite.servers.redis_url).port or 0)):
        time.sleep(random.uniform(2, 8))


def cut_postgres(suite: Suite, random: Random) -> None:
    """The cable between the services and PostgreSQL is pulled for a while."""
    with ground.cut(int(_admin(suite).port or 0)):
        time.sleep(random.uniform(2, 8))


def fill_data(suite: Suite, random: Random) -> None:
    """The disk with the tables is full, until somebody makes room."""
    server = suite.programs["postgres"]
    with _small_disk(suite, "base") as disk, _logs(server, "No space left on device"):
        disk.fill()
        time.sleep(random.uniform(1, 3))


def fill_log(suite: Suite, random: Random) -> None:
    """The disk with the write-ahead log is full: PostgreSQL panics, and comes back when there is room."""
    server = suite.programs["postgres"]
    with _small_disk(suite, "pg_wal") as disk, _logs(server, "PANIC"):
        disk.fill()
        _use_up_log(suite)
        time.sleep(random.uniform(1, 3))


def skew_clock(suite: Suite, random: Random) -> None:
    """The clock of one service's processes is an hour wrong for a while."""
    service, wrong = random.choice(NAMES), ground.skewed(random.choice((-1, 1)))
    names = (f"{service}-api", f"{service}-worker")
    right = {name: suite.programs[name].env or {} for name in names}
    _restart(suite, names, lambda program: _give(program, {**right[program.name], **wrong}))
    time.sleep(random.uniform(3, 6))
    _restart(suite, names, lambda program: _give(program, right[program.name]))


def roll_out(suite: Suite, random: Random) -> None:
    """A producer is upgraded before its consumer, and says what that does not know (see `newer`).

    Nobody has to do anything about what was parked: the new consumer opens it again when it starts.
    """
    version = _version(suite.programs["routing-worker"]) + 1
    _restart(suite, ["routing-worker"], lambda program: _upgrade(program, version))
    time.sleep(random.uniform(3, 6))
    suite.note("rolled out", parked=_parked(suite, "oversight", "inbox", "status"))
    _restart(suite, ["oversight-worker"], lambda program: _upgrade(program, version))
    await_(lambda: not _parked(suite, "routing", "outbox", "state"))


def rewind(suite: Suite, random: Random) -> None:
    """PostgreSQL is lost and restored from a backup; what was promised since then is gone."""
    point = time.time()
    backup = _back_up(suite)
    time.sleep(random.uniform(2, 5))
    services = [name for name in suite.programs if name not in SERVERS]
    with suite.held(*suite.programs):
        for name in services:
            suite.kill(name)
        [(highest,)] = suite.query("intake", "SELECT last_value FROM grievance_sequence")
        _put_in_place(suite, backup)
        _begin_another_life(suite, highest + SKIPPED)
        suite.note("rewound", point=point, at=time.time())
        for name in services:
            suite.programs[name].start()


FAULTS: Mapping[str, Strike] = {
    "cut-redis": cut_redis,
    "cut-postgres": cut_postgres,
    "disk-full-data": fill_data,
    "disk-full-wal": fill_log,
    "clock": skew_clock,
    "new-event-type": roll_out,
    "restore": rewind,
}


# Disks


@contextmanager
def _small_disk(suite: Suite, part: str) -> Iterator[ground.Disk]:
    """A folder of PostgreSQL's on a disk of its own, from one restart to another."""
    disk = ground.Disk(suite.programs["postgres"].folder / part)
    with _without_postgres(suite):
        disk.put_under()
    try:
        yield disk
    finally:
        disk.free()
        await_(lambda: _answers(suite))
        with _without_postgres(suite):
            disk.take_away()


@contextmanager
def _without_postgres(suite: Suite) -> Iterator[None]:
    server = suite.programs["postgres"]
    with suite.held("postgres"):
        server.stop()
        try:
            yield
        finally:
            server.start()
            server.await_ready(lambda: _answers(suite))


@contextmanager
def _logs(program: Program, word: str) -> Iterator[None]:
    """The block is over when the program has written this into its log."""
    start = program.log.stat().st_size
    yield
    await_(lambda: word.encode() in program.log.read_bytes()[start:])


def _use_up_log(suite: Suite) -> None:
    """Ask for one segment of the log after the other, until there is none to be had."""
    try:
        while True:
            suite.query("postgres", "SELECT pg_logical_emit_message(false, 'x', 'x'), pg_switch_wal()")
    except psycopg.OperationalError:
        return


# Restoring


def _back_up(suite: Suite) -> Path:
    """A base backup of the running cluster, beside it."""
    server, admin = suite.programs["postgres"], _admin(suite)
    folder = server.folder.with_name("backup")
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier try
    program = Path(server.command[0]).with_name("pg_basebackup")
    words = ["--host=127.0.0.1", f"--port={admin.port}", f"--username={admin.username}"]
    words += [f"--pgdata={folder}", "--checkpoint=fast", "--wal-method=stream", "--no-sync"]
    environment = {"PGPASSWORD": str(admin.password)}
    subprocess.run([program, *words], env=environment, cwd=folder.parent, check=True, **account.identity())
    return folder


def _put_in_place(suite: Suite, backup: Path) -> None:
    """Stop both servers, put the backup in the place of the data, and forget what Redis held."""
    server, broker = suite.programs["postgres"], suite.programs["redis"]
    server.stop()
    suite.kill("redis")
    shutil.rmtree(server.folder)
    backup.rename(server.folder)
    shutil.rmtree(broker.folder / "appendonlydir", ignore_errors=True)
    broker.start()
    server.start()
    server.await_ready(lambda: _answers(suite))
    await_(lambda: _flushed(suite))


def _begin_another_life(suite: Suite, sequence: int) -> None:
    """Raise the incarnation everywhere, and give no number a second time."""
    for name in NAMES:
        suite.query(name, "UPDATE incarnation SET n = n + 1")
    suite.query("intake", "SELECT setval('grievance_sequence', %s)", sequence)


def _flushed(suite: Suite) -> bool:
    try:
        return bool(suite.redis.flushall())
    except redis.RedisError:
        return False


# Programs


def _restart(suite: Suite, names: Iterable[str], change: Callable[[Program], None]) -> None:
    """Stop some programs, change them, and start them again."""
    chosen = [suite.programs[name] for name in names]
    with suite.held(*(program.name for program in chosen)):
        for program in chosen:
            program.stop()
            change(program)
            program.start()


def _give(program: Program, environment: Mapping[str, str]) -> None:
    program.env = environment


def _version(program: Program) -> int:
    return int(program.command[3]) if program.command[2] == "tests.faults.newer" else 0


def _parked(suite: Suite, service: str, table: str, column: str) -> int:
    [(count,)] = suite.query(service, f"SELECT count(*) FROM {table} WHERE {column} = 'parked'")
    return int(count)


def _upgrade(program: Program, version: int) -> None:
    python, flag, *words = program.command
    words = words[2:] if _version(program) else words
    program.command = [python, flag, "tests.faults.newer", str(version), *words]


# PostgreSQL


def _admin(suite: Suite) -> URL:
    return make_url(suite.servers.admin_url)


def _answers(suite: Suite) -> bool:
    try:
        return suite.query("postgres", "SELECT 1") == [(1,)]
    except psycopg.OperationalError:
        return False
