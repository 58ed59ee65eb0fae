"""The secret keys of a service, read from files, and what is done with them.

Files hold base64 of raw keys, made by `create()`: `bus.key` (AES-256, shared by the suite), `<service>.sign`
and `<service>.sign.pub` (Ed25519; each service holds only its own private key), `identity.key` (AES-256,
petitioners' fields), `blind.key` (HMAC, look-up of phones and document numbers), `code.key` (HMAC, query
codes), `session.key` (signs the session cookie), `account.key` (AES-256, people's second factors; oversight's
alone). A file may hold several keys, one a line, each with the time when it was made: the first is used, all
are known. So a key is rotated by adding a line at the end, and moving it to the top once every process has
read it (`minqing secrets rotate`).
"""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.clock import Clock

SERVICES = ("intake", "routing", "oversight")
SYMMETRIC = ("bus", "identity", "blind", "code", "session", "account")
NONCE = 12


class KeyringError(Exception):
    """A key file is missing or broken; the message names it and the cure."""


class Tampered(Exception):
    """Something that should carry our seal or signature does not."""


@dataclass(frozen=True)
class Key:
    """One line of a key file: the raw key, and when it was made (None in files of the first version)."""

    raw: bytes
    made: datetime | None = None

    def dump(self) -> str:
        """The line."""
        return " ".join(
            [base64.b64encode(self.raw).decode(), *([self.made.isoformat()] if self.made else [])]
        )


def create(directory: Path) -> None:
    """Write a full set of new keys, mode 0600. Refuses (KeyringError) where any key file exists."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise KeyringError(f"目录非空，拒绝覆盖密钥 / not empty, keys are never overwritten: {directory}")
    for name in SYMMETRIC:
        put(directory / f"{name}.key", [new(Clock().now())])
    for service in SERVICES:
        key = new(Clock().now())
        put(directory / f"{service}.sign", [key])
        put(directory / f"{service}.sign.pub", [public(key)])


def complete(directory: Path) -> None:
    """Write the symmetric keys that a set of an earlier version lacks; touches no file that is there."""
    for name in SYMMETRIC:
        if not (directory / f"{name}.key").exists():
            put(directory / f"{name}.key", [new(Clock().now())])


def new(made: datetime) -> Key:
    """A new key of any kind: 32 random bytes."""
    return Key(secrets.token_bytes(32), made.replace(microsecond=0))


def public(key: Key) -> Key:
    """The public key of a signing key."""
    return Key(Ed25519PrivateKey.from_private_bytes(key.raw).public_key().public_bytes_raw(), key.made)


def put(path: Path, keys: Iterable[Key]) -> None:
    """Write a key file whole or not at all: its owner's alone, or as open as the one before was."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)  # of a writer that was killed
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.writelines(f"{key.dump()}\n" for key in keys)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        part.chmod(path.stat().st_mode & 0o777)
    part.replace(path)
    _sync(path.parent)


def _sync(directory: Path) -> None:
    """Have the names in a directory on disk: a key that has sealed anything must survive a power cut."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def keys(path: Path) -> tuple[Key, ...]:
    """All keys of one file, the one in use first; raises KeyringError naming the file."""
    try:
        found = tuple(_key(*line.split()) for line in path.read_text().splitlines() if line.strip())
    except (OSError, ValueError, TypeError) as error:
        raise KeyringError(f"密钥文件无法使用 / unusable key file {path}: {error}") from error
    if not found or any(len(key.raw) != 32 for key in found):
        raise KeyringError(f"密钥文件须为每行一个 32 字节密钥 / one 32-byte key a line expected: {path}")
    return found


def _key(encoded: str, made: str | None = None) -> Key:
    return Key(base64.b64decode(encoded, validate=True), datetime.fromisoformat(made) if made else None)


def read(path: Path) -> tuple[bytes, ...]:
    """The raw keys of one file, the one in use first; raises KeyringError naming the file."""
    return tuple(key.raw for key in keys(path))


def key_id(raw: bytes) -> str:
    """A short public name of a key, so that what it sealed says which key opens it."""
    return hashlib.sha256(b"minqing key " + raw).hexdigest()[:8]


@dataclass(frozen=True)
class Seal:
    """Encrypts with AES-256-GCM under the first key of a file, opens under any of them."""

    ciphers: dict[str, AESGCM]
    newest: str

    @property
    def prefix(self) -> str:
        """How everything begins that is sealed with the key in use."""
        return f"v1.{self.newest}."

    @classmethod
    def of(cls, keys: tuple[bytes, ...]) -> "Seal":
        """A seal of these raw keys, the one in use first."""
        return cls({key_id(key): AESGCM(key) for key in keys}, key_id(keys[0]))

    def close(self, plain: bytes, context: str) -> str:
        """Encrypt, bound to `context` (where the value belongs): `v1.<key id>.<base64>`."""
        nonce = os.urandom(NONCE)
        sealed = nonce + self.ciphers[self.newest].encrypt(nonce, plain, context.encode())
        return f"{self.prefix}{base64.b64encode(sealed).decode()}"

    def open(self, sealed: str, context: str) -> bytes:
        """Decrypt what `close` made for the same context; raises Tampered for anything else."""
        try:
            version, name, encoded = sealed.split(".")
            raw = base64.b64decode(encoded, validate=True)
            if version != "v1":
                raise ValueError(version)
            return self.ciphers[name].decrypt(raw[:NONCE], raw[NONCE:], context.encode())
        except (ValueError, KeyError, InvalidTag) as error:
            raise Tampered(f"cannot be opened as {context}") from error


@dataclass(frozen=True)
class Signer:
    """Signs as one service, and checks the signatures of all, each of which may have several keys."""

    service: str
    private: Ed25519PrivateKey
    public: dict[str, tuple[Ed25519PublicKey, ...]]

    def sign(self, message: bytes) -> str:
        """An Ed25519 signature in base64."""
        return base64.b64encode(self.private.sign(message)).decode()

    def check(self, service: str, message: bytes, signature: str) -> None:
        """Raises Tampered unless `service` signed `message`."""
        try:
            raw = base64.b64decode(signature, validate=True)
            signed = any(_verifies(key, raw, message) for key in self.public[service])
        except (KeyError, ValueError) as error:
            raise Tampered(f"not signed by {service}") from error
        if not signed:
            raise Tampered(f"not signed by {service}")


def _verifies(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def seal(directory: Path, name: str) -> Seal:
    """The seal of `<name>.key`."""
    return Seal.of(read(directory / f"{name}.key"))


def signer(directory: Path, service: str) -> Signer:
    """The signer of `service`, knowing all public keys of all three."""
    private = Ed25519PrivateKey.from_private_bytes(read(directory / f"{service}.sign")[0])
    public = {
        name: tuple(map(Ed25519PublicKey.from_public_bytes, read(directory / f"{name}.sign.pub")))
        for name in SERVICES
    }
    return Signer(service, private, public)


def fingerprint(key: bytes, purpose: str, value: str) -> bytes:
    """A keyed digest of `value` for one purpose: equal values can be found, nothing can be read from it."""
    return hmac.digest(key, f"{purpose}\0{value}".encode(), "sha256")


def equal(expected: str, given: str) -> bool:
    """Whether two texts are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(expected.encode(), given.encode())
