"""Key files, seals and signatures."""

import base64
import stat
from pathlib import Path

import pytest

from shared import keyring
from shared.keyring import KeyringError, Seal, Tampered

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
