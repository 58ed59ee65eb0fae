"""The whole suite as a person runs it: real processes, from nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.minqing import suite
from tests.world import grievance

pytestmark = pytest.mark.timeout(600)


def free_base() -> int:
    """A base whose ports above are free."""
    for base in range(20000, 30000, 20):
        probes = [socket.socket() for _ in range(11)]
        try:
            for offset, probe in enumerate(probes):
                probe.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        else:
            return base
        finally:
            for probe in probes:
                probe.close()
    raise AssertionError("no free ports")


@pytest.fixture
def minqing(data: Path) -> Iterator[object]:
    def minqing(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "deploy.minqing", *map(str, words), f"--data={data}"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    yield minqing
    minqing("down")


@pytest.fixture
def up(minqing):
    """`minqing up` in the background, on ports of its own."""
    words = ("up", "--detach", "--no-samples", f"--port-base={free_base()}")
    return lambda: minqing(*words)


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """A file with one grievance."""
    file = tmp_path / "one.jsonl"
    file.write_text(json.dumps(grievance()))
    return file


def test_a_suite_starts_from_nothing_survives_a_kill_and_goes_on_with_its_data(minqing, up, one, data):
    started = up()
    assert "Ready" in started.stdout, started.stdout + started.stderr
    assert minqing("import", one).returncode == 0

    again = up()
    assert again.returncode == 1
    assert "runs on" in again.stdout

    os.kill(suite.holder(data), signal.SIGKILL)
    assert up().returncode == 0
    status = json.loads(minqing("status", "--json").stdout)
    assert {(s["api"], s["worker"]) for s in status["services"].values()} == {("ready", "alive")}
    assert (status["counts"]["registered"], status["counts"]["parked"]) == (1, 0)

    assert minqing("down").returncode == 0
    assert minqing("status").returncode == 1
