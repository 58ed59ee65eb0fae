"""A provider that says whatever a test lets it say, over real HTTP on the loopback."""

import base64
import hmac
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import orjson
from joserfc import jwt
from joserfc.jwk import RSAKey

from shared.settings import Provider

CLIENT, SECRET = "minqing", "a secret: of two/words"  # pragma: allowlist secret
TOKEN, KEYS, DISCOVERY = "/token", "/keys", "/.well-known/openid-configuration"
OWN = RSAKey.generate_key(2048, {"kid": "own"})
STRANGE = RSAKey.generate_key(2048, {"kid": "own"})


@dataclass
class Answer:
    """What is said at one path. `gate` is waited for before anything is said."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    gate: threading.Event | None = None


@dataclass
class Forger:
    """What it says, by path, and what it was asked."""

    issuer: str
    says: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self.discovers()
        self.says[KEYS] = Answer(orjson.dumps({"keys": [OWN.as_dict(private=False)]}))

    @property
    def provider(self) -> Provider:
        """The settings that lead to it."""
        return Provider(self.issuer, CLIENT, SECRET)

    def discovers(self, **changes: str) -> None:
        """Say where what is asked, with changes."""
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": self.issuer + TOKEN,
            "jwks_uri": self.issuer + KEYS,
        }
        self.says[DISCOVERY] = Answer(orjson.dumps(said | changes))

    def claims(self, nonce: str | None, **changes: Any) -> dict[str, Any]:
        """What an honest provider would sign, with changes; None takes a claim away."""
        now = int(time.time())
        good = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "lin-1",
            "nonce": nonce,
            "iat": now,
            "exp": now + 300,
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    def gives(self, token: Any) -> None:
        """Give this ID token for any code."""
        self.says[TOKEN] = Answer(
            orjson.dumps({"access_token": "a", "token_type": "Bearer", "id_token": token})
        )


def signed(claims: dict[str, Any], key: RSAKey = OWN) -> str:
    """An ID token, as an honest provider signs it, or with another key of the same name."""
    return jwt.encode({"alg": "RS256", "kid": "own"}, claims, key)


def unsigned(claims: dict[str, Any]) -> str:
    """An ID token that nobody signed."""
    return f"{_part({'alg': 'none'})}.{_part(claims)}."


def shared(claims: dict[str, Any], secret: bytes) -> str:
    """An ID token signed with a secret, or with what is known to everybody taken for one."""
    body = f"{_part({'alg': 'HS256', 'kid': 'own'})}.{_part(claims)}"
    return f"{body}.{_text(hmac.digest(secret, body.encode(), 'sha256'))}"


def _part(said: dict[str, Any]) -> str:
    return _text(orjson.dumps(said))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@contextmanager
def serving() -> Iterator[Forger]:
    """It, on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Door)
    server.daemon_threads = True
    forger = server.forger = Forger(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield forger
    finally:
        for answer in forger.says.values():
            if answer.gate is not None:
                answer.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Door(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        forger: Forger = self.server.forger  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        forger.asked.append((self.path, form, self.headers.get("Authorization", "")))
        forger.arrived.release()
        said = forger.says.get(self.path, Answer(b"", 404))
        if said.gate is not None:
            said.gate.wait()
        self.send_response(said.status)
        for name, value in ({"Content-Length": str(len(said.body))} | said.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said.body)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
