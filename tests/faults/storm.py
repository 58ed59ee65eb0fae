"""One seed: clients work while the deck is played; then all is healed, settles, and is counted."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.faults import checker, clients, evidence, history, nemesis
from tests.faults.checker import Verdict
from tests.faults.history import REGISTER, Account
from tests.faults.nemesis import Nemesis, Played, Say
from tests.faults.suite import Suite

LIMIT = 60.0  # seconds after healing within which everything has to be confirmed


@dataclass(frozen=True)
class Outcome:
    """What a seed came to. `settled` is in seconds after the last fault was healed."""

    seed: int
    account: Account
    played: Played
    settled: float
    verdict: Verdict

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.verdict.clean

    def took(self) -> tuple[float, float]:
        """Median and 99th percentile of a POST that registers, in milliseconds."""
        seconds = self.account.seconds.get(REGISTER, ())
        if len(seconds) < 2:
            return 0.0, 0.0
        cuts = statistics.quantiles(seconds, n=100)
        return cuts[49] * 1000, cuts[98] * 1000


@dataclass(frozen=True)
class Storm:
    """Which faults, for how many seconds of load at least, which pauses; how long to wait for rest.

    `each` is how many of the faults strike; None: all.
    """

    names: Sequence[str]
    seconds: float
    each: int | None = None
    pause: float = 1.5
    limit: float = LIMIT

    def rage(self, suite: Suite, seed: int, say: Say) -> Outcome:
        """Let it rage over a suite that is new or renewed."""
        end = time.monotonic() + self.seconds
        with clients.at_work(suite, seed):
            time.sleep(self.pause)
            played = Nemesis(suite, seed, say).play(nemesis.deck(seed, self.names, self.each), self.pause)
            time.sleep(max(2 * self.pause, end - time.monotonic()))
            healed = time.monotonic()
        settled = _wait(suite.settled, healed + self.limit) - healed
        account = history.read(suite.history.path.read_text().splitlines())
        verdict = checker.judge(account, evidence.gather(suite.query))
        return Outcome(seed, account, played, settled, verdict)


def _wait(condition: Callable[[], bool], deadline: float) -> float:
    """The moment when the condition held, or when it had not until the deadline."""
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.2)
    return time.monotonic()
