"""Everything breaks, nothing is lost; and with any one protection removed, the same check says so.

The long form is `make faults`. Here every fault strikes once that needs no ground of its own.
"""

from collections.abc import Iterator

import pytest

from tests.faults import suite as suites
from tests.faults.checker import COUNTS
from tests.faults.faults import LIGHT
from tests.faults.history import History
from tests.faults.sabotage import SABOTAGES
from tests.faults.storm import LIMIT, Storm
from tests.faults.suite import Suite

SEED = 1
# What brings each out, and the count that must show it.
BRINGS_OUT = {
    "no-dedup": ("duplicate",),
    "confirmed-on-publish": ("delete",),
    "named-exchange": ("redis-flushall",),
    "receipt-before-commit": ("kill-all-workers",),
    "no-hold": ("delete",),
    "relay-by-last-serial": ("late-commits",),
    "no-signature-check": ("forge-events",),
}
SHOWN = {
    "no-dedup": "duplicated",
    "confirmed-on-publish": "lost",
    "named-exchange": "unsettled",
    "receipt-before-commit": "lost",
    "no-hold": "lost",
    "relay-by-last-serial": "unsettled",
    "no-signature-check": "unexpected",
}


@pytest.fixture(scope="module")
def suite() -> Iterator[Suite]:
    with suites.begin() as begun:
        yield begun


@pytest.mark.timeout(600)
def test_while_everything_breaks_nothing_is_lost(suite: Suite) -> None:
    outcome = Storm(tuple(LIGHT), seconds=30, pause=0.5).rage(suite, SEED, print)
    assert outcome.played.struck.total() == len(LIGHT)
    assert {count: outcome.verdict.counts[count] for count in COUNTS} == dict.fromkeys(COUNTS, 0), (
        outcome.verdict.examples
    )
    assert outcome.settled <= LIMIT
    assert outcome.account.acknowledged > 500
    assert outcome.verdict.counts["quarantined"] > 0


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_removed_protection_is_found(suite: Suite, name: str) -> None:
    suite.renew(History(suite.data / f"{name}.jsonl"), name)
    outcome = Storm(BRINGS_OUT[name], seconds=4, pause=1, limit=8).rage(suite, SEED, print)
    assert outcome.verdict.counts[SHOWN[name]] > 0, outcome.verdict.counts
