"""`minqing demo`: months of a county in a minute or two, in a data folder of its own."""

import signal
from contextlib import ExitStack
from pathlib import Path

import click

from deploy.minqing import launch, place, servers, suite
from deploy.minqing.trouble import Trouble, say

MARK = "demo"  # a file that says that a folder is ours to make anew
PORT_BASE = 8700  # beside a suite of `minqing up`


@click.command()
@click.option(
    "--days",
    default=90,
    show_default=True,
    type=click.IntRange(7, 366),
    help="重演的天数 | how many days",
)
@click.option(
    "--data",
    default=".data/demo",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
    help="演示专用的数据目录 | a folder for demos alone",
)
@click.option("--port-base", default=PORT_BASE, show_default=True, help="端口起点 | ports lie above this")
def demo(days: int, data: Path, port_base: int) -> None:
    """重演一个县的几个月：期限届满、逐级督办、公开通报 | replay months: deadlines pass, notices appear.

    每次从头开始，重演后继续运行，Ctrl-C 停止。 | Begins anew each time; runs on afterwards until Ctrl-C.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    make_anew(data)
    with ExitStack() as stack:
        launch.launch(data, port_base, stack, days).run()
    say("已停止", "Stopped")


def make_anew(data: Path) -> None:
    """Make `data` an empty folder for a demo. Refuses one that holds anything but an earlier demo."""
    if suite.holder(data) is not None:
        raise Trouble(f"{data} 上的演示正在运行", f"A demo runs on {data}: minqing down --data {data}")
    if (data / MARK).exists():
        say("正在清除上一次演示 ……", "Clearing away the demo before this one ...")
        servers.delete(data)
    if data.exists() and any(data.iterdir()):
        raise Trouble(
            f"{data} 中有别的内容，不作演示之用。请用 --data 指定空目录。",
            f"{data} holds something else, so no demo is made there. Name an empty folder with --data.",
        )
    place.make_folder(data)
    (data / MARK).touch()
