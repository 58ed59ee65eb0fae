"""Whether restored databases are whole: every stream agrees on both ends, and sealed fields open."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from deploy.minqing import databases, resync
from services.intake import store
from shared import keyring, vault

# Events of the last month one by one; a day more on the other side, since the clocks are compared exactly.
SAID = text(
    """
    SELECT event_id, state, created_at > now() - interval '31 days' AS due FROM outbox
    WHERE dest = :reader AND created_at > now() - interval '32 days'
    """
)
HEARD = text(
    """
    SELECT event_id, status, said_at > now() - interval '31 days' AS due FROM inbox
    WHERE source = :source AND said_at > now() - interval '32 days'
    """
)
HEADS = text("SELECT subject, n FROM stream_head WHERE dest = :reader")
POSITIONS = text("SELECT subject, n FROM stream_position WHERE source = :source")
SEALED = text("SELECT number FROM petitioner ORDER BY number DESC LIMIT 1")


def streams(urls: Mapping[str, str]) -> list[str]:
    """Name each pair of source and reader whose streams do not agree, and in what."""
    faults = []
    for source, reader in resync.links():
        with databases.opened(urls[source]) as said, databases.opened(urls[reader]) as heard:
            found = _positions(said, heard, source, reader) + _events(said, heard, source, reader)
        faults += [f"{source} → {reader}: {fault}" for fault in found]
    return faults


def sealed(url: str, secrets: Path) -> list[str]:
    """Open the fields of the last grievance's petitioners with the present keys; nothing of them is told."""
    with databases.opened(url) as tx:
        number = tx.execute(SEALED).scalar()
        if number is None:
            return []
        try:
            store.petitioners.get(tx, vault.at(secrets), number)
        except keyring.Tampered:
            return [f"petitioners of {number} cannot be read with the present keys"]
    return []


def _positions(said: Connection, heard: Connection, source: str, reader: str) -> list[str]:
    """A reader cannot have heard more than was said."""
    heads = {row.subject: row.n for row in said.execute(HEADS, {"reader": reader})}
    positions = heard.execute(POSITIONS, {"source": source}).all()
    return [f"{p.subject} heard up to {p.n}, said less" for p in positions if p.n > heads.get(p.subject, 0)]


def _events(said: Connection, heard: Connection, source: str, reader: str) -> list[str]:
    """What is confirmed was applied, and what was heard was said."""
    sent = _by_id(said.execute(SAID, {"reader": reader}))
    come = _by_id(heard.execute(HEARD, {"source": source}))
    lost = [e for e, row in sent.items() if row.due and row.state == "confirmed" and e not in come]
    strange = [e for e, row in come.items() if row.due and e not in sent]
    return [f"{e} confirmed, not heard" for e in lost] + [f"{e} heard, not said" for e in strange]


def _by_id(rows: Any) -> dict[Any, Any]:
    return {row.event_id: row for row in rows}
