"""`minqing secrets rotate`, `confirm`, `use`, `reseal`, `retire`: one key for another, by two persons.

`list` says which step each key waits for; the steps themselves are `keyfile`'s.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from sqlalchemy import Connection

from deploy.minqing import databases, decider, keyfile, options, resealing, suite
from deploy.minqing.keyfile import Stage
from deploy.minqing.trouble import Trouble, say
from shared import keyring, vault
from shared.identity import changes, rotations
from shared.identity.changes import COMMAND_LINE
from shared.problems import Problem
from shared.web import cookie

RESTART = (
    "重启全部服务（minqing down，再 minqing up；容器：docker compose up --detach --force-recreate）",
    "restart all services (minqing down, then up; containers: docker compose up --detach --force-recreate)",
)
# How long something may still be on its way that an old key has sealed or signed, where nothing is kept.
ON_THE_WAY = {"session": timedelta(seconds=cookie.IDLE)}
FRAMES = timedelta(minutes=10)  # a worker empties its queue in seconds

which = click.argument("which", type=click.Choice(keyfile.NAMES))


@click.command("list")
@options.data
def list_(data: Path) -> None:
    """列出密钥、天数与下一步 | list the keys, their age, and the next step of those being rotated."""
    secrets = folder(data)
    with _changing(data) as tx:
        for name in keyfile.NAMES:
            keys = keyring.keys(keyfile.path(secrets, name))
            ages = ", ".join(f"{keyring.key_id(key.raw)} {keyfile.made(key):%F}" for key in keys)
            click.echo(f"{name:15} {keyfile.stage(keys).value:8} {ages}")
            if asked := rotations.waiting(tx, keyfile.path(secrets, name).name):
                say(f"  {asked.by} 申请更换：{asked.detail['label']}", f"minqing secrets confirm {name}")
            elif step := next_step(secrets, name):
                say(f"  下一步：{step[0]}", step[1])


@click.command()
@options.data
@which
@click.option("--reason", required=True, help="为什么更换 | why it is rotated")
@decider.key
def rotate(data: Path, which: str, reason: str, key: str) -> None:
    """申请更换一种密钥（须另一人确认） | ask to rotate a key; another person has to confirm (S17)."""
    file, person = keyfile.path(folder(data), which), decider.person(data, key)
    if not reason.strip():
        raise Trouble("请写明原因", "Say why")
    _refuse_known(file, which)
    with _changing(data) as tx:
        rotations.ask(tx, file.name, reason.strip(), person)
    say(
        f"已申请。请另一位督查人员运行：minqing secrets confirm {which}",
        f"Asked. Another supervisor runs: minqing secrets confirm {which}",
    )


@click.command()
@options.data
@which
@decider.key
def confirm(data: Path, which: str, key: str) -> None:
    """确认另一人的申请，加入新密钥 | confirm what another person asked for: a new key is made."""
    secrets, person = folder(data), decider.person(data, key)
    with _changing(data) as tx:
        rotations.confirm(tx, keyfile.path(secrets, which).name, person)
        keyfile.add(secrets, which, datetime.now(UTC))
    say(f"新密钥已加入 {which}，尚未启用。", f"{which} has a new key, which is not used yet.")
    _say_next(secrets, which)


@click.command()
@options.data
@which
def use(data: Path, which: str) -> None:
    """启用新密钥（须先重启过全部服务） | use the new key; all services must have been restarted before."""
    secrets = folder(data)
    file = keyfile.path(secrets, which)
    with _changing(data) as tx:
        if keyfile.stage(keyring.keys(file)) is not Stage.KNOWN:
            raise Trouble(f"{which} 没有待启用的新密钥", f"No new key of {which} waits to be used")
        _refuse_unread(data, secrets, which)
        changes.note(tx, COMMAND_LINE, "secret.used", file.name)
        keyfile.use(secrets, which)
    say(f"{which} 的新密钥已启用。", f"The new key of {which} is in use.")
    _say_next(secrets, which)


@click.command()
@options.data
def reseal(data: Path) -> None:
    """用新密钥重新加密全部个人信息 | seal all personal data anew; killed, it goes on where it was."""
    secrets, urls, began = folder(data), _urls(data), time.monotonic()
    safe = vault.of(secrets)
    done, broken = 0, list[str]()
    for batch in _batches(urls, secrets, safe):
        done += batch.done
        broken += batch.broken
    rate = done / (time.monotonic() - began)
    say(f"已重新加密 {done} 条（每秒 {rate:.0f} 条）", f"{done} rows were sealed anew, {rate:.0f} a second")
    if broken:
        raise Trouble(
            f"{len(broken)} 处无法解密，保持原样：{'；'.join(broken)}",
            f"{len(broken)} could not be opened and stay as they are: bring the key back that sealed them",
        )
    if any(resealing.left(urls, secrets, safe).values()):
        raise Trouble(
            f"其间又有用旧密钥加密的：{RESTART[0]}，再运行一次",
            f"Meanwhile more was sealed with an old key: {RESTART[1]}, then run this again",
        )


def _batches(urls: Mapping[str, str], secrets: Path, safe: vault.Vault) -> Iterator[resealing.Batch]:
    yield from resealing.petitioners(urls["intake"], safe)
    yield resealing.second_factors(urls["identity"], secrets)


@click.command()
@options.data
@which
@click.option(
    "--void-codes",
    is_flag=True,
    help="仅限 code 泄露时：旧纸上的查询码随之作废 | if code has leaked: codes on paper end with it",
)
def retire(data: Path, which: str, *, void_codes: bool) -> None:
    """停用旧密钥；仍有数据要用它时拒绝 | take old keys away; refused while anything needs them."""
    secrets = folder(data)
    file = keyfile.path(secrets, which)
    with _changing(data) as tx:
        _refuse_known(file, which)
        if len(keyring.keys(file)) == 1:
            raise Trouble(f"{which} 没有旧密钥", f"{which} has no old key")
        if not (void_codes and which == "code") and (why := _needed(data, secrets, which)):
            raise Trouble(*why)
        _refuse_unread(data, secrets, which)
        changes.note(tx, COMMAND_LINE, "secret.retired", file.name)
        keyfile.retire(secrets, which)
    say(f"{which} 的旧密钥已停用", f"The old keys of {which} are retired")
    if which in keyfile.KEPT:
        say(
            f"旧密钥移到 {file.name}{keyfile.RETIRED}：恢复更早的备份时要用；那些备份都没有了再删除",
            "They are put aside there: a backup from before needs them. Delete them with the last of those",
        )


def folder(data: Path) -> Path:
    """Return the folder of key files: what the environment says, else the suite's."""
    if not databases.given():
        return Path(suite.find(data).environments["intake"]["MINQING_SECRETS"])
    if "MINQING_SECRETS" not in os.environ:
        raise Trouble("缺少环境变量 MINQING_SECRETS", "MINQING_SECRETS must name the folder of the keys")
    return Path(os.environ["MINQING_SECRETS"])


def next_step(secrets: Path, name: str) -> tuple[str, str] | None:
    """What remains to be done for a key, in both languages; None where nothing does."""
    stage = keyfile.stage(keyring.keys(keyfile.path(secrets, name)))
    if stage is Stage.KNOWN:
        then = f"minqing secrets use {name}"
    elif stage is Stage.USED and name != "code":
        sealed = "minqing secrets reseal && " if name in NEEDED else ""
        then = f"{sealed}minqing secrets retire {name}"
    else:
        return None
    return f"{RESTART[0]}，然后 {then}", f"{RESTART[1]}, then {then}"


def _say_next(secrets: Path, name: str) -> None:
    if step := next_step(secrets, name):
        say(f"下一步：{step[0]}", f"Next: {step[1]}")
    elif name == "code":
        say(
            f"下一步：{RESTART[0]}。旧密钥保留：纸上的查询码仍然有效",
            f"Next: {RESTART[1]}. The old key stays: the codes on paper go on being valid",
        )


def _refuse_known(file: Path, name: str) -> None:
    if keyfile.stage(keyring.keys(file)) is Stage.KNOWN:
        raise Trouble(
            f"{name} 已有一个未启用的新密钥：minqing secrets use {name}",
            f"{name} has a new key that is not used yet: minqing secrets use {name}",
        )


def _refuse_unread(data: Path, secrets: Path, name: str) -> None:
    """Refuse a step while the suite on `data` runs since before the last one: it does not know its key."""
    started = suite.started(data)
    if started is not None and started < keyfile.changed(secrets, name):
        raise Trouble(
            f"上一步之后还没有重启：{RESTART[0]}", f"Not restarted since the last step: {RESTART[1]}"
        )


def _needed(data: Path, secrets: Path, name: str) -> tuple[str, str] | None:
    """Why old keys cannot be retired yet; None where they can."""
    return NEEDED.get(name, _on_the_way)(data, secrets, name)


def _by_values(data: Path, secrets: Path, name: str) -> tuple[str, str] | None:
    left = resealing.left(_urls(data), secrets, vault.of(secrets))[name]
    if not left:
        return None
    return (
        f"还有 {left} 条数据要用旧密钥：minqing secrets reseal",
        f"{left} rows still name an old key: minqing secrets reseal",
    )


def _by_codes(*_: object) -> tuple[str, str]:
    return (
        "旧密钥生成的查询码写在群众手里的纸上，故保留；确已泄露才用 --void-codes",
        "People hold codes on paper that it made, so it stays. If it has leaked, --void-codes ends them",
    )


def _on_the_way(_: Path, secrets: Path, name: str) -> tuple[str, str] | None:
    wait = keyfile.changed(secrets, name) + ON_THE_WAY.get(name, FRAMES) - datetime.now(UTC)
    if wait <= timedelta(0):
        return None
    minutes = f"{wait.total_seconds() / 60:.0f}"
    return (
        f"可能还有用旧密钥签发的在途中，请 {minutes} 分钟后再试",
        f"Something signed with the old key may be on its way: try again in {minutes} minutes",
    )


NEEDED: Mapping[str, Callable[[Path, Path, str], tuple[str, str] | None]] = {
    "identity": _by_values,
    "blind": _by_values,
    "account": _by_values,
    "code": _by_codes,
}


def _urls(data: Path) -> dict[str, str]:
    return {name: options.database_url(data, name) for name in ("intake", "identity")}


@contextmanager
def _changing(data: Path) -> Iterator[Connection]:
    """A transaction on the record of changes, in which nobody else changes keys.

    The record is written first and kept only if the files were: a refusal is told to the person.
    """
    try:
        with databases.opened(options.database_url(data, "identity")) as tx:
            rotations.lock(tx)
            yield tx
    except Problem as problem:
        raise Trouble(problem.zh, problem.en) from problem
