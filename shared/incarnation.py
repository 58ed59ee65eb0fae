"""Which life of the databases this is: raised when they are restored to an earlier point.

What was said in another life is not heard: it may tell of a future that was lost.
"""

from sqlalchemy import BigInteger, Boolean, Column, Connection, Table, select, update

from shared.database import METADATA

INCARNATION = Table(
    "incarnation",
    METADATA,
    Column("one", Boolean, primary_key=True),
    Column("n", BigInteger, nullable=False),
)


def get(tx: Connection) -> int:
    """The present one."""
    return int(tx.execute(select(INCARNATION.c.n)).scalar_one())


def put(tx: Connection, n: int) -> None:
    """Begin another one; all databases of a suite are given the same."""
    tx.execute(update(INCARNATION).values(n=n))
