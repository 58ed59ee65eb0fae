"""Sends requests as fast as they are answered, over a fixed number of connections, and takes the time.

By wrk where it is installed, since it hardly takes any of the processor that the server needs; else by
threads of our own, which slow down whatever they measure.
"""

import http.client
import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

CONNECTIONS = 16
SCRIPT = Path(__file__).with_name("load.lua")
WRK = shutil.which("wrk")
CLIENT = "wrk" if WRK else "Python"


@dataclass(frozen=True)
class Result:
    """What came of a run: answers, the seconds it took, times of answers in milliseconds, and failures."""

    answers: int
    seconds: float
    p50: float
    p99: float
    failed: int

    @property
    def rate(self) -> float:
        """Requests that were granted, per second."""
        return (self.answers - self.failed) / self.seconds


@dataclass(frozen=True)
class Target:
    """Where to send what: an address, a file with one JSON body a line, an access key."""

    url: str
    bodies: Path
    key: str

    def run(self, prefix: str, seconds: int) -> Result:
        """Send for some seconds, with keys of this prefix, which may not come twice."""
        return (_run_wrk if WRK else _run_threads)(self, prefix, seconds)


def _run_wrk(target: Target, prefix: str, seconds: int) -> Result:
    command = [str(WRK), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(SCRIPT), target.url, "--"]
    command += [str(target.bodies), prefix, target.key]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Result(**json.loads(done.stderr))


def _run_threads(target: Target, prefix: str, seconds: int) -> Result:
    bodies, numbers = target.bodies.read_text().splitlines(), count(1)
    began = time.monotonic()

    def work(_: int) -> list[tuple[float, int]]:
        return list(_talk(target, prefix, bodies, _until(numbers, began + seconds)))

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        answers = [answer for part in pool.map(work, range(CONNECTIONS)) for answer in part]
    taken = statistics.quantiles([milliseconds for milliseconds, _ in answers], n=100)
    failed = sum(status >= 400 for _, status in answers)
    return Result(len(answers), time.monotonic() - began, taken[49], taken[98], failed)


def _until(numbers: Iterator[int], end: float) -> Iterator[int]:
    """Numbers that no other thread gets, until the end."""
    while time.monotonic() < end:
        yield next(numbers)


def _talk(
    target: Target, prefix: str, bodies: list[str], numbers: Iterator[int]
) -> Iterator[tuple[float, int]]:
    """Send over one connection; milliseconds and status of each answer."""
    address = urlsplit(target.url)
    connection = http.client.HTTPConnection(address.netloc)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {target.key}"}
    for number in numbers:
        began = time.monotonic()
        keyed = headers | {"Idempotency-Key": f"{prefix}{number}"}
        connection.request("POST", address.path, bodies[number % len(bodies)].encode(), keyed)
        answer = connection.getresponse()
        answer.read()
        yield (time.monotonic() - began) * 1000, answer.status
