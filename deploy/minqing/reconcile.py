"""`minqing reconcile`: whether every reader has heard what was said to it, event by event."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import orjson
from sqlalchemy import Connection

from deploy.minqing import databases, options
from deploy.minqing.trouble import say
from shared import contracts, database, reconcile
from shared.reconcile import Difference, Place

SHOWN = 20  # single events of one kind that are shown for a day; --json has all

PAIRS = [(source, reader) for source in databases.SERVICES for reader in contracts.readers_of(source)]

# What is wrong with an event, in the words people read.
WRONG = {
    "unheard": ("已回执，收方却没有", "receipted, but the reader has not heard it"),
    "unsaid": ("收方有，发方从未说过", "the reader has it, but its source never said it"),
    "altered": ("两边内容不同", "does not say the same on both sides"),
}


@dataclass(frozen=True)
class Pair:
    """A source and one of its readers, with what was found: up to which moment, how many, what differs."""

    source: str
    reader: str
    until: datetime
    agreeing: int
    unsettled: int
    differences: dict[date, Difference]


@click.command("reconcile")
@options.data
@click.option("--days", default=reconcile.DAYS, show_default=True, type=click.IntRange(1, 400))
@click.option("--json", "as_json", is_flag=True, help="以 JSON 输出 | as JSON")
@click.option("--send-again", is_flag=True, help="重发收方没有的事件 | send again what was not heard")
def command(data: Path, days: int, *, as_json: bool, send_again: bool) -> None:
    """逐日核对各服务之间的事件 | compare what was said with what was heard, day by day (UTC).

    有不一致时退出码为 1。 | Exits with 1 if anything differs.
    """
    pairs = list(compare(data, days, send_again=send_again))
    if as_json:
        report = {"agree": not any(pair.differences for pair in pairs), "pairs": [_plain(p) for p in pairs]}
        click.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
    else:
        for pair in pairs:
            _show(pair, sent=send_again)
    if any(pair.differences for pair in pairs):
        raise SystemExit(1)


def compare(data: Path, days: int, *, send_again: bool) -> Iterator[Pair]:
    """Compare every source with every reader, and note in the reader's database what was found."""
    engines = {
        name: database.connect(options.database_url(data, name), pool=1) for name in databases.SERVICES
    }
    for source, reader in PAIRS:
        with engines[source].begin() as telling, engines[reader].begin() as hearing:
            pair = _compared(source, telling, reader, hearing, days)
            for found in pair.differences.values() if send_again else ():
                reconcile.send_again(telling, reader, found.unheard)
        yield pair
    for engine in engines.values():
        engine.dispose()


def _compared(source: str, telling: Connection, reader: str, hearing: Connection, days: int) -> Pair:
    until = reconcile.limit(telling)
    agreeing = unsettled = 0
    differences: dict[date, Difference] = {}
    for day in reconcile.days(until, days):
        said = reconcile.said(telling, reader, day, until)
        heard = reconcile.without(reconcile.heard(hearing, source, day, until), said.unsettled)
        found = reconcile.difference(said.settled, heard)
        reconcile.note(
            hearing, source, day, said=reconcile.summary(said.settled), heard=reconcile.summary(heard)
        )
        if found:
            differences[day] = found
        agreeing += len(said.settled) - len(found.unheard) - len(found.altered)
        unsettled += len(said.unsettled)
    return Pair(source, reader, until, agreeing, unsettled, differences)


def _plain(pair: Pair) -> dict[str, Any]:
    """Return a pair as JSON's values."""
    differences = {day.isoformat(): asdict(found) for day, found in pair.differences.items()}
    return asdict(pair) | {"differences": differences}


def _show(pair: Pair, *, sent: bool) -> None:
    say(
        f"{pair.source} → {pair.reader}  一致 {pair.agreeing}，在途 {pair.unsettled}，"
        f"不一致 {len(pair.differences)} 天",
        f"{pair.agreeing} agree, {pair.unsettled} under way, {len(pair.differences)} days differ",
    )
    for day, found in pair.differences.items():
        for name, (zh, en) in WRONG.items():
            _show_places(day, getattr(found, name), f"{zh} | {en}")
        if sent and found.unheard:
            say("  收方没有的事件将立即重发", "What was not heard is sent again at once")


def _show_places(day: date, places: tuple[Place, ...], wrong: str) -> None:
    for number, sequence in places[:SHOWN]:
        click.echo(f"  {day}  {number} #{sequence}  {wrong}")
    if len(places) > SHOWN:
        say(f"  …… 另有 {len(places) - SHOWN} 件，见 --json", "and more of these: --json has all")
