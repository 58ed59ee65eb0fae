"""`minqing restore`: the databases as they were at an earlier moment; `--drill` only tries it."""

from datetime import UTC, datetime
from pathlib import Path

import click

from deploy.minqing import backups, drill, later, options, place, snapshot, suite, supervisor
from deploy.minqing.backups import Backup
from deploy.minqing.revival import Found, Revival
from deploy.minqing.trouble import Trouble, say
from shared.language import ZONE


@click.command()
@options.data
@click.option(
    "--from",
    "given",
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    help="备份目录，或其中一个备份 | a folder of backups, or one of them  [<data>/backups]",
)
@click.option(
    "--at", default="latest", show_default=True, help="恢复到的时间（北京时间） | to when, in Beijing time"
)
@click.option(
    "--drill", "only_try", is_flag=True, help="演练：不触及运行中的系统 | try it beside the running suite"
)
def restore(data: Path, given: Path | None, at: str, *, only_try: bool) -> None:
    """恢复到某一时间（先停止系统） | bring the databases back to a moment. Stop the suite first."""
    snapshot.require_ours()
    moment = read(at, datetime.now(UTC))
    folder, only = backups.pair(given or data / "backups")
    chosen = backups.find(folder, moment, only)
    if only_try:
        _drill(data, folder, chosen, moment)
    else:
        _restore(data, folder, chosen, moment)


def read(at: str, now: datetime) -> datetime | None:
    """Return the moment that `--at` names, None for the latest. Refuses nonsense and the future."""
    if at == "latest":
        return None
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise Trouble(
            f"看不懂时间“{at}”。例：--at '2026-11-24 10:30'",
            f"{at} is no time. It should read like --at '2026-11-24 10:30', or be latest.",
        ) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=ZONE)
    if moment > now:
        raise Trouble(f"{backups.local(moment)} 还没有到", f"{backups.local(moment)} is still to come")
    return moment


def _restore(data: Path, folder: Path, chosen: Backup, moment: datetime | None) -> None:
    place.make_folder(data)
    with suite.lock(data):
        _require_keys(data)
        supervisor.end_earlier(data / "programs.json")
        ground = place.make(data, say, durable=True)
        found = Revival(data, ground, folder, chosen, moment).run()
    _report(data, chosen, found)


def _require_keys(data: Path) -> None:
    """Refuse a folder without keys and passwords: it would be given new ones that open nothing."""
    missing = [name for name in ("secrets", "passwords.json") if not (data / name).exists()]
    if missing:
        raise Trouble(
            f"{data} 中缺少 {'、'.join(missing)}。请先把原系统的密钥与口令放回去。",
            f"{' and '.join(missing)} missing in {data}. Put those of the suite that was backed up there.",
        )


def _report(data: Path, chosen: Backup, found: Found) -> None:
    numbers = later.registered(found.acts)
    reached = backups.local(found.reached)
    say(f"已恢复到 {reached}（备份 {chosen.name}）", "Restored to then (Beijing time)")
    say(
        f"其后登记 {len(numbers)} 件，其他办理 {len(found.acts) - len(numbers)} 项，见 {found.file}",
        f"{len(numbers)} grievances were registered after that, and {len(found.acts) - len(numbers)} other "
        "things done; they are listed there",
    )
    if not found.complete:
        say(
            "原数据库无法启动，以上只是日志所记；编号已跳过一段，以免重复",
            "The database before could not be started: this is what the log tells. Some numbers are left out",
        )
    _warn_of_keys(data, chosen)
    if found.aside:
        say(f"原数据库保存在 {found.aside}", "That is where the database before is kept; delete it yourself")
    say(
        "下一步：minqing up 启动；按清单逐件补录；告知来访群众新的编号",
        "Next: minqing up; then enter what is listed, and tell the petitioners their new numbers",
    )


def _warn_of_keys(data: Path, chosen: Backup) -> None:
    """Say which key files are not those that the backup was made with."""
    present = snapshot.fingerprints(data / "secrets")
    other = sorted(name for name in chosen.keys if present.get(name) != chosen.keys[name])
    if other:
        say(
            f"警告：密钥与备份时不同：{'、'.join(other)}。更换过的，见 docs/operations.md“更换密钥”",
            "Warning: these keys are not those of the backup. If rotated since, put the retired ones "
            "back, see docs/operations.md; otherwise what they sealed cannot be read",
        )


def _drill(data: Path, folder: Path, chosen: Backup, moment: datetime | None) -> None:
    source = snapshot.found(data)
    result = drill.run(source, folder, chosen, moment)
    snapshot.note(source.running, "drill")
    numbers = later.registered(result.acts)
    say(f"其后登记 {len(numbers)} 件（恢复将丢失）", f"{len(numbers)} registered after that moment:")
    for number in numbers:
        click.echo(f"  {number}")
    say(
        f"恢复用时（RTO）{result.seconds:.0f} 秒；可能丢失（RPO）{result.exposed:.0f} 秒",
        f"Restoring took {result.seconds:.0f} s; {result.exposed:.0f} s would be lost",
    )
    if result.faults:
        raise Trouble("演练未通过：", "The drill failed:\n" + "\n".join(result.faults))
    say("演练通过", "The drill passed")
