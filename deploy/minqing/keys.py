"""`minqing keys`: access keys for the services' HTTP interfaces."""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Engine

from deploy.minqing import databases, options, suite
from deploy.minqing.trouble import Trouble, say
from shared import county, identity
from shared.identity import model

YEAR = 365


@click.group()
def keys() -> None:
    """访问密钥 | access keys."""


DAYS = click.option(
    "--days", default=YEAR, type=click.IntRange(1, YEAR), help="有效天数 | days until it expires"
)


def holder(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what says whose key it is and what it may do, and give the command a `caller`."""

    @click.argument("role", type=click.Choice(identity.KEY_ROLES))
    @click.argument("body", required=False)
    @click.option("--scope", "scopes", multiple=True, type=click.Choice(model.SCOPES), help="权限 | scopes")
    @functools.wraps(command)
    def with_holder(*, role: str, body: str | None, scopes: tuple[str, ...], **given: Any) -> Any:
        return command(caller=replace(_caller(role, body), scopes=scopes or None), **given)

    return with_holder


@keys.command("issue")
@options.data
@holder
@click.option("--label", default="", help="用途说明 | what it is for")
@DAYS
def issue_(data: Path, caller: identity.Caller, label: str, days: int) -> None:
    """签发密钥（只显示一次） | issue a key; it is shown once. BODY: a department, or a clerk's office."""
    expires = datetime.now(UTC) + timedelta(days=days)
    click.echo(issue(options.database_url(data, "identity"), caller, label or caller.held, expires))


@keys.command()
@options.data
@click.argument("key")
@DAYS
@click.option(
    "--overlap", default=0, type=click.IntRange(0, 720), help="旧密钥留用小时 | hours the old one stays"
)
def rotate(data: Path, key: str, days: int, overlap: int) -> None:
    """换发密钥（只显示一次），旧的随即失效 | issue a new key to the same holder and end the old one."""
    expires = datetime.now(UTC) + timedelta(days=days)
    try:
        with _identity(data) as engine:
            click.echo(identity.rotate(engine, key, expires, timedelta(hours=overlap)))
    except ValueError as error:
        raise Trouble(f"无法换发：{error}", "The key cannot be rotated, see above.") from error


@keys.command("list")
@options.data
def list_(data: Path) -> None:
    """列出密钥（不含密文） | list them, without their secrets."""
    with _identity(data) as engine:
        found = identity.listed(engine)
    for row in found:
        ended = (
            f"已吊销 revoked {row.revoked_at:%F}" if row.revoked_at else f"有效至 until {row.expires_at:%F}"
        )
        body, scopes = row.department or row.office or "-", ",".join(row.scopes or ("all",))
        used = f"{row.last_used_at:%F %H:00}" if row.last_used_at else "-"
        click.echo(f"{row.id}  {row.role:10}  {body:20}  {scopes:18}  {ended}  用于 used {used}  {row.label}")


@keys.command()
@options.data
@click.argument("key")
def revoke(data: Path, key: str) -> None:
    """立即吊销密钥 | end a key at once. KEY: its id, as `list` shows it."""
    with _identity(data) as engine:
        ended = identity.revoke(engine, key)
    if not ended:
        raise Trouble(f"没有有效的密钥 {key}", f"There is no live key {key}")
    say(f"密钥 {key} 已吊销", f"Key {key} is revoked")


def issue(url: str, caller: identity.Caller, label: str, expires: datetime) -> str:
    """Issue a key in the identity database at `url`; return its text."""
    try:
        with databases.reached(url) as engine:
            return identity.issue(engine, caller, label, expires)
    except ValueError as error:
        raise Trouble(f"无法签发：{error}", "The key cannot be issued, see above.") from error


def _identity(data: Path) -> AbstractContextManager[Engine]:
    return databases.reached(options.database_url(data, "identity"))


def _caller(role: str, body: str | None) -> identity.Caller:
    """Return the holder that is meant. Refuses a department or office that the county does not have."""
    directory = county.load(suite.county_folder())
    known = directory.departments if role == "department" else directory.offices
    if body is not None and body not in known:
        raise Trouble(f"县名录中没有“{body}”", f"The county has no {body}")
    if role == "department":
        return identity.Caller(identity.new_id(), role, body, None)
    return identity.Caller(identity.new_id(), role, None, body)
