"""The ground under the servers, to be pulled away: a network, disks and a clock that a test may break.

`take()` gives this process, and all it starts from then on, a network and mounts of their own (Linux
namespaces): what is cut or filled there touches nothing else on the machine and goes when they end.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEW_MOUNTS, NEW_NETWORK = 0x00020000, 0x40000000  # from linux/sched.h
LIBC = ctypes.CDLL(None, use_errno=True)
LARGE = "4g"  # a tmpfs takes what lies on it, not what it might hold
SKEWED = Path(__file__).with_name("skewed")
LIBFAKETIME = tuple(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))

_taken: list[int] = []  # the process that took the ground


class NotPossible(Exception):
    """This machine, or this user, cannot do it; says why. To be reported as not run."""


def take() -> None:
    """Take network and mounts of our own. To be called before any thread or server is started."""
    if os.geteuid() != 0:
        raise NotPossible("only root may have a network and mounts of its own")
    _require("ip", "iptables", "mount")
    if LIBC.unshare(NEW_MOUNTS | NEW_NETWORK) != 0:
        raise NotPossible(f"unshare: {os.strerror(ctypes.get_errno())}")
    _run("mount", "--make-rprivate", "/")
    _run("ip", "link", "set", "lo", "up")
    _taken.append(os.getpid())


@contextmanager
def cut(port: int) -> Iterator[None]:
    """Let no packet to or from a port of the loopback arrive, both ways, as when a cable is pulled."""
    _require_taken()
    rules = [("INPUT", "-p", "tcp", side, str(port), "-j", "DROP") for side in ("--dport", "--sport")]
    for rule in rules:
        _run("iptables", "-A", *rule)
    try:
        yield
    finally:
        for rule in rules:
            _run("iptables", "-D", *rule)


class Disk:
    """A disk (tmpfs) for one folder, as large as anyone likes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.aside = folder.with_name(f"{folder.name}.aside")

    def put_under(self) -> None:
        """Bring the folder, which nobody may use meanwhile, onto it."""
        _require_taken()
        self.folder.rename(self.aside)
        self.folder.mkdir()
        _run("mount", "-t", "tmpfs", "-o", f"size={LARGE}", "tmpfs", str(self.folder))
        _copy(self.aside, self.folder)
        shutil.rmtree(self.aside)

    def take_away(self) -> None:
        """Bring the folder back to where it was."""
        self.aside.mkdir()
        _copy(self.folder, self.aside)
        _run("umount", str(self.folder))
        self.folder.rmdir()
        self.aside.rename(self.folder)

    def fill(self) -> None:
        """Leave not one free block."""
        while not self._resize(self._used()):
            pass  # something was written meanwhile

    def free(self) -> None:
        """Give it room again."""
        self._resize(LARGE)

    def _used(self) -> str:
        now = os.statvfs(self.folder)
        return str((now.f_blocks - now.f_bfree) * now.f_frsize)

    def _resize(self, size: str) -> bool:
        words = ("mount", "-o", f"remount,size={size}", str(self.folder))
        return subprocess.run(words, capture_output=True, check=False).returncode == 0


def skewed(hours: int) -> dict[str, str]:
    """The environment of a process whose clock is wrong by some hours; what it measures is not."""
    if not LIBFAKETIME:
        raise NotPossible("libfaketime is missing (Debian: faketime)")
    return {
        "LD_PRELOAD": str(LIBFAKETIME[0]),
        "FAKETIME": f"{hours:+d}h",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",  # gunicorn keeps its workers' heartbeats as file times
        "PYTHONPATH": str(SKEWED),
    }


def _require(*commands: str) -> None:
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        raise NotPossible(f"missing: {', '.join(missing)}")


def _require_taken() -> None:
    if os.getpid() not in _taken:
        raise NotPossible("network and mounts are not ours here")


def _copy(source: Path, target: Path) -> None:
    """With owners and modes, also those of the folder itself."""
    _run("cp", "-a", f"{source}/.", str(target))


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotPossible(f"{' '.join(words)}: {done.stderr.strip()}")
