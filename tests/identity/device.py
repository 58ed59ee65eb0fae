"""A device with passkeys, in software, which can also do what no honest one does."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
SITE = "https://localhost"


@dataclass
class Device:
    """One passkey: `count` is how often it says that it was used, `flags` what it says of the person.

    `public`, if given, is what it says that its key is.
    """

    id: bytes = field(default_factory=lambda: os.urandom(16))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    count: int = 0
    flags: int = PRESENT | VERIFIED
    public: bytes = b""

    def make(self, options: str, origin: str = SITE) -> str:
        """What a browser on `origin` answers with this device to a challenge to add a passkey."""
        asked = json.loads(options)
        said = _said("webauthn.create", asked["challenge"], origin)
        made = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + (self.public or self._public())
        data = self._data(asked["rp"]["id"], ATTESTED) + made
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(clientDataJSON=said, attestationObject=attestation)

    def show(self, options: str, origin: str = SITE) -> str:
        """What it answers to a challenge to show one."""
        asked = json.loads(options)
        self.count += 1
        said = _said("webauthn.get", asked["challenge"], origin)
        data = self._data(asked["rpId"])
        signature = self.key.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(clientDataJSON=said, authenticatorData=data, signature=signature)

    def _data(self, host: str, more: int = 0) -> bytes:
        return (
            hashlib.sha256(host.encode()).digest()
            + bytes([self.flags | more])
            + self.count.to_bytes(4, "big")
        )

    def _public(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})

    def _answer(self, **response: bytes) -> str:
        id_ = bytes_to_base64url(self.id)
        said = {name: bytes_to_base64url(value) for name, value in response.items()}
        return json.dumps({"id": id_, "rawId": id_, "type": "public-key", "response": said})


def _said(kind: str, challenge: str, origin: str) -> bytes:
    return json.dumps({"type": kind, "challenge": challenge, "origin": origin}).encode()


def altered(answer: str, part: str, change: Any) -> str:
    """An answer with one part of its response as `change` makes it."""
    said = json.loads(answer)
    value = base64url_to_bytes(said["response"][part])
    said["response"][part] = bytes_to_base64url(change(value))
    return json.dumps(said)
