"""`minqing secrets`: the services' keys, and who they are to Redis."""

import secrets as random
from pathlib import Path

import click

from deploy.minqing import acl, databases, rotation, suite
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


@secrets.command("broker")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("host")
def broker(directory: Path, host: str) -> None:
    """生成 Redis 的用户与地址 | make Redis' users in DIRECTORY; HOST is its host:port. Never overwrites.

    redis_auth 供 Redis 读取，redis_admin_url 供管理，*_redis_url 各服务专用。 | redis_auth is what Redis
    includes in its configuration, redis_admin_url is for us, each *_redis_url for one service alone.
    """
    admin = random.token_urlsafe(24)
    address = f"redis://:{admin}@{host}/0"
    made = {f"{service}_redis_url": acl.url(address, service) for service in databases.SERVICES}
    made |= {"redis_admin_url": address, "redis_auth": f"requirepass {admin}\n{acl.users(admin)}"}
    if any((directory / name).exists() for name in made):
        raise Trouble(f"{directory} 中已有，不覆盖", f"{directory} has them; they are never overwritten")
    for name, text in made.items():
        suite.write_private(directory / name, f"{text.strip()}\n")
    say(f"已写入 {directory}", f"Written to {directory}")


secrets.add_command(rotation.list_)
secrets.add_command(rotation.rotate)
secrets.add_command(rotation.confirm)
secrets.add_command(rotation.use)
secrets.add_command(rotation.reseal)
secrets.add_command(rotation.retire)
