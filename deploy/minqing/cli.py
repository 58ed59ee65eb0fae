"""The `minqing` command: every subcommand is a module of its own."""

import click

from deploy.minqing import county, importing, keys, migrate, parked, secrets, status, up


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """民情系统的启动与管理 | starts Minqing and looks after it."""


for command in (
    up.up,
    up.down,
    status.status,
    importing.import_,
    migrate.migrate,
    keys.keys,
    parked.parked,
    county.county,
    secrets.secrets,
):
    main.add_command(command)
