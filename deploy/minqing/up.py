"""`minqing up` and `minqing down`: the whole suite on this machine, one command."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import click

from deploy.minqing import launch, options, place, servers, suite, supervisor
from deploy.minqing.program import PAUSE
from deploy.minqing.trouble import Trouble, say

LONGEST_STOP = 120  # seconds
SAMPLE_DAYS = 30  # over which the samples come in at the first start


@click.command()
@options.data
@click.option(
    "--port-base", default=suite.PORT_BASE, show_default=True, help="端口起点 | ports lie above this"
)
@click.option("--detach", is_flag=True, help="在后台运行 | run in the background")
@click.option("--samples/--no-samples", default=True, help="首次启动载入示例 | samples at the first start")
def up(data: Path, port_base: int, *, detach: bool, samples: bool) -> None:
    """启动全套系统（沿用已有数据） | start the whole suite, on the data that is there."""
    if detach:
        words = [
            "up",
            f"--data={data}",
            f"--port-base={port_base}",
            "--samples" if samples else "--no-samples",
        ]
        _detach(data, words)
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, until the supervisor listens
    with ExitStack() as stack:
        launch.launch(data, port_base, stack, SAMPLE_DAYS if samples else 0).run()
    say("已停止", "Stopped")


@click.command()
@options.data
@click.option("--delete", is_flag=True, help="同时删除全部数据 | delete all its data as well")
def down(data: Path, *, delete: bool) -> None:
    """停止系统（数据保留） | stop the suite; its data stays."""
    pid = suite.holder(data)
    if pid is None:
        say("系统未在运行", "Nothing runs here")
    else:
        os.kill(pid, signal.SIGTERM)
        _await_end(data, pid)
        say("已停止", "Stopped")
    if delete and data.exists():
        servers.delete(data)


def _detach(data: Path, words: list[str]) -> None:
    """Run the same command in a process of its own, and show what it says until the suite is ready."""
    place.make_folder(data)
    log = data / "logs" / "minqing.log"
    with log.open("ab") as out:
        start = out.tell()
        child = subprocess.Popen(
            [sys.executable, "-m", "deploy.minqing", *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=suite.ROOT,
            start_new_session=True,
        )
    with log.open("rb") as said:
        said.seek(start)
        while child.poll() is None and not supervisor.watches(data / "programs.json", child.pid):
            click.echo(said.read(), nl=False)
            time.sleep(PAUSE)
        click.echo(said.read(), nl=False)
    if child.poll() is not None:
        raise Trouble("系统未能启动，原因见上", "The suite did not start; the reason is above")


def _await_end(data: Path, pid: int) -> None:
    deadline = time.monotonic() + LONGEST_STOP
    while suite.holder(data) == pid:
        if time.monotonic() > deadline:
            raise Trouble(
                f"进程 {pid} 仍未停止，请查看日志", f"Process {pid} has not stopped yet; see its log"
            )
        time.sleep(PAUSE)
