"""`minqing parked`: events that a service could not apply, with their reason."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson
from sqlalchemy import Engine

from deploy.minqing import databases, options
from deploy.minqing.trouble import Trouble, say
from shared import database, inbox


@click.group()
def parked() -> None:
    """搁置的事件 | events that could not be applied."""


@parked.command("list")
@options.data
def list_(data: Path) -> None:
    """列出搁置的事件及原因 | list them, the oldest first, with the reason."""
    found = list(_all(data))
    for service, row in found:
        click.echo(f"{row.event_id}  {service}  {row.type}  {row.subject}  {row.reason}  {row.error}")
    if not found:
        say("没有搁置的事件", "No event is parked")


@parked.command()
@options.data
@click.argument("event")
def show(data: Path, event: str) -> None:
    """显示一个事件的全部内容 | show one with all it says."""
    service, row = _one(data, event)
    content = {"service": service, **row._mapping}
    click.echo(orjson.dumps(content, default=str, option=orjson.OPT_INDENT_2).decode())


@parked.command()
@options.data
@click.argument("event")
def retry(data: Path, event: str) -> None:
    """重新处理一个事件 | have it applied again; its service does so within a second."""
    service, _ = _one(data, event)
    with _engine(data, service).begin() as tx:
        inbox.retry(tx, event)
    say(f"{service} 将重新处理 {event}", f"{service} will apply {event} again")


def _all(data: Path) -> Iterator[tuple[str, Any]]:
    for service in databases.SERVICES:
        with _engine(data, service).connect() as connection:
            for row in inbox.parked(connection):
                yield service, row


def _one(data: Path, event: str) -> tuple[str, Any]:
    for service, row in _all(data):
        if str(row.event_id) == event:
            return service, row
    raise Trouble(f"没有搁置的事件 {event}", f"No parked event {event}")


def _engine(data: Path, service: str) -> Engine:
    return database.connect(options.database_url(data, service), pool=1)
