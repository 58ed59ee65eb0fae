"""What lies in files: keys, passwords, the clock, and room for more."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from deploy.minqing.doctor.deployment import LOOPBACK, Deployment, Finding
from shared import keyring

SHORTEST = 16  # characters of a password that no person has to remember
LEAST_FREE = 0.1  # of a disk
PRIVATE = ("passwords.json", "suite.json", "keys.json", "logs")


def modes(given: Deployment) -> Iterator[Finding]:
    """Secrets that others on this machine may read."""
    for file in filter(Path.exists, _secret_files(given)):
        if mode := file.stat().st_mode & 0o077:
            yield Finding(
                f"{file} 可被他人读取（{mode:03o}）：chmod go= {file}",
                f"{file} is open to others ({mode:03o}): chmod go= {file}",
            )


def _secret_files(given: Deployment) -> Iterator[Path]:
    if given.data is not None:
        yield from (given.data / name for name in PRIVATE)
    if given.secrets is not None:
        yield given.secrets
        yield from (file for file in given.secrets.glob("*") if not file.name.endswith(".pub"))


def keys(given: Deployment) -> Iterator[Finding]:
    """Key files that are missing parts, or have the wrong size."""
    if given.secrets is None:
        return
    for name in sorted(file.name for file in given.secrets.glob("*") if file.suffix in (".key", ".sign")):
        try:
            keyring.read(given.secrets / name)
        except keyring.KeyringError as error:
            yield Finding(f"{error}：从备份恢复", f"{name} holds no sound key: bring it back from a backup")


def passwords(given: Deployment) -> Iterator[Finding]:
    """Passwords that can be guessed: short, or the name of what they guard."""
    addresses = {**given.databases, **{f"redis {name}": url for name, url in given.brokers.items()}}
    if given.redis is not None:
        addresses["redis"] = given.redis
    for name, url in addresses.items():
        if len(urlsplit(url).password or "") < SHORTEST:
            yield Finding(
                f"{name} 的密码过短或没有：换成至少 {SHORTEST} 位的随机密码",
                f"the password of {name} is short or missing: use {SHORTEST} random characters or more",
            )


def clock(given: Deployment) -> Iterator[Finding]:
    """A clock that can be moved where people rely on it, or that is moved."""
    if given.clock is None:
        return
    moved = given.clock.exists() and float(given.clock.read_text() or 0) != 0
    if moved or given.open_to_others():
        yield Finding(
            f"业务时钟可被 {given.clock} 改动：生产环境不要设置 MINQING_CLOCK",
            f"{given.clock} can move the suite's clock: leave MINQING_CLOCK unset in production",
        )


def transport(given: Deployment) -> Iterator[Finding]:
    """Addresses that people reach without TLS: cookies marked Secure are then not even kept."""
    for name, url in given.public.items():
        address = urlsplit(url)
        if address.scheme != "https" and address.hostname not in LOOPBACK:
            yield Finding(
                f"{name} 的地址 {url} 没有 TLS：在网关前终结 TLS，并改用 https 地址",
                f"{name} is reached at {url} without TLS: put it before the gateway, and name https",
            )


def room(given: Deployment) -> Iterator[Finding]:
    """A disk that is nearly full."""
    place = given.data or Path.cwd()
    usage = shutil.disk_usage(place)
    if usage.free < LEAST_FREE * usage.total:
        yield Finding(
            f"{place} 所在磁盘仅剩 {usage.free / usage.total:.0%}：清理或扩容",
            f"only {usage.free / usage.total:.0%} of the disk of {place} is free: make room",
        )
