"""How one secret key takes the place of another in its file, in steps that a restart lies between.

known     the new key is the last: every process can open what it seals, none seals with it
used      it is the first: it seals, and those behind it only open
settled   it is alone

A process reads its keys when it starts, and reads no others. So each step is safe beside processes that have
only made the step before; and each, killed in between, is finished by being taken again.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path

from shared import keyring
from shared.keyring import Key, KeyringError

NAMES = (*keyring.SYMMETRIC, *(f"sign:{service}" for service in keyring.SERVICES))
# What these sealed or made is in backups and on paper too: retired, they are put aside, not deleted.
KEPT = ("identity", "account", "code")
RETIRED = ".retired"
FIRST_VERSION = datetime(2026, 1, 1, tzinfo=UTC)  # when a key was made whose line does not say


class Stage(Enum):
    """How far the rotation of a key is."""

    SETTLED = "settled"
    KNOWN = "known"
    USED = "used"


def path(secrets: Path, name: str) -> Path:
    """The file of a key in the folder `secrets`."""
    kind, _, service = name.partition(":")
    return secrets / (f"{service}.sign" if service else f"{kind}.key")


def stage(keys: Sequence[Key]) -> Stage:
    """The stage that the keys of a file are in."""
    if len(keys) == 1:
        return Stage.SETTLED
    return Stage.KNOWN if made(keys[-1]) > made(keys[0]) else Stage.USED


def made(key: Key) -> datetime:
    """When a key was made."""
    return key.made or FIRST_VERSION


def add(secrets: Path, name: str, now: datetime) -> None:
    """Put a new key at the end of a file, unless one is there that is only known."""
    keys = keyring.keys(path(secrets, name))
    if stage(keys) is not Stage.KNOWN:
        later = max(now, made(keys[0]) + timedelta(seconds=1))  # its time tells the stage, whatever the clock
        keys = (*keys, keyring.new(later))
    _put(secrets, name, keys)


def use(secrets: Path, name: str) -> None:
    """Put the new key first. Nothing else may be known and not used (`Stage.KNOWN`)."""
    *others, new = keyring.keys(path(secrets, name))
    _put(secrets, name, (new, *others))


def retire(secrets: Path, name: str) -> None:
    """Take away all keys but the first."""
    first, *old = keyring.keys(path(secrets, name))
    if name in KEPT:
        _put_aside(path(secrets, name), old)
    _put(secrets, name, (first,))


def changed(secrets: Path, name: str) -> datetime:
    """When a file was last written: when the step was taken that it is in."""
    return datetime.fromtimestamp(path(secrets, name).stat().st_mtime, UTC)


def agrees(secrets: Path, name: str) -> bool:
    """Whether the public keys beside a signing key are its own."""
    file = path(secrets, name)
    if not name.startswith("sign:"):
        return True
    try:
        return keyring.keys(_public(file)) == tuple(map(keyring.public, keyring.keys(file)))
    except KeyringError:
        return False


def _public(file: Path) -> Path:
    return file.with_name(f"{file.name}.pub")


def _put(secrets: Path, name: str, keys: Iterable[Key]) -> None:
    """Write a file, and the public keys that go with it: before those of its owner, who signs, are used."""
    keys, file = tuple(keys), path(secrets, name)
    if name.startswith("sign:"):
        keyring.put(_public(file), map(keyring.public, keys))
    keyring.put(file, keys)


def _put_aside(file: Path, old: Iterable[Key]) -> None:
    aside = file.with_name(file.name + RETIRED)
    before = keyring.keys(aside) if aside.exists() else ()
    keyring.put(aside, dict.fromkeys((*before, *old)))
