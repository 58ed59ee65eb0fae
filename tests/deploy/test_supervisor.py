import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from deploy.minqing import program, supervisor
from deploy.minqing.program import Program
from deploy.minqing.supervisor import Supervisor, Watched
from deploy.minqing.trouble import Trouble, silence

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


def make(folder: Path, name: str = "sleeper", command: list[str] = SLEEPER) -> Program:
    return Program(name, command, folder / f"{name}.log", folder)


def await_true(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def says_up(of: Program) -> bool:
    return "up" in of.log.read_text()


def test_a_program_that_is_killed_is_started_again(tmp_path):
    watch = Supervisor([make(tmp_path)], tmp_path / "state", silence)
    watch.start()
    sleeper = watch.watched[0].program
    first = sleeper.pid
    os.kill(first, signal.SIGKILL)

    def restarted() -> bool:
        watch.look()
        return sleeper.alive() and sleeper.pid != first

    await_true(restarted)
    watch.stop()


def test_a_program_that_ends_again_and_again_is_started_less_and_less_often(tmp_path):
    watched = Watched(make(tmp_path, command=["false"]))
    pauses = []
    for now in (0.0, 100.0, 200.0):
        watched.program.start()
        await_true(lambda: not watched.program.alive())
        watched.since, watched.due = now, None
        watched.look(now)
        pauses.append(watched.due - now)
    assert pauses == [0.5, 1, 2]


def test_services_are_stopped_before_what_they_stand_on(tmp_path):
    ends = tmp_path / "ends"
    tell = f"trap 'echo $0 >> {ends}; exit' TERM; echo up; while :; do sleep 0.1; done"
    programs = [
        make(tmp_path, name, ["sh", "-c", tell, name]) for name in ("postgres", "redis", "intake-api")
    ]
    watch = Supervisor(programs, tmp_path / "state", silence)
    watch.start()
    await_true(lambda: all(map(says_up, programs)))
    watch.stop()
    assert ends.read_text().split() == ["intake-api", "redis", "postgres"]


def test_what_does_not_stop_when_asked_is_ended(tmp_path):
    stubborn = make(tmp_path, command=STUBBORN)
    stubborn.start()
    await_true(partial(says_up, stubborn))
    stubborn.stop(grace=0.2)
    assert not stubborn.alive()


def test_a_program_that_does_not_become_ready_says_its_last_words(tmp_path):
    failing = make(tmp_path, command=["sh", "-c", "echo no such thing; exit 1"])
    failing.start()
    with pytest.raises(Trouble, match="no such thing"):
        failing.await_ready(lambda: False)


def test_a_program_ends_when_the_one_that_started_it_is_killed(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from deploy.minqing.program import Program; "
        f"p = Program('child', {SLEEPER!r}, Path({str(tmp_path)!r}) / 'log', Path({str(tmp_path)!r})); "
        "p.start(); print(p.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        parent.kill()
    await_true(lambda: program.birth(child) is None)


def test_the_services_of_a_killed_run_are_ended_and_strangers_left_alone(tmp_path):
    left, stranger = make(tmp_path, "intake-api"), make(tmp_path, "stranger")
    left.start()
    stranger.start()
    state = tmp_path / "state"
    state.write_text(
        f'{{"intake-api": [{left.pid}, "{program.birth(left.pid)}"], "intake-worker": [{stranger.pid}, "0"]}}'
    )
    reaper = threading.Thread(target=left.process.wait)  # as init does for the children of the killed
    reaper.start()
    supervisor.end_earlier(state)
    reaper.join()
    assert not left.alive()
    assert stranger.alive()
    assert not state.exists()
    stranger.stop()


def test_the_supervisor_stops_all_on_sigterm(tmp_path):
    code = (
        "import sys; from pathlib import Path; from deploy.minqing.program import Program; "
        "from deploy.minqing.supervisor import Supervisor; from deploy.minqing.trouble import silence; "
        f"here = Path({str(tmp_path)!r}); "
        f"watch = Supervisor([Program('child', {SLEEPER!r}, here / 'log', here)], here / 'state', silence); "
        "watch.start(); watch.run()"
    )
    state = tmp_path / "state"
    with subprocess.Popen([sys.executable, "-c", code]) as running:
        await_true(lambda: supervisor.watches(state, running.pid))
        child = supervisor.read_state(state)["child"]
        assert supervisor.alive(*child)
        running.send_signal(signal.SIGTERM)
    assert running.returncode == 0
    assert not supervisor.alive(*child)
