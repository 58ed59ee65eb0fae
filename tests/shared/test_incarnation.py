"""Which life of the databases this is."""

from shared import incarnation
from tests.world import World


def test_a_database_is_born_in_its_first_life_and_may_begin_another(world: World) -> None:
    with world.services["intake"].engine.connect() as tx:
        assert incarnation.get(tx) == 1
        incarnation.put(tx, 7)
        assert incarnation.get(tx) == 7
        tx.rollback()
