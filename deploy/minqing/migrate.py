"""`minqing migrate`: gives the databases their tables."""

from collections.abc import Sequence
from pathlib import Path

import click

from deploy.minqing import databases, options, people
from deploy.minqing.trouble import Say, say
from shared import migrations


@click.command()
@options.data
@click.argument("names", nargs=-1, type=click.Choice(list(databases.OWNERS)), metavar="[DATABASE]...")
def migrate(data: Path, names: Sequence[str]) -> None:
    """升级数据库结构 | bring the databases up to date (all, or those named)."""
    chosen = names or databases.OWNERS
    upgrade({name: options.database_url(data, name) for name in chosen}, say)
    if "identity" in chosen:
        people.show_first_link(data)


def upgrade(urls: dict[str, str], say: Say) -> None:
    """Bring each database to its newest step. `urls` is by database, for its owner."""
    for name, url in urls.items():
        migrations.upgrade(name, url)
        say(f"数据库 {name} 已就绪", f"Database {name} is up to date")
