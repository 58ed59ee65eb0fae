"""Who strikes: every fault once in an order that a seed decides, alone or two at a time, with pauses."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from random import Random

import psycopg
import redis

from shared.bus import Down
from tests.faults import faults
from tests.faults.ground import NotPossible
from tests.faults.suite import Suite

Say = Callable[[str], None]
Hand = tuple[str, ...]  # faults that strike together
TOGETHER = 0.3  # of the faults that can, strike with another one
MISSED = (redis.RedisError, psycopg.OperationalError, Down)  # another fault was in the way: strike again
TRIES = 3


@dataclass
class Played:
    """How often each fault struck, and what was not possible here, with the reason."""

    struck: Counter[str] = field(default_factory=Counter)
    not_possible: dict[str, str] = field(default_factory=dict)


def deck(seed: int, names: Sequence[str], most: int | None = None) -> list[Hand]:
    """Every fault once (or the first `most`), shuffled; neighbours that can strike together sometimes do."""
    random = Random(f"deck {seed}")
    hands: list[Hand] = []
    for name in random.sample(names, len(names))[:most]:
        if hands and _joins(hands[-1], name) and random.random() < TOGETHER:
            hands[-1] = (*hands[-1], name)
        else:
            hands.append((name,))
    return hands


def _joins(hand: Hand, name: str) -> bool:
    return len(hand) == 1 and hand[0] in faults.LIGHT and name in faults.LIGHT


@dataclass(frozen=True)
class Nemesis:
    """Plays a deck against a suite. All that it chooses follows from the seed."""

    suite: Suite
    seed: int
    say: Say

    def play(self, hands: Sequence[Hand], pause: float = 1.5) -> Played:
        """Strike with one hand after the other; returns when all is healed."""
        played, random = Played(), Random(f"pauses {self.seed}")
        for hand in hands:
            time.sleep(random.uniform(0.2, 1) * pause)
            self.say(f"  {' + '.join(hand)}")
            striking = [self.suite.hands.submit(self._strike, name, played) for name in hand]
            wait(striking)
            for each in striking:
                each.result()
            self.suite.await_up()
        return played

    def _strike(self, name: str, played: Played) -> None:
        for attempt in range(TRIES):
            random = Random(f"{name} {self.seed}")
            try:
                faults.FAULTS[name](self.suite, random)
            except NotPossible as error:
                played.not_possible[name] = str(error)
            except MISSED as error:
                if attempt + 1 == TRIES:
                    raise
                self.say(f"    {name}: {str(error).splitlines()[0]}; again")
                time.sleep(1)
                continue
            else:
                played.struck[name] += 1
            return
