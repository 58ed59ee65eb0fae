"""The tables that migrations make are those that the code describes."""

from collections.abc import Sequence
from importlib import import_module

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, Table, text

from shared import heartbeat, idempotency, incarnation, migrations, outbox, reconcile
from shared.inbox import tables
from tests.world import World

DELIVERY = (
    outbox.OUTBOX,
    tables.INBOX,
    tables.POSITION,
    tables.QUARANTINE,
    tables.DISCARD,
    heartbeat.HEARTBEAT,
    incarnation.INCARNATION,
    reconcile.DIVERGENCE,
)
SHARED = {
    "intake": (*DELIVERY, idempotency.REQUEST),
    "routing": (*DELIVERY, idempotency.REQUEST),
    "oversight": DELIVERY,
    "identity": (),
}
OWN = {
    "intake": "services.intake.store.tables",
    "routing": "services.routing.store.tables",
    "oversight": "services.oversight.store.tables",
    "identity": "shared.identity.tables",
}
SQL_ONLY = {
    "alembic_version",
    "stream_head",
    "notice_sequence",
    "milestone",
}  # only statements written in SQL use them


def _described(database: str) -> Sequence[Table]:
    return [*SHARED[database], *import_module(OWN[database]).METADATA.tables.values()]


def _engine(world: World, database: str) -> Engine:
    return world.services["oversight"].identity if database == "identity" else world.services[database].engine


def _differences(engine: Engine, tables: Sequence[Table]) -> list[object]:
    metadata = MetaData()
    for table in tables:
        table.to_metadata(metadata)
    options = {
        "include_name": lambda name, kind, _: kind != "table" or name not in SQL_ONLY,
        "include_object": lambda _, __, kind, *___: kind in ("table", "column"),
    }
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


@pytest.mark.parametrize("database", SHARED)
def test_the_tables_in_the_database_are_those_in_the_code(world: World, database: str) -> None:
    assert _differences(_engine(world, database), _described(database)) == []


def test_a_difference_would_be_seen(world: World) -> None:
    tables = _described("intake")
    engine = _engine(world, "intake")
    assert _differences(engine, tables[1:])
    with engine.begin() as tx:
        tx.execute(text("ALTER TABLE step ADD COLUMN extra text"))
    try:
        assert _differences(engine, tables)
    finally:
        with engine.begin() as tx:
            tx.execute(text("ALTER TABLE step DROP COLUMN extra"))


@pytest.mark.parametrize("database", SHARED)
def test_migrating_again_changes_nothing(world: World, database: str) -> None:
    owner = "oversight" if database == "identity" else database
    migrations.upgrade(database, world.servers.url(owner, database))
    assert _differences(_engine(world, database), _described(database)) == []
