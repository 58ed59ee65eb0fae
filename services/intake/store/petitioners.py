"""Petitioners: sealed before they reach the database, opened for those whom the law lets see them.

`phone_index` and `id_index` find an equal value again without showing it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from services.intake import domain
from services.intake.domain import Petitioner
from services.intake.store.tables import PETITIONER
from shared import database
from shared.vault import Vault

FIELDS = ("name", "phone", "id_number", "address")
SEALED = (*FIELDS, "phone_index", "id_index")  # by keys of the vault


def sealed(vault: Vault, number: str, petitioners: Sequence[Petitioner]) -> list[dict[str, Any]]:
    """The rows of a grievance's petitioners."""
    return [_sealed(vault, number, position, each) for position, each in enumerate(petitioners)]


def _sealed(vault: Vault, number: str, position: int, petitioner: Petitioner) -> dict[str, Any]:
    row: dict[str, Any] = {
        "number": number,
        "position": position,
        "representative": petitioner.representative,
    }
    for column in FIELDS:
        row[column] = vault.close(getattr(petitioner, column), _place(column, number, position))
    phone, document = petitioner.phone, petitioner.id_number
    row["phone_index"] = _hex(vault.index("phone", phone and domain.phone_digits(phone)))
    row["id_index"] = _hex(vault.index("id_number", document and domain.document_number(document)))
    return row


def _hex(digest: bytes | None) -> str | None:
    """Bytes as PostgreSQL reads them in a text."""
    return None if digest is None else f"\\x{digest.hex()}"


def _place(column: str, number: str, position: int) -> str:
    return f"petitioner.{column}:{number}/{position}"


def get(tx: Connection, vault: Vault, number: str) -> list[Petitioner]:
    """Who brought a grievance, opened. Only for those whom the law lets see it."""
    rows = tx.execute(select(PETITIONER).where(PETITIONER.c.number == number).order_by(PETITIONER.c.position))
    return [_opened(vault, row) for row in rows]


def _opened(vault: Vault, row: Any) -> Petitioner:
    def value(column: str) -> str | None:
        return vault.open(getattr(row, column), _place(column, row.number, row.position))

    name = value("name") or ""
    return Petitioner(name, value("phone"), value("id_number"), value("address"), row.representative)


_RESEAL = f"""
    UPDATE petitioner SET {", ".join(f"{name} = new.{name}" for name in SEALED)}
    FROM json_populate_recordset(NULL::petitioner, %(rows)s) AS new
    WHERE petitioner.number = new.number AND petitioner.position = new.position
"""  # nosec B608 - our own names


def reseal(tx: Connection, vault: Vault, rows: Iterable[Any]) -> None:
    """Seal and index petitioners anew with the keys in use. Raises Tampered, and nothing is done."""
    anew = (_sealed(vault, row.number, row.position, _opened(vault, row)) for row in rows)
    tx.exec_driver_sql(_RESEAL, database.rows(anew))
