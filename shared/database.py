"""PostgreSQL: engines, transactions, and the check that a commit really is on disk."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import orjson
import psycopg
from psycopg.errors import DiskFull, LockNotAvailable
from sqlalchemy import Connection, Engine, MetaData, create_engine, make_url, text
from sqlalchemy.exc import InterfaceError, OperationalError

# The database cannot be reached, or gave up on us: try again.
Down = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
Direct = psycopg.Connection[Any]

METADATA = MetaData()  # the tables of delivery, which every service's database has

LOCK_TIMEOUT = "2s"  # how long a request waits for another that holds the same row


class NotDurable(Exception):
    """The database would answer a commit before it is on disk, so no 201 could be kept."""


def connect(url: str, pool: int = 4) -> Engine:
    """An engine with up to `pool` connections, made when first needed. Sessions run in UTC."""
    options = f"-c timezone=UTC -c lock_timeout={LOCK_TIMEOUT}"
    return create_engine(
        url,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=5,
        hide_parameters=True,  # else the message of an error, which is logged, repeats what people wrote
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        connect_args={"connect_timeout": 3, "options": options},
    )


def door(url: str) -> str:
    """The address by which a service's API connects, from its owner's: as a role that owns nothing.

    It signs in as itself, since whoever only takes that role can lay it down again by a word of SQL.
    """
    owner = make_url(url)
    own = owner.set(username=f"{owner.username}_door", password=door_password(str(owner.password or "")))
    return own.render_as_string(hide_password=False)


def door_password(owners: str) -> str:
    """The password of that role: from the owner's, so that there is one secret to keep and to change."""
    return hashlib.sha256(f"minqing door {owners}".encode()).hexdigest()


def waited_for_lock(error: BaseException) -> bool:
    """Whether the error is a lock that another transaction held too long, rather than a lost database."""
    return isinstance(getattr(error, "orig", error), LockNotAvailable)


def is_away(error: BaseException) -> bool:
    """Whether the database cannot be reached or gave up on us, so that the same would work later.

    A limit that the data itself exceeds (SQLSTATE class 54) comes as the same exception and never passes.
    """
    state = getattr(getattr(error, "orig", error), "sqlstate", None) or ""
    return isinstance(error, Down) and not state.startswith("54")


def is_full(error: BaseException) -> bool:
    """Whether the database has no room left on its disk."""
    return isinstance(getattr(error, "orig", error), DiskFull)


# Row security asks for this setting: for one transaction, or for all until it is set again.
_SIGHT = "SELECT set_config('minqing.sight', %s, %s)"


@contextmanager
def transaction(engine: Engine, sight: str | None = None) -> Iterator[Connection]:
    """A transaction: commits at the end, rolls back on an error. `sight` is what row security is told."""
    with engine.begin() as connection:
        if sight is not None:
            connection.exec_driver_sql(_SIGHT, (sight, True))
        yield connection


def _tell(known: dict[Any, Any], sight: str | None, execute: Callable[..., Any]) -> None:
    """Tell row security who asks from now on, unless this connection was told so last."""
    if sight is not None and known.get("sight", "") != sight:
        execute(_SIGHT, (sight, False))
        known["sight"] = sight


@contextmanager
def reading(engine: Engine, sight: str | None = None) -> Iterator[Connection]:
    """A connection for one query outside any transaction: one round trip instead of three."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        _tell(connection.info, sight, connection.exec_driver_sql)
        yield connection


@contextmanager
def direct(engine: Engine, sight: str | None = None) -> Iterator[Direct]:
    """The driver's own connection, each statement a transaction of its own, for what every request needs.

    SQLAlchemy's work for one statement takes longer than those statements themselves.
    """
    pooled = engine.raw_connection()
    driver: Direct = pooled.driver_connection  # type: ignore[assignment]
    try:
        driver.autocommit = True
        _tell(pooled.info, sight, driver.execute)
        yield driver
    finally:
        if driver.closed:
            pooled.invalidate()
            engine.dispose()  # the others are as dead
        else:
            driver.autocommit = False
            pooled.close()


def now(connection: Connection) -> datetime:
    """The database's own clock at this moment, in UTC."""
    moment: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment


def insert_rows(table: str, columns: Iterable[str]) -> str:
    """A statement that adds any number of rows, given by `rows`: a batch costs one round trip."""
    names = ", ".join(columns)
    given = f"json_populate_recordset(NULL::{table}, %(rows)s)"
    return f"INSERT INTO {table} ({names}) SELECT {names} FROM {given}"  # nosec B608 - our own names


def rows(values: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The parameter `rows` of a statement that reads them with `json_populate_recordset`."""
    return {"rows": orjson.dumps(list(values)).decode()}


def require_durable(engine: Engine) -> None:
    """Raise NotDurable unless `fsync` and `synchronous_commit` are on."""
    with engine.connect() as connection:
        for name in ("fsync", "synchronous_commit"):
            value = connection.execute(text(f"SHOW {name}")).scalar_one()
            if value == "off":
                raise NotDurable(f"PostgreSQL: {name} = off；须打开 / must be on")
