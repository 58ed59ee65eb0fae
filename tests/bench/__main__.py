"""`make bench`: what registering costs beside a bare INSERT, and how fast grievances get their deadlines.

Prints figures of this machine, which clients and servers share; asserts nothing about them.
"""

import os
import platform
import statistics
import time
from collections.abc import Sequence

import click

from tests.bench import load, stage
from tests.bench.load import Result
from tests.bench.stage import Stage

ROUNDS = 3
SECONDS = 3  # of each round
SUSTAINED = 10  # seconds of registering while the workers run


def main() -> None:
    """Raise the stage, measure, print."""
    with stage.raised() as made:
        cores = len(os.sched_getaffinity(0))
        click.echo(f"{cores} cores, Python {platform.python_version()}, client {load.CLIENT}, fsync on")
        compare(made)
        backlog = made.registered()
        with made.workers():
            drain(made, backlog)
            sustain(made, backlog)


def compare(made: Stage) -> None:
    """The bare application and ours in turn, so that whatever else the machine does meets both alike."""
    for target in (made.bare, made.register):  # connections, statements and caches that later runs find made
        target.run("warm-", seconds=3)
    rounds = [
        (made.bare.run(f"{n}-", seconds=SECONDS), made.register.run(f"{n}-", seconds=SECONDS))
        for n in range(ROUNDS)
    ]
    _say("bare Flask, one INSERT and COMMIT", [plain for plain, _ in rounds])
    _say("POST /v1/grievances", [ours for _, ours in rounds])
    ratio = statistics.median(ours.rate / plain.rate for plain, ours in rounds)
    click.echo(f"{'ratio':36}{ratio:7.2f}")


def drain(made: Stage, backlog: int) -> None:
    """How fast workers that were just started catch up with what was registered without them."""
    began = made.await_watched(1)
    first = made.watched()
    seconds = made.await_watched(backlog) - began
    click.echo(f"{f'backlog of {backlog} to deadlines':36}{(backlog - first) / seconds:7.0f}/s")
    _say_confirmed(made, backlog, began)


def sustain(made: Stage, backlog: int) -> None:
    """How fast grievances come in and get their deadlines while everything runs."""
    began = time.monotonic()
    registered = made.register.run("sustained-", seconds=SUSTAINED)
    _say("registering, workers running", [registered])
    total = made.registered()
    seconds = made.await_watched(total) - began
    click.echo(f"{'from the first to all deadlines':36}{(total - backlog) / seconds:7.0f}/s")
    _say_confirmed(made, total - backlog, began)


def _say_confirmed(made: Stage, number: int, began: float) -> None:
    seconds = made.await_confirmed() - began
    click.echo(f"{'and back to the petitioner, confirmed':36}{number / seconds:7.0f}/s")


def _say(what: str, results: Sequence[Result]) -> None:
    rate, p50, p99 = (
        statistics.median(getattr(result, name) for result in results) for name in ("rate", "p50", "p99")
    )
    failed = sum(result.failed for result in results)
    click.echo(f"{what:36}{rate:7.0f}/s  p50 {p50:.0f} ms  p99 {p99:.0f} ms  failed {failed}")


if __name__ == "__main__":
    main()
