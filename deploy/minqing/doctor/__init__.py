"""`minqing doctor`: looks at a deployment and says what is unsafe, each with its cure."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from deploy.minqing import options
from deploy.minqing.doctor import broker, deployment, files, postgresql, secrets
from deploy.minqing.doctor.deployment import Check, Deployment, Finding
from deploy.minqing.trouble import say
from shared import bus, database


@click.command()
@options.data
@click.option("--json", "as_json", is_flag=True, help="输出 JSON | as JSON")
@click.pass_context
def doctor(context: click.Context, data: Path, *, as_json: bool) -> None:
    """检查部署是否安全；有问题时退出码为 1 | say what is unsafe, and its cure; exit 1 if anything is."""
    given = deployment.found(data)
    found = list(examine(given))
    if as_json:
        click.echo(json.dumps([{"check": name, "zh": each.zh, "en": each.en} for name, each in found]))
    else:
        for name, each in found:
            say(f"✗ {name:18} {each.zh}", each.en)
        say(f"检查 {len(CHECKS)} 项，问题 {len(found)} 个", f"{len(CHECKS)} checks, {len(found)} findings")
        _say_unseen(given)
        _say_ages(given)
    context.exit(1 if found else 0)


def examine(given: Deployment) -> Iterator[tuple[str, Finding]]:
    """Every finding of every check, with the check's name; one that cannot be made is a finding."""
    for name, check in CHECKS.items():
        try:
            yield from ((name, each) for each in check(given))
        except (bus.Down, *database.Down) as error:
            reason = str(error).splitlines()[0]
            yield name, Finding(f"无法检查：{reason}", "cannot be examined, see the reason")


def _say_unseen(given: Deployment) -> None:
    if given.redis is None:
        say("未检查 Redis：请设置 MINQING_REDIS_ADMIN_URL", "Redis was not examined: MINQING_REDIS_ADMIN_URL")
    if given.secrets is None:
        say("未检查密钥文件：请设置 MINQING_SECRETS", "Key files were not examined: MINQING_SECRETS")


def _say_ages(given: Deployment) -> None:
    if ages := secrets.ages(given):
        days = ", ".join(f"{name} {age}" for name, age in ages.items())
        say(f"密钥已使用天数：{days}", "age of the keys in days")


CHECKS: Mapping[str, Check] = {
    "file modes": files.modes,
    "keys": files.keys,
    "key age": secrets.old,
    "key rotation": secrets.unfinished,
    "retired keys": secrets.put_aside,
    "passwords": files.passwords,
    "suite clock": files.clock,
    "TLS": files.transport,
    "disk": files.room,
    "durability": postgresql.durable,
    "PostgreSQL address": postgresql.listening,
    "roles": postgresql.powers,
    "databases": postgresql.walls,
    "migrations": postgresql.steps,
    "clocks": postgresql.time,
    "backup": postgresql.backup,
    "access keys": postgresql.access,
    "Redis settings": broker.keeping,
    "Redis address": broker.listening,
    "Redis users": broker.rights,
}
