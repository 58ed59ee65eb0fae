"""The PostgreSQL that we run ourselves: made once, looked at before every start, on the loopback only."""

import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg

from deploy.minqing import account, archive, binaries, program
from deploy.minqing.place import Place
from deploy.minqing.program import Program
from deploy.minqing.trouble import Trouble

PORT = 10  # above the base
NEXT = "postgres.next"  # a restored database that is about to take the present one's place
SUPERUSER = "postgres"
LONGEST_SOCKET = 107  # bytes, from sys/un.h
SOCKET_NAME = len("/.s.PGSQL.65535")
CARELESS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def start(place: Place, port: int, password: str) -> Program:
    """Start PostgreSQL in `place` on 127.0.0.1:`port`; return when it answers a query."""
    folder = _folder(place, install(place), password)
    server = make(place, folder, port, archive.settings(place.home))
    server.start()
    server.await_ready(lambda: answers(port, password))
    return server


def install(place: Place) -> Path:
    """Return the folder of PostgreSQL's programs, where the servers' account can run them."""
    return account.bring(binaries.postgres(), place.home)


def make(place: Place, folder: Path, port: int, settings: Sequence[str]) -> Program:
    """Return a PostgreSQL on the database in `folder`, to be started; `settings` read `name=value`."""
    return Program(
        name="postgres",
        command=[
            str(install(place) / "bin" / "postgres"),
            "-D",
            str(folder),
            *_options(place, port, settings),
        ],
        log=place.logs / "postgres.log",
        folder=folder,
        as_account=True,
        stop_signal=signal.SIGINT,  # "fast": ends connections and leaves nothing to recover
    )


def url(port: int, password: str) -> str:
    """Return the superuser's address, as SQLAlchemy reads it."""
    return f"postgresql+psycopg://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres"


def end_earlier(place: Place) -> bool:
    """End a PostgreSQL that a killed run left behind, and take away its pid file."""
    folder = place.home / "postgres"
    pid_file = folder / "postmaster.pid"
    pid = program.pid_in(pid_file)
    ended = program.end(pid, lambda: program.works_in(pid, folder), signal.SIGINT)
    pid_file.unlink(missing_ok=True)
    return ended


def _folder(place: Place, install: Path, password: str) -> Path:
    """Return the database folder, made whole or not at all: it gets its name when it is complete."""
    folder, part = place.home / "postgres", place.home / "postgres.part"
    if part.exists():
        place.say("上次初始化未完成，重新开始", "An earlier initialisation did not finish; starting it again")
        shutil.rmtree(part)
    if folder.exists() and not (folder / "global" / "pg_control").exists():
        _set_aside(folder, place)
    finish_restore(place)
    if not folder.exists():
        _initialise(place, install, password, part)
        part.rename(folder)
    check_version(folder, install)
    return folder


def finish_restore(place: Place) -> None:
    """Take the last step of a restore that died before it; one that died earlier has changed nothing."""
    folder, restored = place.home / "postgres", place.home / NEXT
    if restored.exists() and not folder.exists():
        restored.rename(folder)
    shutil.rmtree(restored, ignore_errors=True)


def _set_aside(folder: Path, place: Place) -> None:
    """Keep what is no complete database under another name: it may be all that somebody has."""
    aside = folder.with_name(f"postgres.incomplete-{int(time.time())}")
    folder.rename(aside)
    place.say(
        f"数据库目录不完整，已移到 {aside}，将新建数据库",
        f"The database folder was incomplete; it is now {aside}, and a new database is made",
    )


def _initialise(place: Place, install: Path, password: str, part: Path) -> None:
    secret = place.home / "postgres.password"
    secret.write_text(password)
    account.give(secret)
    command = [str(install / "bin" / "initdb"), "-D", str(part), "-U", SUPERUSER, f"--pwfile={secret}"]
    command += ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"]
    command += [] if place.durable else ["--no-sync"]
    done = subprocess.run(
        command, cwd=place.home, capture_output=True, text=True, check=False, **account.identity()
    )
    secret.unlink()
    if done.returncode:
        raise Trouble(f"数据库初始化失败：{done.stderr}", "The database could not be initialised, see above.")


def check_version(folder: Path, install: Path) -> None:
    """Refuse a database that another version of PostgreSQL wrote."""
    wrote = int((folder / "PG_VERSION").read_text())
    runs = binaries.version(install / "bin" / "postgres")[0]
    if wrote != runs:
        raise Trouble(
            f"{folder} 由 PostgreSQL {wrote} 写成，而这里是 {runs}。请安装前者，或换用 --data 目录。",
            f"{folder} was written by PostgreSQL {wrote}, and here is {runs}. Install the former, "
            "or use another --data.",
        )


def _options(place: Place, port: int, more: Sequence[str]) -> list[str]:
    short = len(str(place.home)) + SOCKET_NAME <= LONGEST_SOCKET
    settings = [
        "listen_addresses=127.0.0.1",
        f"port={port}",
        f"unix_socket_directories={place.home if short else ''}",  # too long a path: the loopback will do
        "unix_socket_permissions=0700",
        "password_encryption=scram-sha-256",
        "timezone=UTC",
        "log_timezone=UTC",
        "log_error_verbosity=terse",  # no row that failed, which holds people's words
        "max_connections=200",
        *(() if place.durable else CARELESS),
        *more,
    ]
    return [word for setting in settings for word in ("-c", setting)]


def answers(port: int, password: str) -> bool:
    """Whether it answers a query."""
    try:
        with psycopg.connect(
            host="127.0.0.1",
            port=port,
            user=SUPERUSER,
            password=password,
            dbname="postgres",
            connect_timeout=2,
        ) as connection:
            connection.execute("select 1")
        return True
    except psycopg.OperationalError:
        return False
