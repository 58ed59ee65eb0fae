"""Personal data at rest: sealed field by field, found again by a keyed digest.

A sealed value is bound to its table, column and row: moved to another place it does not open. The digest
(`index`) of a phone or document number finds equal values and shows nothing; it has its own key, whose name
it begins with, so that while keys are changed a value is looked for under each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared import keyring
from shared.keyring import Seal


@dataclass(frozen=True)
class Vault:
    """The keys for petitioners' data and query codes. Only intake has the files."""

    seal: Seal
    blind: Mapping[bytes, bytes]  # by name, the one in use first
    code: tuple[bytes, ...]

    def close(self, value: str | None, place: str) -> str | None:
        """`value` sealed for `place` (`table.column:row`); nothing stays nothing."""
        return None if value is None else self.seal.close(value.encode(), place)

    def open(self, sealed: str | None, place: str) -> str | None:
        """What was sealed for `place`; raises keyring.Tampered if it is anything else."""
        return None if sealed is None else self.seal.open(sealed, place).decode()

    @property
    def blind_name(self) -> bytes:
        """How the digests begin that are made with the key in use."""
        return next(iter(self.blind))

    def index(self, column: str, value: str | None) -> bytes | None:
        """The look-up digest to keep for a normalised value of a column."""
        if value is None:
            return None
        return self.blind_name + keyring.fingerprint(self.blind[self.blind_name], column, value)

    def indexes(self, column: str, value: str) -> list[bytes]:
        """All digests that a value may be found by: of each key, with its name, and as the first version kept
        them, without."""
        made = [(name, keyring.fingerprint(key, column, value)) for name, key in self.blind.items()]
        return [name + digest for name, digest in made] + [digest for _, digest in made]

    def digest(self, number: str) -> bytes:
        """The digest that a new grievance's query code is spelled from."""
        return self.digests(number)[0]

    def digests(self, number: str) -> list[bytes]:
        """The digests of all codes that may stand on paper for a number: keys change, paper stays."""
        return [keyring.fingerprint(key, "query-code", number) for key in self.code]


@cache
def at(secrets: Path) -> Vault:
    """The vault whose keys lie in this directory; read once."""
    return of(secrets)


def of(secrets: Path) -> Vault:
    """The vault whose keys lie in this directory now."""
    return Vault(
        seal=keyring.seal(secrets, "identity"),
        blind={bytes.fromhex(keyring.key_id(key)): key for key in keyring.read(secrets / "blind.key")},
        code=keyring.read(secrets / "code.key"),
    )
