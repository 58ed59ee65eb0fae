"""The cookie of a signed-in browser: a session's reference and when it was last used, signed.

Whoever has it is signed in, so it is for our host alone, never for scripts, and never sent from elsewhere.
The idle limit is judged here, by the time in the cookie, which any service renews: so reading a page writes
nothing to the identity database. All else about a session is judged by its row.
"""

import hashlib
import time
from functools import cache
from pathlib import Path

from flask import Response, g, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response as AnyResponse

from shared import keyring
from shared.identity import sessions
from shared.web.serving import service

NAME = "minqing_session"
IDLE = 30 * 60  # seconds without a request after which a session is over
RENEWED = 60  # seconds after which the time in the cookie is set anew


def read() -> str | None:
    """The reference that this browser sends; None if there is none, or forged, or idle for too long."""
    value = request.cookies.get(name())
    if value is None:
        return None
    try:
        reference, at = _signer().loads(value, max_age=IDLE, return_timestamp=True)
    except BadSignature:
        return None
    g.session_age = time.time() - at.timestamp()
    return str(reference)


def keep(response: AnyResponse, reference: str) -> None:
    """Let the browser keep a reference."""
    g.session_age = 0
    response.set_cookie(
        name(),
        signed(reference),
        max_age=sessions.HOURS * 3600,
        httponly=True,
        samesite="Strict",
        secure=True,
    )


def signed(reference: str) -> str:
    """The cookie's value for a reference that was used now."""
    return str(_signer().dumps(reference))


def drop(response: AnyResponse) -> None:
    """Let the browser forget it, and whatever else it may keep of the pages that were seen."""
    g.session_age = 0
    response.delete_cookie(name(), httponly=True, samesite="Strict", secure=True)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'


def renew(response: Response) -> None:
    """Set the time anew for whoever is signed in and has not been seen for a minute."""
    if g.get("caller") is not None and g.get("session_age", 0) > RENEWED:
        reference = read()
        if reference is not None:
            keep(response, reference)


def name() -> str:
    """What it is called."""
    return prefixed(NAME)


def prefixed(plain: str) -> str:
    """What a cookie is called: over https with the prefix by which no other host or path can set it."""
    return f"__Host-{plain}" if request.is_secure else plain


def _signer() -> URLSafeTimedSerializer:
    return _signer_of(service().settings.secrets)


@cache
def _signer_of(secrets: Path) -> URLSafeTimedSerializer:
    """HMAC-SHA-256 throughout; what itsdangerous does by itself is SHA-1 (ASVS 11.4.1)."""
    keys = list(reversed(keyring.read(secrets / "session.key")))
    made_with = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    return URLSafeTimedSerializer(keys, salt="session", signer_kwargs=made_with)
