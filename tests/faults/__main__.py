"""`python -m tests.faults` (`make faults`): break everything, then count. Ends with 1 if any count is not 0.

For each seed a suite of its own is started, loaded and struck with every fault, alone or two at a time;
the seed decides in which order, where and for how long, so a seed that failed can be played again. In the
long form, `SEEDS=50 EACH=12 make faults`, each seed plays as many of them as EACH says, chosen by the seed:
more worlds in the same time.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

import click

from tests.faults import ground
from tests.faults import suite as suites
from tests.faults.checker import COUNTS, REPORTED
from tests.faults.faults import FAULTS
from tests.faults.sabotage import SABOTAGES
from tests.faults.storm import Outcome, Storm

WIDTH = 22


@click.command()
@click.option("--seeds", default=3, envvar="SEEDS", show_default=True, help="How many: 1, 2, 3 …")
@click.option("--seed", type=int, help="Only this one.")
@click.option("--each", type=int, envvar="EACH", help="Faults for each seed  [all]")
@click.option("--seconds", default=60.0, envvar="SECONDS_EACH", show_default=True, help="Of load, at least.")
@click.option("--only", default="", help=f"Some faults, with commas between: {', '.join(FAULTS)}.")
@click.option("--sabotage", type=click.Choice(list(SABOTAGES)), help="Remove one protection; must fail.")
def main(
    seeds: int, seed: int | None, each: int | None, seconds: float, only: str, sabotage: str | None
) -> None:
    """Break everything, then count."""
    names = [name for name in only.split(",") if name] or list(FAULTS)
    if unknown := set(names) - set(FAULTS):
        raise click.BadParameter(f"unknown: {', '.join(sorted(unknown))}", param_hint="--only")
    _take_ground()
    storm = Storm(names, seconds, each)
    chosen = range(1, seeds + 1) if seed is None else (seed,)
    outcomes = [_play(storm, n, sabotage) for n in chosen]
    _table(outcomes)
    if not all(outcome.clean for outcome in outcomes):
        sys.exit(1)


def _take_ground() -> None:
    """Network and mounts of our own, where that is possible; where not, each fault says what it lacked."""
    try:
        ground.take()
    except ground.NotPossible as error:
        click.echo(f"not possible here: {error}")


def _play(storm: Storm, seed: int, sabotage: str | None) -> Outcome:
    outcomes: list[Outcome] = []
    with suites.begin(sabotage, keep=lambda: not all(o.clean for o in outcomes) or not outcomes) as suite:
        say = _since(time.monotonic())
        say(f"seed {seed}: {suite.data}")
        outcomes.append(storm.rage(suite, seed, say))
        _tell(outcomes[0], say)
        if not outcomes[0].clean:
            say(f"seed {seed} FAILED; its logs and databases stay in {suite.data}")
    return outcomes[0]


def _since(began: float) -> Callable[[str], None]:
    def say(what: str) -> None:
        click.echo(f"{time.monotonic() - began:7.1f} s  {what}")

    return say


def _tell(outcome: Outcome, say: Callable[[str], None]) -> None:
    say(f"settled {outcome.settled:.1f} s after healing; {outcome.account.acknowledged} acknowledged")
    for count, examples in outcome.verdict.examples.items():
        for example in examples:
            say(f"  {count}: {example}")
    for name, why in outcome.played.not_possible.items():
        say(f"  {name}: not possible here: {why}")


def _table(outcomes: Sequence[Outcome]) -> None:
    """A column for each seed and one for all."""
    struck = sum((outcome.played.struck for outcome in outcomes), Counter[str]())
    _row("seed", [str(outcome.seed) for outcome in outcomes], "all")
    _sums("acknowledged", [outcome.account.acknowledged for outcome in outcomes])
    for count in (*COUNTS, *REPORTED):
        _sums(count, [outcome.verdict.counts[count] for outcome in outcomes])
    settled = [f"{outcome.settled:.1f}" for outcome in outcomes]
    _row("settled, s", settled, f"{max(outcome.settled for outcome in outcomes):.1f}")
    for place, name in enumerate(("POST p50, ms", "POST p99, ms")):
        took = [outcome.took()[place] for outcome in outcomes]
        _row(name, [f"{each:.0f}" for each in took], f"{max(took):.0f}")
    for name in FAULTS:
        if name in struck:
            _sums(name, [outcome.played.struck[name] for outcome in outcomes])
    _sums("faults", [outcome.played.struck.total() for outcome in outcomes])


def _sums(name: str, values: Sequence[int]) -> None:
    _row(name, [str(value) for value in values], str(sum(values)))


def _row(name: str, values: Sequence[str], all_: str) -> None:
    shown = values if len(values) <= 10 else []
    click.echo(f"{name:{WIDTH}}" + "".join(f"{value:>9}" for value in (*shown, all_)))


if __name__ == "__main__":
    main()
