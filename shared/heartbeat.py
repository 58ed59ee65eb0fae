"""Signs of life, kept where every process sees them: in the service's own database.

`worker` is the service's worker; `from <source>` a source whose canary arrived; `backup` the last backup.
"""

from collections.abc import Mapping

from sqlalchemy import Column, Connection, DateTime, Table, Text, text

from shared.database import METADATA

HEARTBEAT = Table(
    "heartbeat",
    METADATA,
    Column("of", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
)

BEAT = text("INSERT INTO heartbeat (of) VALUES (:of) ON CONFLICT (of) DO UPDATE SET at = now()")
AGES = text("SELECT of, extract(epoch FROM now() - at) AS seconds FROM heartbeat")


def beat(tx: Connection, of: str) -> None:
    """Note a sign of life, at the database's time."""
    tx.execute(BEAT, {"of": of})


def ages(tx: Connection) -> Mapping[str, float]:
    """How many seconds ago each sign of life was last given."""
    return {row.of: float(row.seconds) for row in tx.execute(AGES)}
