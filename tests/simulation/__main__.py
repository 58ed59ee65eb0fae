"""`python -m tests.simulation`: random worlds from seeds, each the same for ever.

`--seed N --steps M` runs one world and tells its history; `--worlds K` runs K of them from that seed on and
says how fast; `--without "no hold"` removes a protection, to see what happens then.
"""

import sys
import time
from contextlib import nullcontext

import click

from tests.simulation import mutants, random_world
from tests.simulation.mutants import MUTANTS
from tests.simulation.nemesis import FAULTS
from tests.simulation.world import Broken


@click.command()
@click.option("--seed", default=0, show_default=True, help="第一个世界的种子 | The seed of the first world.")
@click.option("--steps", default=200, show_default=True, help="每个世界的步数 | Steps of each world.")
@click.option("--worlds", default=1, show_default=True, help="世界数 | How many worlds.")
@click.option("--without", type=click.Choice(list(MUTANTS)), help="去掉一项保护 | Remove a protection.")
def main(seed: int, steps: int, worlds: int, without: str | None) -> None:
    """随机世界 | Random worlds: ends with 1 and the history as soon as a promise breaks."""
    faults = MUTANTS[without].faults if without else FAULTS
    started = time.monotonic()
    with mutants.removed(MUTANTS[without]) if without else nullcontext():
        for each in range(seed, seed + worlds):
            try:
                world = random_world.live(each, steps, faults)
            except Broken as broken:
                sys.exit(str(broken))
    if worlds == 1:
        click.echo("\n".join(world.history))
    rate = worlds / (time.monotonic() - started)
    click.echo(f"{worlds} 个世界无一出错 | worlds, none broken; {rate:.0f}/s")


if __name__ == "__main__":
    main()
