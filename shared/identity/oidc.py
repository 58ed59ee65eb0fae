"""Signing in at an OpenID provider: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0).

We ask the configured issuer's host and nobody else, follow no redirect, and wait and read only so much (S16).
What it says is believed when it is signed with a key that it publishes, for us, for this attempt, and now.
"""

import hashlib
import secrets
import ssl
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.identity.subjects import Subject
from shared.settings import Provider

# No "none", and nothing that whoever knows our secret, or a public key, could sign.
SIGNED = [kind + size for kind in ("RS", "PS", "ES") for size in ("256", "384", "512")] + ["EdDSA", "Ed25519"]
MUST = jwt.ClaimsOption(essential=True)
SKEW = 60  # seconds by which the provider's clock may differ from ours
SECONDS = 5  # that we wait for an answer
MOST = 100_000  # bytes of an answer
LONGEST = 255  # letters of a subject (Core 1.0, 2)
AT_ONCE = threading.BoundedSemaphore(2)  # a provider that hangs must not take every thread of a process


class Refused(Exception):
    """The provider cannot be asked, or its answer cannot be believed; the message, for the log, says why."""


@dataclass(frozen=True)
class Attempt:
    """One try of one browser, from the button until it comes back.

    `session` is the one whose person links themselves; empty for signing in. `wanted` is where to go then.
    """

    state: str
    nonce: str
    verifier: str
    begun: float
    session: str
    wanted: str


@dataclass(frozen=True)
class Metadata:
    """Where a provider is asked for what (OpenID Connect Discovery 1.0)."""

    authorization: str
    token: str
    keys: str


def attempt(session: str, wanted: str) -> Attempt:
    """A new attempt, that nobody can guess anything of."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Attempt(state, nonce, verifier, time.time(), session, wanted)


def address(provider: Provider, begun: Attempt, back: str) -> str:
    """Where a browser signs in at the provider, anew even if it is known there; it is led `back` then.

    Raises Refused if the provider cannot be asked for it.
    """
    challenge = urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": provider.client,
        "redirect_uri": back,
        "scope": "openid profile",
        "state": begun.state,
        "nonce": begun.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "prompt": "login",
    }
    place = _discover(provider).authorization
    return f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}"


def redeem(provider: Provider, begun: Attempt, code: str, back: str) -> Subject:
    """Who signed in, for a code that came with this attempt. Raises Refused for whatever is not right."""
    places = _discover(provider)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "code_verifier": begun.verifier,
    }
    ours = httpx.BasicAuth(quote(provider.client, safe=""), quote(provider.secret, safe=""))
    token = _ask(provider, "POST", places.token, data=form, auth=ours).get("id_token")
    keys = _ask(provider, "GET", places.keys)
    return _subject(provider, begun, _claims(token, keys))


def _claims(token: Any, keys: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return jwt.decode(str(token), KeySet.import_key_set(keys), algorithms=SIGNED).claims  # type: ignore[arg-type]
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"the token is not signed by the provider: {error!r}") from error


def _subject(provider: Provider, begun: Attempt, claims: Mapping[str, Any]) -> Subject:
    """Judge what was signed (Core 1.0, 3.1.3.7)."""
    expected = jwt.JWTClaimsRegistry(
        leeway=SKEW,
        iss={"essential": True, "value": provider.issuer},
        nonce={"essential": True, "value": begun.nonce},
        azp={"value": provider.client},
        sub=MUST,
        exp=MUST,
        iat=MUST,
    )
    try:
        expected.validate(dict(claims))
        anew = claims.get("auth_time", begun.begun) >= begun.begun - SKEW
    except (JoseError, ValueError, TypeError) as error:
        raise Refused(f"the token does not hold: {error!r}") from error
    if not anew:
        raise Refused("the provider did not ask for the password anew")
    if claims.get("aud") not in (provider.client, [provider.client]):
        raise Refused("the token is not for us alone")
    id_ = claims["sub"]
    if len(id_) > LONGEST or not (id_.isascii() and id_.isprintable()):
        raise Refused("the subject is no name of a subject")
    called = str(claims.get("preferred_username") or claims.get("name") or id_)
    return Subject(provider.issuer, id_, "".join(filter(str.isprintable, called))[:LONGEST])


def _discover(provider: Provider) -> Metadata:
    said = _ask(provider, "GET", provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
    if said.get("issuer") != provider.issuer:
        raise Refused(f"the provider calls itself {said.get('issuer')!r}")
    named = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    found = Metadata(*(str(said.get(name)) for name in named))
    _require_own(provider, found.authorization)
    return found


def _ask(provider: Provider, method: str, url: str, **given: Any) -> Mapping[str, Any]:
    """The JSON object at an address of the provider's."""
    _require_own(provider, url)
    with _turn():
        try:
            answer = orjson.loads(_fetch(method, url, **given))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise Refused(f"{url}: {error!r}") from error
    if not isinstance(answer, dict):
        raise Refused(f"{url}: not an object")
    return answer


def _fetch(method: str, url: str, **given: Any) -> bytes:
    """The body of an answer, as it comes: nothing is unpacked, so that it cannot grow."""
    end, body = time.monotonic() + SECONDS, bytearray()
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    with (
        httpx.Client(timeout=SECONDS, verify=_trusted(), trust_env=False, headers=headers) as client,
        client.stream(method, url, **given) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise Refused(f"{url}: {answer.status_code}")
        for piece in answer.iter_raw():
            body += piece
            if len(body) > MOST or time.monotonic() > end:
                raise Refused(f"{url}: too much, or too slow")
    return bytes(body)


@contextmanager
def _turn() -> Iterator[None]:
    if not AT_ONCE.acquire(blocking=False):
        raise Refused("others are being asked for already")
    try:
        yield
    finally:
        AT_ONCE.release()


def _require_own(provider: Provider, url: str) -> None:
    """Refuse any address but of the issuer's own scheme, host and port, whatever its documents name."""
    try:
        own = urlsplit(url)[:2] == urlsplit(provider.issuer)[:2]
    except ValueError as error:
        raise Refused(f"no address: {url}") from error
    if not own:
        raise Refused(f"not at the issuer: {url}")


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that this machine trusts: a county's own is among them."""
    return ssl.create_default_context()
