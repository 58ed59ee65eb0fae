"""Keeps a suite's processes running: starts them in order, restarts what ends, stops them in reverse."""

import json
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from deploy.minqing import program
from deploy.minqing.program import Program
from deploy.minqing.trouble import Say

LOOK = 0.2  # seconds between two looks at the processes
FIRST_PAUSE = 0.5  # seconds before the first restart; doubled with every further one
LONGEST_PAUSE = 10
WORDS = {"ended unexpectedly": "意外结束", "restarted": "已重启"}
SERVERS = ("postgres", "redis")  # what the services stand on
STEADY = 30  # seconds of running after which earlier ends are forgotten


@dataclass
class Watched:
    """A program, how often it ended lately, and when it is to be started again."""

    program: Program
    ends: int = 0
    since: float = field(default_factory=time.monotonic)
    due: float | None = None

    def look(self, now: float) -> str | None:
        """Restart it if that is due; return what happened, as in WORDS, if anything did."""
        if self.program.alive():
            self.ends = 0 if now - self.since > STEADY else self.ends
            return None
        if self.due is None:
            self.due = now + min(FIRST_PAUSE * 2 ** min(self.ends, 8), LONGEST_PAUSE)
            self.ends += 1
            return "ended unexpectedly"
        if now < self.due:
            return None
        self.program.start()
        self.since, self.due = now, None
        return "restarted"


class Supervisor:
    """Watches programs that run until told to stop. `state` is the file that says what runs."""

    def __init__(self, programs: Sequence[Program], state: Path, say: Say) -> None:
        self.watched = [Watched(program) for program in programs]
        self.state = state
        self.say = say
        self.stopping = threading.Event()

    def start(self) -> None:
        """Start what does not run yet, in order."""
        for watched in self.watched:
            if not watched.program.alive():
                watched.program.start()

    def run(self) -> None:
        """Watch until SIGTERM, SIGINT or SIGHUP; then stop everything, last first."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stopping.set())
        self._write_state()
        while not self.stopping.wait(LOOK):
            self.look()
        self.stop()

    def look(self) -> None:
        """Look at every program once, and restart what is due."""
        for watched in self.watched:
            happened = watched.look(time.monotonic())
            if happened:
                self.say(f"{watched.program.name} {WORDS[happened]}", f"{watched.program.name} {happened}")
                self._write_state()

    def stop(self) -> None:
        """Stop the services, all at once; then the servers, last first: nobody loses what it stands on."""
        for watched in self.watched:
            if watched.program.name not in SERVERS:
                watched.program.ask_to_end()
        for watched in reversed(self.watched):
            watched.program.stop()
        self.state.unlink(missing_ok=True)

    def _write_state(self) -> None:
        running = {w.program.name: (w.program.pid, program.birth(w.program.pid)) for w in self.watched}
        part = self.state.with_suffix(".part")
        part.write_text(json.dumps({"supervisor": (os.getpid(), None)} | running))
        part.rename(self.state)


def read_state(state: Path) -> dict[str, tuple[int, str | None]]:
    """Return pid and birth of each process that the supervisor started last; empty when none runs."""
    try:
        kept: dict[str, tuple[int, str | None]] = json.loads(state.read_text())
    except FileNotFoundError:
        return {}
    return kept


def watches(state: Path, pid: int) -> bool:
    """Whether the supervisor with this pid has everything running."""
    return read_state(state).get("supervisor", (0, None))[0] == pid


def alive(pid: int, birth: str | None) -> bool:
    """Whether the process that `read_state` names still lives."""
    return birth is not None and program.birth(pid) == birth


def end_earlier(state: Path) -> None:
    """End the services that a killed run left behind, so that their ports are free.

    The servers' own modules know better how to end theirs.
    """
    for name, (pid, birth) in reversed(read_state(state).items()):
        if name not in SERVERS:
            program.end(pid, partial(alive, pid, birth), signal.SIGTERM)
    state.unlink(missing_ok=True)
