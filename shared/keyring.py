"""The secret keys of a service, read from files, and what is done with them.

Files hold base64 of raw keys, made by `create()`: `bus.key` (AES-256, shared by the suite), `<service>.sign`
and `<service>.sign.pub` (Ed25519; each service holds only its own private key), `identity.key` (AES-256,
petitioners' fields), `blind.key` (HMAC, look-up of phones and document numbers), `code.key` (HMAC, query
codes), `session.key` (signs the session cookie), `account.key` (AES-256, people's second factors; oversight's
alone). A file may hold several keys, one a line, the newest first: the first encrypts, all decrypt, so a key
is rotated by adding a line.
"""

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SERVICES = ("intake", "routing", "oversight")
SYMMETRIC = ("bus", "identity", "blind", "code", "session", "account")
NONCE = 12


class KeyringError(Exception):
    """A key file is missing or broken; the message names it and the cure."""


class Tampered(Exception):
    """Something that should carry our seal or signature does not."""


def create(directory: Path) -> None:
    """Write a full set of new keys, mode 0600. Refuses (KeyringError) where any key file exists."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise KeyringError(f"目录非空，拒绝覆盖密钥 / not empty, keys are never overwritten: {directory}")
    for name in SYMMETRIC:
        _write(directory / f"{name}.key", secrets.token_bytes(32))
    for service in SERVICES:
        key = Ed25519PrivateKey.generate()
        _write(directory / f"{service}.sign", key.private_bytes_raw())
        _write(directory / f"{service}.sign.pub", key.public_key().public_bytes_raw())


def complete(directory: Path) -> None:
    """Write the symmetric keys that a set of an earlier version lacks; touches no file that is there."""
    for name in SYMMETRIC:
        if not (directory / f"{name}.key").exists():
            _write(directory / f"{name}.key", secrets.token_bytes(32))


def _write(path: Path, raw: bytes) -> None:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(base64.b64encode(raw) + b"\n")


def read(path: Path) -> tuple[bytes, ...]:
    """All keys of one file, the newest first; raises KeyringError naming the file."""
    try:
        keys = tuple(base64.b64decode(line, validate=True) for line in path.read_text().split())
    except (OSError, ValueError) as error:
        raise KeyringError(f"密钥文件无法使用 / unusable key file {path}: {error}") from error
    if not keys or any(len(key) != 32 for key in keys):
        raise KeyringError(f"密钥文件须为每行一个 32 字节密钥 / one 32-byte key a line expected: {path}")
    return keys


def key_id(raw: bytes) -> str:
    """A short public name of a key, so that what it sealed says which key opens it."""
    return hashlib.sha256(b"minqing key " + raw).hexdigest()[:8]


@dataclass(frozen=True)
class Seal:
    """Encrypts with AES-256-GCM under the newest key of a file, opens under any of them."""

    ciphers: dict[str, AESGCM]
    newest: str

    @classmethod
    def of(cls, keys: tuple[bytes, ...]) -> "Seal":
        """A seal of these raw keys, the newest first."""
        return cls({key_id(key): AESGCM(key) for key in keys}, key_id(keys[0]))

    def close(self, plain: bytes, context: str) -> str:
        """Encrypt, bound to `context` (where the value belongs): `v1.<key id>.<base64>`."""
        nonce = os.urandom(NONCE)
        sealed = nonce + self.ciphers[self.newest].encrypt(nonce, plain, context.encode())
        return f"v1.{self.newest}.{base64.b64encode(sealed).decode()}"

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
    """Signs as one service, and checks the signatures of all."""

    service: str
    private: Ed25519PrivateKey
    public: dict[str, Ed25519PublicKey]

    def sign(self, message: bytes) -> str:
        """An Ed25519 signature in base64."""
        return base64.b64encode(self.private.sign(message)).decode()

    def check(self, service: str, message: bytes, signature: str) -> None:
        """Raises Tampered unless `service` signed `message`."""
        try:
            self.public[service].verify(base64.b64decode(signature, validate=True), message)
        except (KeyError, ValueError, InvalidSignature) as error:
            raise Tampered(f"not signed by {service}") from error


def seal(directory: Path, name: str) -> Seal:
    """The seal of `<name>.key`."""
    return Seal.of(read(directory / f"{name}.key"))


def signer(directory: Path, service: str) -> Signer:
    """The signer of `service`, knowing the public keys of all three."""
    private = Ed25519PrivateKey.from_private_bytes(read(directory / f"{service}.sign")[0])
    public = {
        name: Ed25519PublicKey.from_public_bytes(read(directory / f"{name}.sign.pub")[0]) for name in SERVICES
    }
    return Signer(service, private, public)


def fingerprint(key: bytes, purpose: str, value: str) -> bytes:
    """A keyed digest of `value` for one purpose: equal values can be found, nothing can be read from it."""
    return hmac.digest(key, f"{purpose}\0{value}".encode(), "sha256")


def equal(expected: str, given: str) -> bool:
    """Whether two texts are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(expected.encode(), given.encode())
