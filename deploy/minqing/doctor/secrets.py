"""How old the services' secret keys are, and whether a rotation stopped half way."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.minqing import keyfile, rotation
from deploy.minqing.doctor.deployment import Deployment, Finding
from shared import keyring

LONGEST = 730  # days that one key is used
ASIDE = timedelta(days=30)  # by then the backups that need a retired key are gone


def ages(given: Deployment) -> Mapping[str, int]:
    """The days since each key in use was made, by its name."""
    found = {}
    for name, file in _files(given):
        keys = keyring.keys(file)
        found[name] = (datetime.now(UTC) - keyfile.made(keys[0])).days
    return found


def old(given: Deployment) -> Iterator[Finding]:
    """A key that has been used for longer than two years."""
    for name, age in ages(given).items():
        if age > LONGEST:
            yield Finding(
                f"密钥 {name} 已用 {age} 天：minqing secrets rotate {name}",
                f"the key {name} is {age} days old: minqing secrets rotate {name}",
            )


def unfinished(given: Deployment) -> Iterator[Finding]:
    """A rotation that waits for its next step, and public keys that are not those of their owner."""
    for name, file in _files(given):
        if step := rotation.next_step(file.parent, name):
            yield Finding(f"更换 {name} 未完成：{step[0]}", f"{name} is half rotated: {step[1]}")
        elif not keyfile.agrees(file.parent, name):
            yield Finding(
                f"{file.name}.pub 与私钥不符：重新确认被打断的更换，或从备份恢复两个文件",
                f"{file.name}.pub is not of that key: confirm the broken off rotation again, or restore both",
            )


def put_aside(given: Deployment) -> Iterator[Finding]:
    """Retired keys that no backup can need any more."""
    for file in given.secrets.glob(f"*{keyfile.RETIRED}") if given.secrets else ():
        if datetime.now(UTC) - datetime.fromtimestamp(file.stat().st_mtime, UTC) > ASIDE:
            yield Finding(
                f"{file} 中的旧密钥：更早的备份都没有了就删除",
                f"{file}: delete these keys once no backup is older than they are",
            )


def _files(given: Deployment) -> Iterator[tuple[str, Path]]:
    """The keys that can be read here; what is wrong with others is the finding of `files.keys`."""
    if given.secrets is None:
        return
    for name in keyfile.NAMES:
        file = keyfile.path(given.secrets, name)
        try:
            keyring.keys(file)
        except keyring.KeyringError:
            continue
        yield name, file
