"""`minqing leaktest`: does anything say who a petitioner is, or show a case to whom it does not concern? (S2)

A suite of its own takes grievances whose every field holds a marker, and plays them to their ends. Then all
that can be seen is searched, as it is and as it might be encoded.
"""

import time
from collections.abc import Mapping
from contextlib import closing
from random import SystemRandom

import click

from deploy.minqing.leaktest import ground, places, viewers, walk
from deploy.minqing.leaktest.cases import Planter
from deploy.minqing.leaktest.course import Course
from deploy.minqing.leaktest.doors import found
from deploy.minqing.leaktest.findings import Findings, Found
from deploy.minqing.leaktest.ground import Alter, Ground
from deploy.minqing.leaktest.viewers import Viewer
from deploy.minqing.trouble import Say, say

Everyone = Mapping[str, Viewer]

BOTHER = ("nobody", "key of clerk", "key outside", "key of supervisor")  # who sends nonsense
SHOWN = 40  # hits that are printed
APIS = ("intake-api", "routing-api", "oversight-api")


@click.command()
@click.pass_context
def leaktest(context: click.Context) -> None:
    """在临时系统中查找泄漏；有泄漏时退出码为 1 | look for leaks in a suite of its own; exit 1 if any."""
    began = time.monotonic()
    report = run(say)
    show(report)
    seconds = time.monotonic() - began
    say(f"用时 {seconds:.0f} 秒", f"{seconds:.0f} seconds")
    context.exit(1 if report.hits else 0)


def run(say: Say, alter: Alter = lambda _: None, *, short: bool = False) -> Findings:
    """Play the course on a suite of its own and search everything; `alter` may change its programs first.

    `short`: only those look who may read least, and no backup is made.
    """
    with ground.begin(alter) as suite, closing(Course(suite, Planter(SystemRandom()))) as course:
        say("正在登记并办理带标记的诉求 ……", "Registering and handling grievances with markers ...")
        queued = _play(suite, course)
        say("正在以各种身份访问每个地址 ……", "Asking for every address as everyone ...")
        everyone = viewers.everyone(suite, viewers.LEAST if short else viewers.ALL)
        answers = [*course.seen, *_answers(suite, course, everyone)]
        report = Findings(course.planter.planted)
        for each, allowed in answers:
            report.look_at_answer(each, allowed)
        say("正在查找消息、日志、数据库与备份 ……", "Searching messages, logs, databases and backups ...")
        for each in (*queued, *places.redis(suite), *places.logs(suite)):
            report.look(each)
        for each in places.dumps(suite):
            report.look_for_identity(each)
        if not short:
            _look_at_commands(suite, report)
    return report


def _look_at_commands(suite: Ground, report: Findings) -> None:
    """What commands say, and what they make: a backup holds all words, and nobody's identity."""
    for each in places.backup(suite):
        report.look_for_identity(each, plain=True)
    for each in places.commands(suite):
        report.look(each)


def _play(suite: Ground, course: Course) -> list[Found]:
    """Play all cases; return what Redis held while messages waited."""
    suite.start(*APIS, "intake-worker")
    with course.past() as hands:
        course.register()
        queued = list(places.queued(suite, "routing"))
        suite.start("routing-worker", "oversight-worker")
        course.go_on(hands)
    course.follow()
    return queued


def _answers(suite: Ground, course: Course, everyone: Everyone) -> list[tuple[Found, frozenset[str]]]:
    """What everyone is answered everywhere, and whose words they may read there."""
    way = walk.over(suite)
    read = [
        (found(_place(answer.request.url.path, name), answer), viewer.allowed(course.cases))
        for name, viewer in everyone.items()
        for answer in way.read(viewer)
    ]
    bothered = [
        (found(f"nonsense by {name}", answer), everyone[name].allowed(course.cases))
        for name in BOTHER
        if name in everyone
        for answer in way.bother(everyone[name], course.planter)
    ]
    return read + bothered


def _place(path: str, name: str) -> str:
    return path if path in walk.OWN else f"as {name}"


def show(report: Findings) -> None:
    """Print places and counts, and where each hit is."""
    click.echo(f"{'位置 place':28}{'查过 searched':>14}{'身份 identity':>14}{'内容 text':>14}")
    for place, (n, identity, words) in report.counts().items():
        click.echo(f"{place:30}{n:>14}{identity:>14}{words:>14}")
    for hit in report.hits[:SHOWN]:
        what = f"{hit.marker.field} ({hit.marker.case}, {hit.form})"
        say(f"✗ {hit.place}  {hit.where}", what)
    n = len(report.hits)
    say(f"标记 {len(report.markers)} 个，泄漏 {n} 处", f"{len(report.markers)} markers, {n} leaks")
