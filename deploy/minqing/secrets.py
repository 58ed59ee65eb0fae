"""`minqing secrets`: the services' keys."""

from pathlib import Path

import click

from deploy.minqing.trouble import Trouble, say
from shared import keyring


@click.group()
def secrets() -> None:
    """服务密钥 | the services' keys."""


@secrets.command("create")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def create(directory: Path) -> None:
    """生成全套密钥（不覆盖已有的） | make a full set in DIRECTORY; never overwrites."""
    try:
        keyring.create(directory)
    except (keyring.KeyringError, OSError) as error:
        raise Trouble(f"未生成密钥：{error}", "No keys were made, see above.") from error
    say(f"密钥已写入 {directory}，请妥善备份", f"Keys written to {directory}; keep a backup")
