"""What is sealed in the databases, brought from old keys to those in use.

Each value names its key, so the values themselves say what is left to do: a run that was killed is finished
by another one. Meanwhile the services read either.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from deploy.minqing import databases
from services.intake import store
from shared import keyring
from shared.identity import factors
from shared.keyring import Tampered
from shared.vault import Vault

BATCH = 500  # petitioners in one transaction

SEALED = " OR ".join(f"{name} NOT LIKE :sealed" for name in store.petitioners.FIELDS)
INDEXED = " OR ".join(f"substr({name}, 1, 4) <> :indexed" for name in ("phone_index", "id_index"))
LEFT = text(
    f"""
    SELECT count(*) FILTER (WHERE {SEALED}) AS identity, count(*) FILTER (WHERE {INDEXED}) AS blind
    FROM petitioner
    """  # nosec B608 - our own names
)
NEXT = text(
    f"""
    SELECT * FROM petitioner
    WHERE (number, position) > (:number, :position) AND ({SEALED} OR {INDEXED})
    ORDER BY number, position LIMIT :batch FOR UPDATE
    """  # nosec B608 - our own names
)


@dataclass(frozen=True)
class Batch:
    """What was done with some rows: how many were sealed anew, and the places of what could not be opened."""

    done: int
    broken: Sequence[str]


def left(urls: Mapping[str, str], secrets: Path, vault: Vault) -> dict[str, int]:
    """How many rows name an old key, by the name of the key's file."""
    with databases.opened(urls["intake"]) as tx:
        found = dict(tx.execute(LEFT, _names(vault)).one()._mapping)
    with databases.opened(urls["identity"]) as tx:
        return found | {"account": factors.outdated(tx, keyring.seal(secrets, "account"))}


def petitioners(url: str, vault: Vault) -> Iterator[Batch]:
    """Seal and index the petitioners' fields anew, a batch in a transaction, by their numbers."""
    behind = {"number": "", "position": 0}
    with databases.reached(url) as engine:
        while True:
            with engine.begin() as tx:
                rows = tx.execute(NEXT, _names(vault) | behind | {"batch": BATCH}).all()
                broken = _reseal(tx, vault, rows) if rows else []
            if not rows:
                return
            yield Batch(len(rows) - len(broken), broken)
            behind = {"number": rows[-1].number, "position": rows[-1].position}


def second_factors(url: str, secrets: Path) -> Batch:
    """Seal people's second factors anew."""
    try:
        with databases.opened(url) as tx:
            return Batch(factors.reseal(tx, keyring.seal(secrets, "account")), [])
    except Tampered as error:
        return Batch(0, [str(error)])


def _names(vault: Vault) -> dict[str, Any]:
    return {"sealed": f"{vault.seal.prefix}%", "indexed": vault.blind_name}


def _reseal(tx: Connection, vault: Vault, rows: Sequence[Any]) -> list[str]:
    """Seal rows anew, all at once, or one by one if some cannot be opened; return the places of these."""
    try:
        store.petitioners.reseal(tx, vault, rows)
    except Tampered as error:
        if len(rows) == 1:
            return [str(error)]
        return [broken for row in rows for broken in _reseal(tx, vault, [row])]
    return []
