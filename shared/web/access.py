"""Who may call what. Denied unless allowed: a view that does not say who may call it stops the start.

A machine sends its access key as `Authorization: Bearer …`. A person enters theirs once at `/sign-in`;
a signed cookie then names the key, which is looked up again for every request, so that a revoked key ends
both at once. (Accounts and roles with a second factor replace this; callers stay as they are.)
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import Blueprint, Flask, current_app, g, redirect, render_template, request, url_for
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from shared import identity, keyring
from shared.identity.model import Caller
from shared.problems import Fault, Forbidden, Unauthenticated
from shared.service import Service

View = TypeVar("View", bound=Callable[..., Any])

COOKIE = "minqing_session"
SECONDS = 12 * 3600  # a session ends after this, whatever was done in it
UNGUARDED = frozenset({"static", "openapi_json"})  # views that libraries bring
REFUSED = Fault("key", "密钥无效、已过期或已停用", "This key is wrong, expired or revoked")


def allow(*roles: str) -> Callable[[View], View]:
    """Let callers with one of these roles use the view."""

    def mark(view: View) -> View:
        view.roles = frozenset(roles)  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Let anyone use the view."""
    view.roles = None  # type: ignore[attr-defined]
    return view


def caller() -> Caller:
    """Who sent this request, on a view that is not public."""
    return cast(Caller, g.caller)


def known() -> Caller | None:
    """Who sent this request, if they said so; for what a page shows, never for what it allows."""
    if "caller" not in g:
        g.caller = _authenticate()
    return cast("Caller | None", g.caller)


def admit() -> None:
    """Refuse the request unless its view allows its caller (Unauthenticated, Forbidden)."""
    view = current_app.view_functions.get(request.endpoint or "")
    roles = getattr(view, "roles", None)
    if view is None or roles is None:
        return
    found = known()
    if found is None:
        raise Unauthenticated
    if found.role not in roles:
        raise Forbidden


def require_marks(app: Flask) -> None:
    """Raise RuntimeError naming the views that do not say who may call them."""
    unmarked = [
        endpoint
        for endpoint, view in app.view_functions.items()
        if not hasattr(view, "roles") and endpoint.rpartition(".")[2] not in UNGUARDED
    ]
    if unmarked:
        raise RuntimeError(f"views without @allow or @public: {', '.join(sorted(unmarked))}")


def _authenticate() -> Caller | None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return identity.verify(_service().identity, key.strip())
    if COOKIE in request.cookies and _same_origin():
        return _session(request.cookies[COOKIE])
    return None


def _session(cookie: str) -> Caller | None:
    try:
        return identity.holder(_service().identity, str(_signer().loads(cookie, max_age=SECONDS)))
    except BadSignature:
        return None


def _same_origin() -> bool:
    """A form of another site must not act with our cookie: only reading is allowed without an own origin."""
    if request.method in ("GET", "HEAD"):
        return True
    return urlsplit(request.headers.get("Origin", "")).netloc == request.host


def _service() -> Service:
    return cast(Service, current_app.extensions["minqing"])


def _signer() -> URLSafeTimedSerializer:
    return _signer_of(_service().settings.secrets)


@cache
def _signer_of(secrets: Path) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(list(reversed(keyring.read(secrets / "session.key"))), salt="session")


def blueprint() -> Blueprint:
    """The pages for signing in and out, and the files that all pages use."""
    made = Blueprint("shared", __name__, template_folder="../templates", static_folder="../static")
    made.add_url_rule("/sign-in", view_func=sign_in_form, methods=["GET"])
    made.add_url_rule("/sign-in", view_func=sign_in, methods=["POST"])
    made.add_url_rule("/sign-out", view_func=sign_out, methods=["POST"])
    return made


@public
def sign_in_form() -> str:
    """The page where a person enters their access key; `next` is the page they wanted."""
    return render_template("sign_in.html", next=_own_path(request.args.get("next")))


@public
def sign_in() -> Response | tuple[str, int]:
    """Start a session for the holder of a live key; show the form again for any other."""
    wanted = _own_path(request.form.get("next"))
    found = identity.verify(_service().identity, request.form.get("key", "").strip())
    if found is None:
        return render_template("sign_in.html", next=wanted, faults=[REFUSED]), 401
    response = redirect(wanted, 303)
    response.set_cookie(
        COOKIE,
        str(_signer().dumps(found.key)),
        max_age=SECONDS,
        httponly=True,
        samesite="Strict",
        secure=True,
    )
    return response


@public
def sign_out() -> Response:
    """End the session of this browser."""
    response = redirect(url_for("shared.sign_in_form"), 303)
    response.delete_cookie(COOKIE)
    return response


def _own_path(wanted: str | None) -> str:
    """A path of this site, or the front page: another site's (`//evil`, `https:`) is refused.

    So are control characters: a browser drops them, and `/<tab>/evil` becomes `//evil`.
    """
    safe = wanted is not None and wanted.isprintable() and re.match(r"/(?![/\\])", wanted)
    return wanted if safe and wanted else "/"
