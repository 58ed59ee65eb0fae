"""`minqing keys`: access keys for the services' HTTP interfaces."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from deploy.minqing import options, suite
from deploy.minqing.trouble import Trouble, say
from shared import county, database, identity

YEAR = 365


@click.group()
def keys() -> None:
    """访问密钥 | access keys."""


@keys.command("issue")
@options.data
@click.argument("role", type=click.Choice(identity.KEY_ROLES))
@click.argument("body", required=False)
@click.option("--label", default="", help="用途说明 | what it is for")
@click.option("--days", default=YEAR, type=click.IntRange(1, YEAR), help="有效天数 | days until it expires")
def issue_(data: Path, role: str, body: str | None, label: str, days: int) -> None:
    """签发密钥（只显示一次） | issue a key; it is shown once. BODY: a department, or a clerk's office."""
    caller = _caller(role, body)
    expires = datetime.now(UTC) + timedelta(days=days)
    click.echo(issue(options.database_url(data, "identity"), caller, label or role, expires))


@keys.command("list")
@options.data
def list_(data: Path) -> None:
    """列出密钥（不含密文） | list them, without their secrets."""
    engine = database.connect(options.database_url(data, "identity"), pool=1)
    for row in identity.listed(engine):
        ended = (
            f"已吊销 revoked {row.revoked_at:%F}" if row.revoked_at else f"有效至 until {row.expires_at:%F}"
        )
        click.echo(f"{row.id}  {row.role:10}  {row.department or row.office or '-':20}  {ended}  {row.label}")


@keys.command()
@options.data
@click.argument("key")
def revoke(data: Path, key: str) -> None:
    """立即吊销密钥 | end a key at once. KEY: its id, as `list` shows it."""
    engine = database.connect(options.database_url(data, "identity"), pool=1)
    if not identity.revoke(engine, key):
        raise Trouble(f"没有有效的密钥 {key}", f"There is no live key {key}")
    say(f"密钥 {key} 已吊销", f"Key {key} is revoked")


def issue(url: str, caller: identity.Caller, label: str, expires: datetime) -> str:
    """Issue a key in the identity database at `url`; return its text."""
    engine = database.connect(url, pool=1)
    try:
        return identity.issue(engine, caller, label, expires)
    except ValueError as error:
        raise Trouble(f"无法签发：{error}", "The key cannot be issued, see above.") from error
    finally:
        engine.dispose()


def _caller(role: str, body: str | None) -> identity.Caller:
    """Return the holder that is meant. Refuses a department or office that the county does not have."""
    directory = county.load(suite.county_folder())
    known = directory.departments if role == "department" else directory.offices
    if body is not None and body not in known:
        raise Trouble(f"县名录中没有“{body}”", f"The county has no {body}")
    if role == "department":
        return identity.Caller(identity.new_id(), role, body, None)
    return identity.Caller(identity.new_id(), role, None, body)
