"""What the suite leaves behind and what it keeps: messages, logs, databases, backups, what commands say."""

import gzip
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from deploy.minqing import databases, snapshot, suite
from deploy.minqing.leaktest.findings import Found
from deploy.minqing.leaktest.ground import Ground
from deploy.minqing.program import PAUSE
from deploy.minqing.trouble import Trouble
from shared import bus

LONGEST = 60  # seconds
# What somebody at the machine may ask for; each gets --data.
COMMANDS = ("status --json", "parked list", "reconcile", "doctor --json")


def queued(ground: Ground, service: str) -> Iterator[Found]:
    """Everything in Redis while messages wait for a service whose worker does not run yet; and its dump."""
    url, deadline = ground.running.redis_url, time.monotonic() + LONGEST
    while not bus.ask(url, "LLEN", bus.queue(service)):
        if time.monotonic() > deadline:
            raise Trouble("没有消息进入队列", f"No message came for {service}")
        time.sleep(PAUSE)
    for key in bus.ask(url, "KEYS", "*"):
        kind = bytes(bus.ask(url, "TYPE", key)).decode()
        words = ("LRANGE", key, "0", "-1") if kind == "list" else ("DUMP", key)
        yield Found("Redis queues", bytes(key).decode(), repr(bus.ask(url, *words)).encode())
    bus.ask(url, "CONFIG", "SET", "rdbcompression", "no")  # else a marker might be cut in two
    bus.ask(url, "SAVE")
    yield from _files("Redis files", ground.data / "servers/redis")


def redis(ground: Ground) -> Iterator[Found]:
    """Redis's own files: its append-only file has every message that ever passed."""
    yield from _files("Redis files", ground.data / "servers/redis")


def logs(ground: Ground) -> Iterator[Found]:
    """The log of every process."""
    yield from _files("logs", ground.data / "logs")


def dumps(ground: Ground) -> Iterator[Found]:
    """All four databases, as pg_dump writes them."""
    source = snapshot.found(ground.data)
    for database in databases.OWNERS:
        file = source.ground.home / f"{database}.sql"
        snapshot.run(source, "pg_dump", "--file", str(file), database)
        yield Found(f"pg_dump {database}", file.name, file.read_bytes())


def backup(ground: Ground) -> Iterator[Found]:
    """A backup by `minqing backup`, and the log that is kept with it."""
    _minqing(ground, "backup")
    yield from _files("backup", ground.data / "backups")


def commands(ground: Ground) -> Iterator[Found]:
    """What the commands say that people at the machine use."""
    for words in COMMANDS:
        yield Found("commands", words, _minqing(ground, *words.split()))


def _minqing(ground: Ground, *words: str) -> bytes:
    command = [sys.executable, "-m", "deploy.minqing", *words, f"--data={ground.data}"]
    done = subprocess.run(command, cwd=suite.ROOT, capture_output=True, check=False)
    if done.returncode not in (0, 1):  # 1: it found something
        raise Trouble(done.stderr.decode(), f"minqing {' '.join(words)} failed, see above")
    return done.stdout + done.stderr


def _files(place: str, folder: Path) -> Iterator[Found]:
    """Every file below a folder, unpacked."""
    for file in sorted(folder.resolve().rglob("*")):
        if file.is_file():
            data = file.read_bytes()
            data = gzip.decompress(data) if file.suffix == ".gz" else data
            yield Found(place, str(file.relative_to(folder.resolve())), data)
