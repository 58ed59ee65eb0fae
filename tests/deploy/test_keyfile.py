"""A key file and the steps of a rotation."""

import stat
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.minqing import keyfile
from deploy.minqing.keyfile import Stage
from shared import keyring
from shared.keyring import Key

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)

every_key = pytest.mark.parametrize("name", keyfile.NAMES)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    keyring.create(tmp_path / "secrets")
    return tmp_path / "secrets"


def raw(secrets: Path, name: str) -> tuple[bytes, ...]:
    return keyring.read(keyfile.path(secrets, name))


def stage(secrets: Path, name: str) -> Stage:
    return keyfile.stage(keyring.keys(keyfile.path(secrets, name)))


def test_every_key_of_a_set_can_be_rotated(secrets: Path) -> None:
    files = {file.name for file in secrets.iterdir() if not file.name.endswith(".pub")}
    assert {keyfile.path(secrets, name).name for name in keyfile.NAMES} == files


@every_key
def test_a_new_key_is_known_before_it_is_used_and_used_before_the_old_one_goes(
    secrets: Path, name: str
) -> None:
    (old,) = raw(secrets, name)
    assert stage(secrets, name) is Stage.SETTLED
    keyfile.add(secrets, name, NOW)
    first, new = raw(secrets, name)
    assert (first, stage(secrets, name)) == (old, Stage.KNOWN)
    keyfile.use(secrets, name)
    assert (raw(secrets, name), stage(secrets, name)) == ((new, old), Stage.USED)
    keyfile.retire(secrets, name)
    assert (raw(secrets, name), stage(secrets, name)) == ((new,), Stage.SETTLED)
    assert {stat.S_IMODE(file.stat().st_mode) for file in secrets.iterdir()} == {0o600}


@every_key
def test_after_every_step_the_public_keys_are_those_of_their_owner(secrets: Path, name: str) -> None:
    keyfile.add(secrets, name, NOW)
    assert keyfile.agrees(secrets, name)
    keyfile.use(secrets, name)
    assert keyfile.agrees(secrets, name)
    keyfile.retire(secrets, name)
    assert keyfile.agrees(secrets, name)


class Killed(BaseException):
    """The process ended here."""


def dying(monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    """From now on the process is killed after so many files were written."""
    kept, left = keyring.put, iter(range(writes))

    def put(path: Path, keys: Iterable[Key]) -> None:
        if next(left, None) is None:
            raise Killed
        kept(path, keys)

    monkeypatch.setattr(keyring, "put", put)


@every_key
@pytest.mark.parametrize("writes", [0, 1])
@pytest.mark.parametrize("step", ["add", "retire"])
def test_a_step_that_was_killed_is_finished_by_taking_it_again(
    secrets: Path, name: str, step: str, writes: int
) -> None:
    """Whatever it had written: files are written one by one, each whole."""
    take = {"add": lambda: keyfile.add(secrets, name, NOW), "retire": lambda: keyfile.retire(secrets, name)}
    if step == "retire":
        take["add"]()
        keyfile.use(secrets, name)
    with pytest.MonkeyPatch.context() as patch:
        dying(patch, writes)
        with suppress(Killed):
            take[step]()
    keyring.signer(secrets, "intake")  # what there is can be used
    take[step]()
    assert keyfile.agrees(secrets, name)
    assert (len(raw(secrets, name)), stage(secrets, name)) == {
        "add": (2, Stage.KNOWN),
        "retire": (1, Stage.SETTLED),
    }[step]


@pytest.mark.parametrize("days", [-400, 0, 400])
def test_the_stage_does_not_depend_on_the_clock(secrets: Path, days: int) -> None:
    keyfile.add(secrets, "code", datetime.now(UTC) + timedelta(days=days))
    assert stage(secrets, "code") is Stage.KNOWN
    keyfile.use(secrets, "code")
    assert stage(secrets, "code") is Stage.USED
    keyfile.add(secrets, "code", datetime.now(UTC) - timedelta(days=days))
    assert stage(secrets, "code") is Stage.KNOWN


def test_keys_of_a_set_of_the_first_version_are_rotated_too(secrets: Path) -> None:
    keyring.put(secrets / "bus.key", [Key(b"o" * 32)])
    keyfile.add(secrets, "bus", NOW)
    assert stage(secrets, "bus") is Stage.KNOWN
    keyfile.use(secrets, "bus")
    assert stage(secrets, "bus") is Stage.USED


@every_key
def test_a_retired_key_is_put_aside_where_backups_may_need_it(secrets: Path, name: str) -> None:
    (old,) = raw(secrets, name)
    aside = keyfile.path(secrets, name).with_name(keyfile.path(secrets, name).name + keyfile.RETIRED)
    for _ in range(2):
        keyfile.add(secrets, name, NOW)
        keyfile.use(secrets, name)
        keyfile.retire(secrets, name)
    assert aside.exists() == (name in keyfile.KEPT)
    if aside.exists():
        assert len(keyring.read(aside)) == 2
        assert keyring.read(aside)[0] == old
        assert stat.S_IMODE(aside.stat().st_mode) == 0o600
