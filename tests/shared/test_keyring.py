"""Key files, seals and signatures."""

import base64
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared import keyring
from shared.keyring import Key, KeyringError, Seal, Tampered

OLD, NEW = b"o" * 32, b"n" * 32


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    keyring.create(tmp_path / "secrets")
    return tmp_path / "secrets"


def test_a_full_set_of_keys_is_made_for_its_owner_alone(secrets: Path) -> None:
    symmetric = {f"{name}.key" for name in keyring.SYMMETRIC}
    signing = {f"{name}.sign{end}" for name in keyring.SERVICES for end in ("", ".pub")}
    assert {file.name for file in secrets.iterdir()} == symmetric | signing
    assert {stat.S_IMODE(file.stat().st_mode) for file in secrets.iterdir()} == {0o600}


def test_keys_are_never_written_over(secrets: Path) -> None:
    before = (secrets / "bus.key").read_bytes()
    with pytest.raises(KeyringError, match="never overwritten"):
        keyring.create(secrets)
    assert (secrets / "bus.key").read_bytes() == before


@pytest.mark.parametrize("content", ["", "\n", "not base64!", base64.b64encode(b"short").decode(), "é"])
def test_a_broken_key_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "bus.key").write_text(content)
    with pytest.raises(KeyringError, match="bus.key"):
        keyring.read(tmp_path / "bus.key")


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="routing.sign"):
        keyring.signer(tmp_path, "routing")


def test_a_key_says_when_it_was_made_and_need_not(tmp_path: Path) -> None:
    made = keyring.new(datetime(2026, 11, 24, 9, 30, 1, 77, UTC))
    keyring.put(tmp_path / "bus.key", [made, Key(OLD)])
    assert keyring.keys(tmp_path / "bus.key") == (made, Key(OLD))
    assert keyring.read(tmp_path / "bus.key") == (made.raw, OLD)
    assert (
        len((tmp_path / "bus.key").read_text().splitlines()[1].split()) == 1
    )  # as the first version wrote it


@pytest.mark.parametrize("time", ["yesterday", "2026-11-24T00:00:00+00:00 again"])
def test_a_line_that_says_something_else_besides_is_named(tmp_path: Path, time: str) -> None:
    (tmp_path / "bus.key").write_text(f"{Key(OLD).dump()} {time}\n")
    with pytest.raises(KeyringError, match=r"bus\.key"):
        keyring.keys(tmp_path / "bus.key")


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_that_is_written_again_stays_as_open_as_it_was(secrets: Path, mode: int) -> None:
    (secrets / "bus.key").chmod(mode)
    (secrets / ".bus.key.part").write_text("left by one that was killed")
    keyring.put(secrets / "bus.key", [Key(NEW), Key(OLD)])
    assert stat.S_IMODE((secrets / "bus.key").stat().st_mode) == mode
    assert keyring.read(secrets / "bus.key") == (NEW, OLD)
    assert not (secrets / ".bus.key.part").exists()


def test_a_file_that_cannot_be_written_whole_stays_as_it_was(secrets: Path) -> None:
    before = (secrets / "bus.key").read_bytes()

    def broken() -> Iterator[Key]:
        yield Key(NEW)
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        keyring.put(secrets / "bus.key", broken())
    assert (secrets / "bus.key").read_bytes() == before


def test_what_was_sealed_opens_in_its_own_place_only() -> None:
    seal = Seal.of((NEW,))
    sealed = seal.close("民".encode(), "petitioner.name:1/0")
    assert seal.open(sealed, "petitioner.name:1/0").decode() == "民"
    with pytest.raises(Tampered):
        seal.open(sealed, "petitioner.name:1/1")


def test_the_same_value_is_sealed_differently_each_time() -> None:
    seal = Seal.of((NEW,))
    assert seal.close(b"a", "x") != seal.close(b"a", "x")


def test_a_rotated_ring_seals_with_the_newest_key_and_opens_all() -> None:
    before = Seal.of((OLD,)).close(b"a", "x")
    rotated = Seal.of((NEW, OLD))
    assert rotated.open(before, "x") == b"a"
    assert Seal.of((NEW,)).open(rotated.close(b"b", "x"), "x") == b"b"


@pytest.mark.parametrize(
    "sealed", ["", "v1", "v1.a.b", "v2.{id}.AAAA", "v1.{id}.AA", "v1.{id}.!!", "v1.{id}."]
)
def test_what_was_never_sealed_does_not_open(sealed: str) -> None:
    seal = Seal.of((NEW,))
    with pytest.raises(Tampered):
        seal.open(sealed.replace("{id}", seal.newest), "x")


def test_a_signature_holds_for_its_message_and_signer(secrets: Path) -> None:
    intake, routing = keyring.signer(secrets, "intake"), keyring.signer(secrets, "routing")
    signature = intake.sign(b"m")
    routing.check("intake", b"m", signature)
    for service, message in (("routing", b"m"), ("intake", b"n"), ("nobody", b"m")):
        with pytest.raises(Tampered):
            routing.check(service, message, signature)


def test_a_service_is_believed_under_each_of_its_public_keys(secrets: Path) -> None:
    old = keyring.signer(secrets, "intake").sign(b"m")
    new = keyring.new(datetime(2026, 11, 24, tzinfo=UTC))
    (first,) = keyring.keys(secrets / "intake.sign")
    keyring.put(secrets / "intake.sign", [new, first])
    keyring.put(secrets / "intake.sign.pub", map(keyring.public, (new, first)))
    signers = [keyring.signer(secrets, name) for name in ("routing", "oversight")]
    for signer in signers:
        signer.check("intake", b"m", old)
        signer.check("intake", b"m", keyring.signer(secrets, "intake").sign(b"m"))
        with pytest.raises(Tampered):
            signer.check("oversight", b"m", old)
    keyring.put(secrets / "intake.sign.pub", [keyring.public(new)])
    with pytest.raises(Tampered):
        keyring.signer(secrets, "routing").check("intake", b"m", old)


def test_a_service_needs_no_private_key_but_its_own(secrets: Path) -> None:
    for other in ("intake", "oversight"):
        (secrets / f"{other}.sign").unlink()
    assert keyring.signer(secrets, "routing").service == "routing"


def test_a_fingerprint_depends_on_key_purpose_and_value() -> None:
    made = {
        keyring.fingerprint(key, purpose, value)
        for key in (OLD, NEW)
        for purpose in ("phone", "id")
        for value in ("1", "2")
    }
    assert len(made) == 8
