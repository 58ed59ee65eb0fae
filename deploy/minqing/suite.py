"""One suite on this machine: its data folder, its ports, and how its services are led to each other.

passwords.json   a password for every role             secrets/   the services' keys
servers/         PostgreSQL's and Redis's own files     logs/      one log per process
keys.json        access keys to try the suite with      suite.json where the suite is to be found
people.json      sample people, if all is fictional
clock            0, or what a replay has set            lock       held, with its pid, by the one that runs
"""

import fcntl
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import deploy
from deploy.minqing import databases
from deploy.minqing.program import Program
from deploy.minqing.servers import Servers, is_free
from deploy.minqing.trouble import Trouble

ROOT = Path(deploy.__file__).resolve().parents[1]
COUNTY = ROOT / "deploy" / "county"
PORT_BASE = 8600
PORTS = {"intake": 1, "routing": 2, "oversight": 3}  # above the base


def county_folder() -> Path:
    """Return the county's YAML: MINQING_COUNTY, or the sample county."""
    return Path(os.environ.get("MINQING_COUNTY", COUNTY)).resolve()


def clock_file(data: Path) -> Path:
    """Return the file with the seconds that the suite's clock is ahead of real time: 0, but for replays."""
    return data / "clock"


def free_base(bases: Iterable[int]) -> int:
    """Return the first base above which the ports of all services are free."""
    return next(base for base in bases if all(is_free(base + offset) for offset in PORTS.values()))


@dataclass(frozen=True)
class Suite:
    """Where a suite is: its folder, the services' public addresses, and each service's settings.

    It holds passwords, so the file it is kept in is ours alone.
    """

    data: str
    urls: Mapping[str, str]
    environments: Mapping[str, Mapping[str, str]]
    redis_url: str

    def save(self) -> None:
        """Keep it where the other commands find it."""
        write_private(Path(self.data) / "suite.json", json.dumps(asdict(self), indent=1))

    def database_urls(self) -> dict[str, str]:
        """Return the addresses of the four databases, each for its owner."""
        own = {name: environment["MINQING_DATABASE_URL"] for name, environment in self.environments.items()}
        return own | {"identity": self.environments["oversight"]["MINQING_IDENTITY_URL"]}

    def programs(self) -> list[Program]:
        """Return an api and a worker per service, ready to be started."""
        return [
            self._program(f"{service}-{kind}", command, service)
            for service in databases.SERVICES
            for kind, command in _commands(service).items()
        ]

    def _program(self, name: str, command: list[str], service: str) -> Program:
        return Program(
            name=name,
            command=[sys.executable, "-m", *command],
            log=Path(self.data) / "logs" / f"{name}.log",
            folder=ROOT,
            env={**os.environ, **self.environments[service]},
        )


def plan(data: Path, port_base: int, running: Servers) -> Suite:
    """Return the suite that `data`, ports and servers make."""
    urls = {service: f"http://127.0.0.1:{port_base + offset}" for service, offset in PORTS.items()}
    common = {
        "MINQING_COUNTY": str(county_folder()),
        "MINQING_SECRETS": str(data / "secrets"),
        "MINQING_CLOCK": str(clock_file(data)),
        "MINQING_DISK": str((data / "servers").resolve()),  # may be a link to another disk
        "PYTHONUNBUFFERED": "1",
        **{f"MINQING_{service.upper()}_URL": url for service, url in urls.items()},
    }
    environments = {
        service: common | running.environment(service) | {"MINQING_BIND": url.removeprefix("http://")}
        for service, url in urls.items()
    }
    return Suite(str(data), urls, environments, running.redis_url)


def find(data: Path) -> Suite:
    """Return the suite that was last started on `data`."""
    try:
        kept = json.loads((data / "suite.json").read_text())
    except FileNotFoundError as error:
        raise Trouble(
            f"{data} 中没有已启动过的系统。请先运行 minqing up，或用 --data 指定目录。",
            f"No suite was started on {data}. Run minqing up first, or name the folder with --data.",
        ) from error
    return Suite(**kept)


@contextmanager
def lock(data: Path) -> Iterator[None]:
    """Hold the folder for ourselves: a second suite on the same data is refused.

    The lock goes when its process does, however that ends, so there is no stale one.
    """
    with (data / "lock").open("a+") as file:
        if not _try_lock(file):
            raise Trouble(
                f"{data} 上的系统已在运行（进程 {holder(data)}）。查看：minqing status；停止：minqing down",
                f"A suite runs on {data} already (process {holder(data)}): minqing status, minqing down",
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)


def holder(data: Path) -> int | None:
    """Return the pid of the `minqing up` that runs on `data`; None when none does."""
    try:
        with (data / "lock").open("r+") as file:
            return None if _try_lock(file) else int(file.read())
    except (FileNotFoundError, ValueError):
        return None


def started(data: Path) -> datetime | None:
    """Return when the `minqing up` that runs on `data` began; None when none does."""
    if holder(data) is None:
        return None
    return datetime.fromtimestamp((data / "lock").stat().st_mtime, UTC)  # it wrote its pid then


def write_private(file: Path, text: str) -> None:
    """Write a file that only we may read, whole or not at all."""
    part = file.with_name(f"{file.name}.part")
    part.touch(mode=0o600)
    part.write_text(text)
    part.rename(file)


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _commands(service: str) -> dict[str, list[str]]:
    """Return what `python -m` runs for a service."""
    config = str(ROOT / "deploy" / "gunicorn.py")
    return {
        "api": ["gunicorn", "-c", config, f"services.{service}.api:create_app()"],
        "worker": [f"services.{service}.worker"],
    }
