"""One PostgreSQL and one Redis for the whole run; an empty suite for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.minqing import servers
from deploy.minqing.servers import Servers
from shared import keyring, migrations
from tests.world import World


@pytest.fixture(scope="session")
def running() -> Iterator[Servers]:
    """The servers, with migrated databases."""
    with servers.temporary() as started:
        started.create_databases()
        for database, role in (("identity", "oversight"), *((name, name) for name in keyring.SERVICES)):
            migrations.upgrade(database, started.url(role, database))
        yield started


@pytest.fixture(scope="session")
def shared_world(running: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The services, made once: their engines and applications are reused."""
    place: Path = tmp_path_factory.mktemp("suite")
    keyring.create(place / "secrets")
    made = World(running, place / "secrets", place / "clock")
    yield made
    made.close()


@pytest.fixture
def world(shared_world: World) -> World:
    """The whole suite, empty."""
    shared_world.empty()
    shared_world.__dict__.pop("workers", None)
    return shared_world
