"""Personal data at rest: sealed field by field, found again by a keyed digest.

A sealed value is bound to its table, column and row: moved to another place it does not open. The digest
(`index`) of a phone or document number finds equal values and shows nothing; it has its own key.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared import keyring
from shared.keyring import Seal


@dataclass(frozen=True)
class Vault:
    """The keys for petitioners' data and query codes. Only intake has the files."""

    seal: Seal
    blind: bytes
    code: bytes

    def close(self, value: str | None, place: str) -> str | None:
        """`value` sealed for `place` (`table.column:row`); nothing stays nothing."""
        return None if value is None else self.seal.close(value.encode(), place)

    def open(self, sealed: str | None, place: str) -> str | None:
        """What was sealed for `place`; raises keyring.Tampered if it is anything else."""
        return None if sealed is None else self.seal.open(sealed, place).decode()

    def index(self, column: str, value: str | None) -> bytes | None:
        """The look-up digest of a normalised value of a column."""
        return None if value is None else keyring.fingerprint(self.blind, column, value)

    def digest(self, number: str) -> bytes:
        """The digest that a grievance's query code is spelled from."""
        return keyring.fingerprint(self.code, "query-code", number)


@cache
def at(secrets: Path) -> Vault:
    """The vault whose keys lie in this directory; read once."""
    return Vault(
        seal=keyring.seal(secrets, "identity"),
        blind=keyring.read(secrets / "blind.key")[0],
        code=keyring.read(secrets / "code.key")[0],
    )
