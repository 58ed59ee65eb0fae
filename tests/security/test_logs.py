"""What people wrote is not in the log when something fails (S2, S14)."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from tests.world import NAMES, World


@pytest.mark.parametrize("name", NAMES)
def test_an_error_of_a_database_does_not_repeat_what_was_to_be_kept(world: World, name: str) -> None:
    given = world.services[name]
    for engine in (given.engine, given.identity):
        with pytest.raises(ProgrammingError) as failed, engine.begin() as tx:
            tx.execute(text("INSERT INTO nowhere VALUES (:words)"), {"words": "只说给接访员听"})
        assert "只说给接访员听" not in f"{failed.value!r} {failed.value}"
