"""Who decides at the command line what takes two persons (S17): known by their access key."""

from pathlib import Path

import click

from deploy.minqing import databases, options
from deploy.minqing.trouble import Trouble
from shared import identity, policy

key = click.option(
    "--key",
    envvar="MINQING_KEY",
    prompt="督查人员的访问密钥 | a supervisor's access key",
    hide_input=True,
    help="督查人员的访问密钥（不填则询问） | a supervisor's access key; asked for if missing",
)


def person(data: Path, key: str) -> str:
    """Return the id of the key that was given, of a supervisor who may act."""
    with databases.reached(options.database_url(data, "identity")) as engine:
        holder = identity.verify(engine, key.strip())
    if holder is None or not policy.allows(holder, "upkeep.decide"):
        raise Trouble("须为有效的督查人员密钥", "That is no live supervisor's key")
    return holder.key
