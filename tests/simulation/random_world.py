"""A world whose choices a seed makes: the same seed is the same world, for ever."""

import random
from collections.abc import Sequence

from tests.simulation.nemesis import FAULTS
from tests.simulation.world import (
    LIFE,
    Action,
    Broken,
    World,
    check,
    heal,
    listen,
    relay,
    retry,
    say,
    tick,
    turn,
)

OFTEN: tuple[Action, ...] = (say, say, *(listen, relay) * 6, tick, turn, retry, retry)


def live(seed: int, steps: int, faults: Sequence[Action] = FAULTS) -> World:
    """Let a world live for so many steps and heal it. Raises Broken, with its history, if need be."""
    world, chance = World(), random.Random(seed)
    actions = (*OFTEN, *LIFE, *faults)  # most of the time things go well, or nothing would get far
    try:
        for _ in range(steps):
            chance.choice(actions)(world, chance.randrange)
            check(world)
        heal(world)
    except Broken as broken:
        told = "\n".join(world.history)
        raise Broken(f"{told}\n\n{broken}\nseed {seed}, {steps} steps") from broken
    return world
