"""The Redis that we run ourselves: a user per service, append-only, no eviction, on the loopback."""

import shutil
import signal
import socket
from pathlib import Path

from deploy.minqing import account, acl, binaries, program
from deploy.minqing.place import Place
from deploy.minqing.program import Program

PORT = 9  # above the base
CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
{users}dir {folder}
pidfile {folder}/redis.pid
appendonly {durable}
appendfsync everysec
save ""
maxmemory 256mb
maxmemory-policy noeviction
"""


def start(place: Place, port: int, password: str) -> Program:
    """Start Redis in `place` on 127.0.0.1:`port`; return when it answers and has read its file."""
    folder = place.home / "redis"
    folder.mkdir(exist_ok=True)
    account.give(folder)
    server = Program(
        name="redis",
        command=[str(_program(place)), str(_configure(place, folder, port, password))],
        log=place.logs / "redis.log",
        folder=folder,
        as_account=True,
    )
    server.start()
    server.await_ready(lambda: _answers(port, password))
    return server


def url(port: int, password: str) -> str:
    """Return its address for the administrator, whose `password` it is."""
    return f"redis://:{password}@127.0.0.1:{port}/0"


def end_earlier(place: Place) -> bool:
    """End a Redis that a killed run left behind."""
    folder = place.home / "redis"
    pid = program.pid_in(folder / "redis.pid")
    return program.end(pid, lambda: program.works_in(pid, folder), signal.SIGTERM)


def wipe(place: Place) -> None:
    """Forget all messages, before a start: they may tell of a future that a restore has undone."""
    end_earlier(place)
    shutil.rmtree(place.home / "redis", ignore_errors=True)


def _program(place: Place) -> Path:
    found = binaries.redis()
    return account.bring(found.parent, place.home) / found.name


def _configure(place: Place, folder: Path, port: int, password: str) -> Path:
    """Write the settings to a file: a password on the command line could be read by everyone."""
    config = folder / "redis.conf"
    durable, users = "yes" if place.durable else "no", acl.users(password)
    config.write_text(
        CONFIG.format(port=port, password=password, users=users, folder=folder, durable=durable)
    )
    account.give(config)
    return config


def _answers(port: int, password: str) -> bool:
    """Ask with the few words needed, so that the client library keeps its one home in the project."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (part := connection.recv(100)):
                answer += part
    except OSError:
        return False
    return answer == b"+OK\r\n+PONG\r\n"
