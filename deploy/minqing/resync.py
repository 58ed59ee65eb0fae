"""`minqing resync`: after a database was restored to an earlier point, its services agree again.

For every pair of source and reader, what the source said (outbox, stream_head) is compared with how far
the reader has heard (stream_position). The reader may be behind: what it forgot is said again. The source
may be behind: its numbers of the lost future are used up, and what was heard from there is listed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
import orjson
from sqlalchemy import Connection, text

from deploy.minqing import databases, options
from deploy.minqing.trouble import Trouble, say
from shared import contracts, heartbeat, incarnation

QUIET = 20  # seconds without a sign of life after which a worker has stopped
POSITIONS = text("SELECT subject, n FROM stream_position WHERE source = :source AND n > 0")
PARKED = text("SELECT event_id FROM inbox WHERE source = :source AND status = 'parked'")
HEARD = "SELECT * FROM unnest(CAST(:subjects AS text[]), CAST(:numbers AS int[])) AS heard (subject, n)"

# What counts as done and is not: the reader has not come so far, and has not parked it either.
REOPEN = text(
    f"""
    WITH heard AS ({HEARD})
    UPDATE outbox AS o SET state = 'sent', next_at = now(), confirmed_at = NULL, park_reason = NULL
    WHERE dest = :dest AND state IN ('confirmed', 'discarded', 'parked')
    AND event_id <> ALL(CAST(:parked AS uuid[]))
    AND sequence > coalesce((SELECT n FROM heard WHERE heard.subject = o.subject), 0)
    RETURNING subject, sequence, type
    """  # nosec B608 - our own text
)
BEHIND = text(
    f"""
    WITH heard AS ({HEARD})
    SELECT subject, heard.n, coalesce(head.n, 0) AS said FROM heard
    LEFT JOIN (SELECT * FROM stream_head WHERE dest = :dest) AS head USING (subject)
    WHERE heard.n > coalesce(head.n, 0) ORDER BY subject
    """  # nosec B608 - our own text
)
LIFT = text(
    f"""
    INSERT INTO stream_head AS head (dest, subject, n) SELECT :dest, subject, n FROM ({HEARD}) AS heard
    ON CONFLICT (dest, subject) DO UPDATE SET n = greatest(head.n, excluded.n)
    """  # nosec B608 - our own text
)
LOST = text(
    f"""
    SELECT i.subject, i.sequence, i.type, i.event_id, i.said_at FROM inbox AS i
    JOIN ({HEARD}) AS said USING (subject)
    WHERE i.source = :source AND i.sequence > said.n ORDER BY i.subject, i.sequence
    """  # nosec B608 - our own text
)
# Numbers of grievances that a reader knows were given to somebody, and are not given again.
HIGHEST = text("SELECT coalesce(max(split_part(subject, '-', 2)::bigint), 0) FROM stream_position")
LIFT_NUMBERS = text("SELECT setval('grievance_sequence', :n) FROM grievance_sequence WHERE last_value < :n")


@dataclass
class Pair:
    """What was found between a source and its reader: events to be said again, and heard from lost future."""

    source: str
    reader: str
    reopened: list[dict[str, Any]] = field(default_factory=list)
    lifted: int = 0
    lost: list[dict[str, Any]] = field(default_factory=list)


@click.command()
@options.data
@click.option(
    "--leap",
    default=0,
    type=click.IntRange(0),
    help="跳过的编号数：恢复点之后发出过、已不可知的 | numbers to leave out, which may have been given out",
)
@click.option("--json", "as_json", is_flag=True, help="以 JSON 输出 | as JSON")
def resync(data: Path, leap: int, *, as_json: bool) -> None:
    """单独恢复某个数据库后，使各服务的进度一致 | after one database was restored: services agree again.

    运行前先停止各服务。 | Stop the services first.
    """
    found = {service: options.database_url(data, service) for service in databases.SERVICES}
    _require_stopped(found)
    life = begin(found)
    pairs = run(found)
    if leap:
        lift_numbers(found["intake"], highest(found) + leap)
    if as_json:
        click.echo(orjson.dumps({"incarnation": life, "pairs": list(map(asdict, pairs))}).decode())
        return
    report(pairs)
    say(f"新的世代号 {life}：此前在途的消息不再接收", f"Incarnation {life}: what was on its way is not heard")


def _require_stopped(urls: Mapping[str, str]) -> None:
    """Refuse while a worker works: it would go on in the life before, and its partners not hear it."""
    for service, url in urls.items():
        with databases.opened(url) as tx:
            seconds = heartbeat.ages(tx).get("worker", QUIET)
        if seconds < QUIET:
            raise Trouble(
                f"{service} 的后台进程还在工作。请先停止各服务，{QUIET} 秒后再试",
                f"The worker of {service} works. Stop the services and try again after {QUIET} s",
            )


def report(pairs: list[Pair]) -> None:
    """Say what was found, pair by pair."""
    for pair in pairs:
        say(
            f"{pair.source} → {pair.reader}：重发 {len(pair.reopened)} 条，"
            f"已失去的未来中听到 {len(pair.lost)} 条",
            f"{len(pair.reopened)} to be said again, {len(pair.lost)} heard from a future that was lost",
        )
        for event in pair.lost:
            click.echo(f"  {event['subject']}  {event['sequence']}  {event['type']}  {event['said_at']}")


def begin(urls: Mapping[str, str]) -> int:
    """Begin another life of the databases: raise the incarnation to the same new number in all; return it."""
    known = []
    for url in urls.values():
        with databases.opened(url) as tx:
            known += [incarnation.get(tx), int(tx.execute(NOW).scalar_one())]
    life = max(known) + 1
    for url in urls.values():
        with databases.opened(url) as tx:
            incarnation.put(tx, life)
    return life


NOW = text("SELECT extract(epoch FROM now())::bigint")


def run(urls: Mapping[str, str]) -> list[Pair]:
    """Compare and mend every pair of source and reader, and keep numbers from being given twice."""
    pairs = [_pair(urls, source, reader) for source, reader in links()]
    lift_numbers(urls["intake"], highest(urls))
    return pairs


def highest(urls: Mapping[str, str]) -> int:
    """Return the highest running number of a grievance that any service has heard of."""
    found = []
    for url in urls.values():
        with databases.opened(url) as tx:
            found.append(int(tx.execute(HIGHEST).scalar_one()))
    return max(found)


def links() -> Iterator[tuple[str, str]]:
    """Every source with each of its readers."""
    return ((source, reader) for source in contracts.ROUTES for reader in contracts.readers_of(source))


def lift_numbers(url: str, highest: int) -> None:
    """Let intake's next number be higher than this."""
    if highest:
        with databases.opened(url) as tx:
            tx.execute(LIFT_NUMBERS, {"n": highest})


def _pair(urls: Mapping[str, str], source: str, reader: str) -> Pair:
    found = Pair(source, reader)
    with databases.opened(urls[reader]) as heard, databases.opened(urls[source]) as said:
        position = _arrays(heard.execute(POSITIONS, {"source": source}).all())
        parked = list(heard.execute(PARKED, {"source": source}).scalars())
        of_reader = {"dest": reader}
        again = said.execute(REOPEN, {**position, **of_reader, "parked": parked})
        found.reopened = [dict(row._mapping) for row in again]
        behind = said.execute(BEHIND, {**position, **of_reader}).all()
        found.lifted = len(behind)
        said.execute(LIFT, {**_arrays((row.subject, row.n) for row in behind), **of_reader})
        found.lost = _lost(heard, source, _arrays((row.subject, row.said) for row in behind))
    return found


def _lost(heard: Connection, source: str, said: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in heard.execute(LOST, {**said, "source": source})]


def _arrays(rows: Any) -> dict[str, list[Any]]:
    """Pairs of a subject and a number, as parameters of HEARD."""
    pairs = list(rows)
    return {"subjects": [subject for subject, _ in pairs], "numbers": [n for _, n in pairs]}
