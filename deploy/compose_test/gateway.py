"""The gateway as an enemy meets it: raw bytes, many slow connections, and what must not come through."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from deploy.compose_test import journey
from deploy.compose_test.suite import SERVICES, Suite, require, say

SLOW = 100  # connections of each kind
QUICK = 5.0  # seconds in which an ordinary request has its answer all the same
INNER = [
    *("/metrics", "/readyz", "/internal/outbox", "//metrics", "/./metrics", "/x/../metrics", "/metrics/"),
    *("/%6detrics", "/%2fmetrics", "/metrics%2f", "/x%2f..%2fmetrics", "/x/..;/metrics", "/metrics;x"),
    *("/%256detrics", "/metrics#x", "http://elsewhere/metrics", "/intake/../metrics", "/x?/../metrics"),
]
POST = b"POST /track HTTP/1.1\r\nHost: a\r\n"
HIDDEN = b"0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
MALFORMED = {
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + HIDDEN,
    "length and chunks": POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n" + HIDDEN,
    "two encodings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n" + HIDDEN,
    "unknown encoding": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + HIDDEN,
    "space before colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + HIDDEN,
    "negative length": POST + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    "no length that is one": POST + b"Content-Length: 6, 6\r\n\r\n" + HIDDEN,
    "broken chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + HIDDEN,
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "NUL in the address": b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "above the root": b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
    "headers without end": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"x" * 40_000 + b"\r\n\r\n",
    "an address without end": b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "a body without end": POST + b"Content-Length: 2000000\r\n\r\n",
}
LIES = [
    "Host: elsewhere.example",
    *(
        "X-Forwarded-Proto: https",
        "X_Forwarded_Proto: https",
        "X-Forwarded-Ssl: on",
        "Forwarded: proto=https",
    ),
    *(
        "X-Forwarded-Host: elsewhere.example",
        "X-Forwarded-Prefix: //elsewhere.example",
        "X-Real-IP: 127.0.0.1",
    ),
]


def withstand(suite: Suite, key: str) -> None:
    """It leads to each service and nowhere inside, believes no caller, and goes on while others are slow."""
    for service in SERVICES:
        title = suite.send(f"/{service}/openapi.json", {})["info"]["title"]
        require(service in title, f"/{service}/ leads to {title}")
    for path in INNER:
        statuses = ask(suite, f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        require(statuses in (["404"], ["400"]), f"{path} passes the gateway: {statuses}")
    for what, sent in MALFORMED.items():
        statuses = ask(suite, sent)
        require(len(statuses) == 1 and "400" <= statuses[0] < "502", f"{what}: {statuses}")
    check_belief(suite)
    check_patience(suite, key)


def check_belief(suite: Suite) -> None:
    """A caller says https and another host: no answer believes it."""
    sent = "\r\n".join(["GET /sign-in HTTP/1.1", *LIES, "Connection: close", "\r\n"]).encode()
    answer = converse(suite, sent)
    require(answer.startswith(b"HTTP/1.1 200 "), f"/sign-in: {answer[:200]!r}")
    for trace in (b"strict-transport-security", b"elsewhere.example", b"__host-"):
        require(trace not in answer.lower(), f"a caller is believed: {trace!r}")


def check_patience(suite: Suite, key: str) -> None:
    """Ordinary requests are answered beside many connections that send slowly, or nothing."""
    kinds = (POST, POST + b"Content-Length: 900000\r\n\r\n" + b"x" * 600_000)
    with ExitStack() as stack:
        for sent in kinds * SLOW:
            stack.enter_context(connected(suite)).sendall(sent)
        began = time.monotonic()
        journey.register(suite, key)
        took = time.monotonic() - began
    require(took < QUICK, f"{2 * SLOW} slow connections: {took:.1f} s for an ordinary request")
    say(f"{2 * SLOW} 个慢连接之旁，一次登记用时 | beside slow connections a registration took {took:.2f} s")


def ask(suite: Suite, sent: bytes) -> list[str]:
    """The statuses of all answers to some bytes: more than one if the gateway saw more than one request."""
    return [
        each.decode() for each in re.findall(rb"^HTTP/1\.[01] (\d+) ", converse(suite, sent), re.MULTILINE)
    ]


def converse(suite: Suite, sent: bytes) -> bytes:
    """Send bytes and return all that is answered until the gateway is done with the connection."""
    with connected(suite) as connection:
        connection.sendall(sent)
        return b"".join(_received(connection))


def _received(connection: socket.socket) -> Iterator[bytes]:
    try:
        while part := connection.recv(65536):
            yield part
    except (ConnectionResetError, TimeoutError):
        return  # it did not wait for the rest, or waits for more requests


@contextmanager
def connected(suite: Suite) -> Iterator[socket.socket]:
    """Give a connection to the gateway."""
    address = urlsplit(suite.url)
    with socket.create_connection((address.hostname or "", address.port or 80), timeout=10) as connection:
        yield connection
