"""The `minqing` command: every subcommand is a module of its own."""

from typing import Any

import click
import structlog

from deploy.minqing import (
    backup,
    county,
    demo,
    doctor,
    importing,
    keys,
    leaktest,
    migrate,
    outbox,
    parked,
    people,
    policy,
    reconcile,
    restore,
    resync,
    roles,
    secrets,
    status,
    up,
    views,
)
from deploy.minqing.trouble import Trouble
from shared import database, keyring, telemetry
from shared.county import CountyError


class Commands(click.Group):
    """A group whose commands answer what can go wrong in any of them."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except database.Down as error:
            reason = str(error).splitlines()[0]
            raise Trouble(
                f"数据库无法使用：{reason}", "The database cannot be used. Does the suite run?"
            ) from error
        except keyring.KeyringError as error:
            raise Trouble(str(error), "Bring that key file back from your copy of the secrets.") from error
        except CountyError as error:
            raise Trouble("县名录有误，请先改正：", f"The county directory has errors:\n{error}") from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """民情系统的启动与管理 | starts Minqing and looks after it."""
    if not structlog.is_configured():
        telemetry.configure("minqing", "command", "stderr")


for command in (
    up.up,
    up.down,
    demo.demo,
    status.status,
    doctor.doctor,
    leaktest.leaktest,
    importing.import_,
    migrate.migrate,
    roles.roles,
    keys.keys,
    policy.policy,
    outbox.outbox,
    people.person,
    parked.parked,
    reconcile.command,
    county.county,
    secrets.secrets,
    backup.backup,
    restore.restore,
    resync.resync,
    views.views,
):
    main.add_command(command)
