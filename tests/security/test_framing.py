"""Where a request ends: the real server, run as in production, asked with requests that say it twice."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import World

ROOT = Path(__file__).resolve().parents[2]
WAIT = 20.0  # seconds for the server to listen
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
SENT = b"POST /livez HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def port(shared_world: World) -> Iterator[int]:
    """Where gunicorn serves intake, with the project's own configuration."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    own = {"MINQING_BIND": f"127.0.0.1:{number}", "MINQING_WEB_WORKERS": "1", "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "deploy/gunicorn.py",
        "services.intake.api:create_app()",
    ]
    program = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **shared_world.environment("intake"), **own},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await(number)
        yield number
    finally:
        program.send_signal(signal.SIGQUIT)  # at once: nobody waits for an answer
        program.wait(timeout=30)


def _await(port: int) -> None:
    end = time.monotonic() + WAIT
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < end, "the server does not listen"


def _ask(port: int, *sent: bytes) -> bytes:
    """What the server answers to each bit that is sent, until it closes or says no more for a second."""
    with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
        return b"".join(_answer(line, each) for each in sent)


def _answer(line: socket.socket, sent: bytes) -> bytes:
    said = b""
    try:
        line.sendall(sent)
        while got := line.recv(65536):
            said += got
    except OSError:  # no more for a second, or closed before all was sent
        pass
    return said


@pytest.mark.parametrize(
    "doubtful",
    [
        b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
        b"Content-Length: +0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"X-Folded: a\r\n b\r\n\r\n",
    ],
)
def test_a_request_whose_end_is_doubtful_is_refused_with_what_follows_it(port: int, doubtful: bytes) -> None:
    said = _ask(port, SENT + doubtful + NEXT, NEXT)
    assert said.startswith(b"HTTP/1.1 4") or said.startswith(b"HTTP/1.1 501"), said[:80]
    assert said.count(b"HTTP/1.1 ") == 1, said


def test_two_whole_requests_are_two(port: int) -> None:
    said = _ask(port, SENT + b"Content-Length: 0\r\n\r\n", NEXT)
    assert b"HTTP/1.1 405" in said and b"HTTP/1.1 404" in said
