"""One process that we start, watch and stop. It ends when we do, however we end."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.minqing import account
from deploy.minqing.trouble import Trouble

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
PAUSE = 0.02  # seconds between two looks at something that is about to happen
LARGE_LOG = 20_000_000  # bytes; at a start, a longer log is put aside
LIBC = ctypes.CDLL(None)


@dataclass
class Program:
    """A command, the folder it works in, and the file its output is appended to.

    `env` None means our own environment. `as_account` runs it as the servers' account.
    """

    name: str
    command: Sequence[str]
    log: Path
    folder: Path
    env: Mapping[str, str] | None = None
    as_account: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches us alone and we stop it in order."""
        if self.log.exists() and self.log.stat().st_size > LARGE_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=self.env,
                start_new_session=True,
                preexec_fn=self._end_with_parent,  # comes after the change of user, which would undo it
                **(account.identity() if self.as_account else {}),
            )

    @property
    def pid(self) -> int:
        """Its process id; 0 before its first start."""
        return self.process.pid if self.process else 0

    def alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def ask_to_end(self) -> None:
        """Ask it to end, if it runs, and do not wait."""
        if self.process is not None and self.alive():
            self.process.send_signal(self.stop_signal)

    def stop(self, grace: float = 20) -> None:
        """Ask it to end; after `grace` seconds, end it and all that it started."""
        if self.process is None:
            return
        self.ask_to_end()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def await_ready(self, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Return when `ready()` holds. If it ends before that or takes too long, say what it said last."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.alive() or time.monotonic() > deadline:
                self.stop()
                raise Trouble(
                    f"{self.name} 未能启动，请查看日志 {self.log}",
                    f"{self.name} did not start. The end of its log, {self.log}:\n{last_lines(self.log)}",
                )
            time.sleep(PAUSE)

    def _end_with_parent(self) -> None:
        LIBC.prctl(PR_SET_PDEATHSIG, self.stop_signal)


def end_with_parent() -> None:
    """For `preexec_fn`: the process that is being started ends when we do, however we end."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def last_lines(log: Path) -> str:
    """Return the last 15 lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])


def end(pid: int, ours: Callable[[], bool], stop_signal: signal.Signals, grace: float = 20) -> bool:
    """End what an earlier, killed run left behind, as long as `ours()` says that `pid` is still that.

    Returns whether there was anything to end.
    """
    if not ours():
        return False
    os.kill(pid, stop_signal)
    deadline = time.monotonic() + grace
    while ours():
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(PAUSE)
    return True


def works_in(pid: int, folder: Path) -> bool:
    """Whether `pid` lives and its working folder is `folder`."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder.resolve()
    except OSError:
        return False


def birth(pid: int) -> str | None:
    """Return when `pid` began, in the kernel's count, so that a pid names one process; None if it ended."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state == "Z" else rest[18]


def pid_in(file: Path) -> int:
    """Return the number at the start of a pid file, or 0, which is nobody's."""
    try:
        return int(file.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return 0
