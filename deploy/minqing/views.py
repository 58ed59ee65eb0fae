"""`minqing views`: whether the record of who looked at identities is whole (S14)."""

from pathlib import Path

import click

from deploy.minqing import databases, options
from deploy.minqing.trouble import Trouble, say
from services.intake.domain.views import Head, flaws
from services.intake.store import views as record

SHOWN = 20  # flaws that are said

WRONG = {
    "changed": ("被改动或移位", "was changed or moved"),
    "missing": ("此前有记录被删除", "something before it was taken out"),
    "cut": ("末尾的记录被删除", "the end was cut off"),
}


@click.group()
def views() -> None:
    """身份信息查看记录 | the record of who looked at identities."""


@views.command()
@options.data
@click.option("--head", "noted", help="以前记下的末条（序号:摘要） | an end noted earlier, as PLACE:DIGEST")
def verify(data: Path, noted: str | None) -> None:
    """逐条核对记录：删除、改动、移位都会查出（退出码 1） | find what was deleted, changed or moved (exit 1).

    末条也写在登记服务的日志中。用 --head 给出以前记下的末条，连整段重写也能查出。 | The end also stands in
    intake's log: given as --head, even a record that was written anew as a whole is found.
    """
    earlier = _head(noted) if noted else Head()
    with databases.opened(options.database_url(data, "intake")) as tx:
        record.hold_still(tx)
        head = record.head(tx)
        found = list(flaws(record.chain(tx), head))
        known = earlier == Head() or record.digest_at(tx, earlier.n) == earlier.digest
    for place, what in found[:SHOWN]:
        zh, en = WRONG[what]
        say(f"第 {place} 条：{zh}", f"line {place}: {en}")
    if not known:
        say(f"第 {earlier.n} 条与记下的末条不符", f"line {earlier.n} is not the end that was noted")
    if found or not known:
        raise Trouble(
            "查看记录不完整，请保留现状并报告", "The record is not whole: leave it as it is, and report it"
        )
    say(f"共 {head.n} 条，完整。末条 {head.n}:{head.digest}", f"{head.n} lines, whole; the end is as shown")


def _head(noted: str) -> Head:
    place, _, digest = noted.partition(":")
    if not place.isdecimal() or not digest:
        raise Trouble("--head 须为“序号:摘要”", "--head reads PLACE:DIGEST")
    return Head(int(place), digest)
