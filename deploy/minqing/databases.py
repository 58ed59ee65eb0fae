"""The four databases and three roles of the suite: one each, and `identity`, which belongs to oversight."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import make_url

from shared.database import connect, door_password

OWNERS = {"intake": "intake", "routing": "routing", "oversight": "oversight", "identity": "oversight"}
SERVICES = tuple(dict.fromkeys(OWNERS.values()))


def create(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Make the roles and databases that are missing. Doing it again changes nothing but the passwords.

    `passwords` is by service. Only its owner may connect to a database, and the door of its API, which owns
    nothing and for which row security holds; to `identity` all may, to read.
    """
    with _connect(admin_url) as admin:
        for role in SERVICES:
            _create_role(admin, role, passwords[role])
            _create_role(admin, f"{role}_door", door_password(passwords[role]))
        for database, owner in OWNERS.items():
            _create_database(admin, database, owner)
        for service in SERVICES:
            _open_door(admin, service)
    with _connect(admin_url, database="identity") as admin:
        _let_read_identity(admin)


def close_rest(admin_url: str) -> None:
    """Let no service connect to the server's own databases. For a server that is ours alone."""
    with _connect(admin_url) as admin:
        admin.execute("revoke all on database postgres, template1 from public")


def url(admin_url: str, role: str, password: str, database: str) -> str:
    """Return the address of `database` for `role`, on the server of `admin_url`."""
    address = make_url(admin_url).set(username=role, password=password, database=database)
    return address.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def given(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the owners' addresses that the environment names, by database; empty when it names none.

    MINQING_INTAKE_DATABASE_URL and so on, for each database, or the same with _FILE naming a file that
    holds it: for commands that look after a suite that `minqing up` did not start.
    """
    found = {}
    for database in OWNERS:
        name = f"MINQING_{database.upper()}_DATABASE_URL"
        if file := environ.get(f"{name}_FILE"):
            found[database] = Path(file).read_text().strip()
        elif name in environ:
            found[database] = environ[name]
    return found


@contextmanager
def reached(url: str) -> Iterator[Engine]:
    """Give an engine for the database at `url`, and let go of everything afterwards."""
    engine = connect(url, pool=1)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    """Give a connection to the database at `url` in a transaction, and let go of everything afterwards."""
    with reached(url) as engine, engine.begin() as tx:
        yield tx


def _connect(admin_url: str, database: str | None = None) -> psycopg.Connection:
    address = make_url(admin_url).set(drivername="postgresql")
    address = address.set(database=database or address.database or "postgres")
    return psycopg.connect(address.render_as_string(hide_password=False), autocommit=True)


def _create_role(admin: psycopg.Connection, role: str, password: str) -> None:
    if not admin.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
        admin.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
    admin.execute(
        sql.SQL("alter role {} login password {}").format(sql.Identifier(role), sql.Literal(password))
    )


def _open_door(admin: psycopg.Connection, service: str) -> None:
    """Let the role of an API connect; the owner may do the same, and sees what it waits for."""
    names = {"door": sql.Identifier(f"{service}_door"), "service": sql.Identifier(service)}
    admin.execute(sql.SQL("grant connect on database {service} to {door}").format(**names))
    admin.execute(sql.SQL("grant {door} to {service}").format(**names))


def _create_database(admin: psycopg.Connection, database: str, owner: str) -> None:
    names = {"database": sql.Identifier(database), "owner": sql.Identifier(owner)}
    if not admin.execute("select 1 from pg_database where datname = %s", [database]).fetchone():
        admin.execute(sql.SQL("create database {database} owner {owner}").format(**names))
    admin.execute(sql.SQL("revoke all on database {database} from public").format(**names))


def _let_read_identity(admin: psycopg.Connection) -> None:
    admin.execute("grant connect on database identity to intake, routing")
    admin.execute(
        "alter default privileges for role oversight in schema public"
        " grant select on tables to intake, routing"
    )
