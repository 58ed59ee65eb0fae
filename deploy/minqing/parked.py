"""`minqing parked`: events that a service could not apply, with their reason; retried, or given up by two."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import orjson
from sqlalchemy import Connection

from deploy.minqing import databases, decider, options
from deploy.minqing.trouble import Trouble, say
from shared import inbox
from shared.problems import Problem


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
        if row.asked_by:
            asked = f"{row.asked_by}：{row.discard_reason}"
            say(f"  申请丢弃，待另一人确认 {asked}", f"to be discarded, asked by {row.asked_by}")
    if not found:
        say("没有搁置的事件", "No event is parked")


@parked.command()
@options.data
@click.argument("event")
def show(data: Path, event: str) -> None:
    """显示一个事件的全部内容 | show one with all it says."""
    service, row = _one(data, event)
    content = {"service": service} | {str(name): value for name, value in row._mapping.items()}
    click.echo(orjson.dumps(content, default=str, option=orjson.OPT_INDENT_2).decode())


@parked.command()
@options.data
@click.argument("event", required=False)
@click.option("--all", "every", is_flag=True, help="全部搁置的事件 | all that are parked")
@click.option("--reason", help="只限此原因，如 handler-error | only those parked for this reason")
def retry(data: Path, event: str | None, reason: str | None, *, every: bool) -> None:
    """重新处理一个或全部事件 | have one applied again, or all; their services do so within a second."""
    if (event is None) != every:
        raise Trouble("请指定一个事件编号，或 --all", "Name one event, or --all")
    chosen = _all(data) if event is None else iter([_one(data, event)])
    chosen = (each for each in chosen if reason in (None, each[1].reason))
    opened = [_retry(data, service, str(row.event_id)) for service, row in chosen]
    say(f"将重新处理 {len(opened)} 个事件", f"{len(opened)} events will be applied again")


@parked.command()
@options.data
@click.argument("event")
@click.option("--reason", required=True, help="为什么丢弃 | why it is given up")
@decider.key
def discard(data: Path, event: str, reason: str, key: str) -> None:
    """申请丢弃一个事件（须另一人确认） | ask to give one up; another person has to confirm (S17)."""
    service, _ = _one(data, event)
    person = decider.person(data, key)
    if not reason.strip():
        raise Trouble("请写明原因", "Say why")
    with _open(data, service) as tx:
        inbox.ask_to_discard(tx, event, reason.strip(), person)
    say(
        f"已申请。请另一位督查人员运行：minqing parked confirm {event}",
        f"Asked. Another supervisor runs: minqing parked confirm {event}",
    )


@parked.command()
@options.data
@click.argument("event")
@decider.key
def confirm(data: Path, event: str, key: str) -> None:
    """确认丢弃另一人申请的事件 | give up what another person asked to give up."""
    service, _ = _one(data, event)
    with _open(data, service) as tx:
        inbox.confirm_discard(tx, event, decider.person(data, key))
    say(f"{event} 已丢弃，其后的事件继续处理", f"{event} is given up; what waits behind it goes on")


def _all(data: Path) -> Iterator[tuple[str, Any]]:
    for service in databases.SERVICES:
        with _open(data, service) as tx:
            found = inbox.parked(tx)
        yield from ((service, row) for row in found)


def _one(data: Path, event: str) -> tuple[str, Any]:
    for service, row in _all(data):
        if str(row.event_id) == event:
            return service, row
    raise Trouble(f"没有搁置的事件 {event}", f"No parked event {event}")


def _retry(data: Path, service: str, event: str) -> bool:
    with _open(data, service) as tx:
        return inbox.retry(tx, event)


@contextmanager
def _open(data: Path, service: str) -> Iterator[Connection]:
    """A transaction on a service's database. A refusal of the inbox is told to the person at the keyboard."""
    try:
        with databases.opened(options.database_url(data, service)) as tx:
            yield tx
    except Problem as problem:
        raise Trouble(problem.zh, problem.en) from problem
