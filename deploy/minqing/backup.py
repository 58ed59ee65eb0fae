"""`minqing backup`: everything that the databases hold, whole and checked, and all that follows it."""

from pathlib import Path

import click

from deploy.minqing import account, backups, options, snapshot
from deploy.minqing.trouble import Trouble, say

KEEP = 7


@click.group(invoke_without_command=True)
@options.data
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
    help="备份目录，最好在另一块盘上 | where to, best on another disk  [<data>/backups]",
)
@click.option(
    "--keep", default=KEEP, show_default=True, type=click.IntRange(1), help="保留份数 | how many stay"
)
@click.option("--with-secrets", is_flag=True, help="连同密钥一起备份 | copy the keys as well")
@click.pass_context
def backup(context: click.Context, data: Path, folder: Path | None, keep: int, *, with_secrets: bool) -> None:
    """备份运行中的数据库，并持续保存其后的日志 | back up the running databases, and what follows."""
    if context.invoked_subcommand is not None:
        return
    source = snapshot.found(data)
    to = place_for(data, folder)
    made = snapshot.take(source, to, with_secrets=with_secrets)
    snapshot.prune(source, to, keep)
    snapshot.note(source.running, "backup")
    n = made.figures["intake"]["registered"]
    say(f"已备份 {n} 件：{to / made.name}，{made.size / 1e6:.0f} MB", f"{n} grievances are backed up")
    _warn(data, with_secrets=with_secrets)


@backup.command("list")
@options.data
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
    help="备份目录 | where",
)
def list_(data: Path, folder: Path | None) -> None:
    """列出备份与可恢复的时间 | list the backups and the times that they can bring back (Beijing time)."""
    folder = folder or data / "backups"
    listed = backups.listed(folder)
    if not listed:
        say(f"{folder} 中没有备份", "There is no backup")
    for each in listed:
        until = backups.local(each.covered(folder))
        n, megabytes = each.figures["intake"]["registered"], each.size / 1e6
        click.echo(f"{each.name}  {megabytes:6.0f} MB  登记 {n}  {backups.local(each.ended)} … {until}")


def place_for(data: Path, folder: Path | None) -> Path:
    """Return the folder for backups, made and owned by the servers' account.

    Refuses one that this account cannot reach, and one that holds anything else.
    """
    if folder is None:
        return account.home(data, "backups")
    folder.mkdir(parents=True, exist_ok=True)
    if not account.reachable(folder):
        raise Trouble(
            f"数据库的账户无法进入 {folder}，请换一个目录",
            f"The databases' account, {account.NAME}, cannot reach {folder}. Choose another folder.",
        )
    if any(folder.iterdir()) and not (folder / backups.WAL).exists():
        raise Trouble(f"{folder} 中有别的内容", f"{folder} holds something else. Name a new or empty folder.")
    account.give(folder)
    return folder


def _warn(data: Path, *, with_secrets: bool) -> None:
    if with_secrets:
        say(
            "注意：密钥与数据在同一处，拿到备份的人可以读出信访人信息",
            "Mind: keys and data lie together, so whoever has this backup can read who the petitioners are",
        )
        return
    say(
        f"备份中没有密钥。请把 {data}/secrets 与 passwords.json 另行保存：没有它们，信访人信息无法读出",
        "The keys are not in it. Keep these two apart from it: without them petitioners' data cannot be read",
    )
