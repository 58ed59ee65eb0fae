"""`minqing outbox`: what each service has said and nobody has confirmed yet, and whether its worker lives."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from deploy.minqing import databases, options
from shared import contracts, database, heartbeat
from shared import outbox as rows

HEAD = ("service", "to", "pending", "sent", "parked", "discarded", "oldest s", "tries", "worker s")
NAMES = ("服务", "去向", "待发", "已发", "搁置", "丢弃", "最久 秒", "次数", "心跳 秒")


@click.command()
@options.data
@click.option("--json", "as_json", is_flag=True, help="以 JSON 输出 | as JSON")
def outbox(data: Path, *, as_json: bool) -> None:
    """查看未确认的消息 | what was said and is not confirmed, by destination."""
    found = [line for service in databases.SERVICES for line in _lines(data, service)]
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    for line in (NAMES, HEAD, *([_shown(value) for value in each.values()] for each in found)):
        click.echo("".join(f"{word:<12}" for word in line).rstrip())


def _lines(data: Path, service: str) -> Iterator[dict[str, Any]]:
    engine = database.connect(options.database_url(data, service), pool=1)
    with engine.connect() as connection:
        lives = heartbeat.ages(connection).get("worker")
        for row in rows.by_destination(connection, contracts.readers_of(service)):
            yield {"service": service, **row._mapping, "worker_seconds": lives}
    engine.dispose()


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if isinstance(value, float) else str(value)
