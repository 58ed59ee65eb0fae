"""`minqing outbox`: what each service has said and nobody has confirmed yet, and whether its worker lives."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from deploy.minqing import databases, options
from shared import contracts, heartbeat
from shared import outbox as rows

COLUMNS = {
    "service": "服务",
    "to": "去向",
    "pending": "待发",
    "sent": "已发",
    "parked": "搁置",
    "oldest_unconfirmed_seconds": "最久 s",
    "attempts": "次数",
    "worker_seconds": "心跳 s",
}


@click.command()
@options.data
@click.option("--json", "as_json", is_flag=True, help="以 JSON 输出 | as JSON")
def outbox(data: Path, *, as_json: bool) -> None:
    """查看未确认的消息 | what was said and is not confirmed, by destination."""
    lines = [line for service in databases.SERVICES for line in _lines(data, service)]
    if as_json:
        click.echo(json.dumps(lines, indent=1))
        return
    english = [name.removesuffix("_unconfirmed_seconds").removesuffix("_seconds") for name in COLUMNS]
    for words in (COLUMNS.values(), english, *(map(_shown, line.values()) for line in lines)):
        click.echo("".join(f"{word:<12}" for word in words).rstrip())


def _lines(data: Path, service: str) -> Iterator[dict[str, Any]]:
    with databases.opened(options.database_url(data, service)) as connection:
        found = rows.waiting(connection, contracts.readers_of(service))
        seconds = heartbeat.ages(connection).get("worker")
    for dest, waiting in found.items():
        line = {"service": service, "to": dest, **waiting, "worker_seconds": seconds}
        yield {name: line[name] for name in COLUMNS}


def _shown(value: float | str | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.0f}"
