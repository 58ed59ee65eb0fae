"""Signs of life."""

from shared import heartbeat
from tests.world import World


def test_a_sign_of_life_is_as_old_as_the_last_one_given(world: World) -> None:
    service = world.services["routing"]
    with service.transaction() as tx:
        assert heartbeat.ages(tx) == {}
        heartbeat.beat(tx, "worker")
    with service.transaction() as tx:
        heartbeat.beat(tx, "worker")
        assert heartbeat.ages(tx) == {"worker": 0.0}
