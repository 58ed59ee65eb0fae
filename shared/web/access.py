"""Who may call what. Denied unless allowed: a view that does not say who may call it stops the start.

A machine sends its access key as `Authorization: Bearer …`. A person signs in at oversight; the cookie that
they get there counts for all three services, and its session is looked up again for every request, so that
one that was ended anywhere is ended everywhere.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Flask, current_app, g, request

from shared import identity, policy
from shared.identity import sessions
from shared.identity.model import Caller
from shared.problems import Forbidden, Unauthenticated
from shared.settings import Settings
from shared.web import cookie
from shared.web.serving import service

View = TypeVar("View", bound=Callable[..., Any])

UNGUARDED = frozenset({"static", "openapi_json"})  # views that libraries bring
READING = ("GET", "HEAD")
ROOT = Path(__file__).parents[1]


def allow(*actions: str) -> Callable[[View], View]:
    """Let callers use the view who may do one of these actions (`policy.ACTIONS`), to some rows at least.

    To which rows is asked where the rows are: `service.reach`. Raises KeyError for an unknown action.
    """
    for action in actions:
        policy.ACTIONS[action]
    return lambda view: _mark(view, actions=actions)


def public(view: View) -> View:
    """Let anyone use the view."""
    return _mark(view, actions=())


def door(view: View) -> View:
    """Let anyone use the view, but only from a page of ours: it changes who the browser is."""
    return _mark(view, actions=(), own=True)


def _mark(view: View, **marks: Any) -> View:
    vars(view).update(marks)
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
    if getattr(view, "own", False) and not _same_origin():
        raise Forbidden
    actions = getattr(view, "actions", ())
    if not actions:
        return
    if known() is None:
        raise Unauthenticated
    if not any(map(may, actions)):
        raise Forbidden


def may(action: str) -> bool:
    """Whether whoever sent this request may do an action, to some rows at least."""
    return policy.allows(known(), action)


def require_marks(app: Flask) -> None:
    """Raise RuntimeError naming the views that do not say who may call them."""
    unmarked = [
        endpoint
        for endpoint, view in app.view_functions.items()
        if not hasattr(view, "actions") and endpoint.rpartition(".")[2] not in UNGUARDED
    ]
    if unmarked:
        raise RuntimeError(f"views without @allow or @public: {', '.join(sorted(unmarked))}")


def _authenticate() -> Caller | None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return identity.verify(service().identity, key.strip())
    reference = cookie.read() if _same_origin() else None
    return None if reference is None else sessions.caller(service().identity, reference)


def _same_origin() -> bool:
    """A form of another site must not act with our cookie: only reading is allowed without an own origin."""
    if request.method in READING:
        return True
    if request.headers.get("Sec-Fetch-Site") == "cross-site":  # said by the browser; no page can forge it
        return False
    origin = request.headers.get("Origin", "")  # anything may stand there: it is compared, never taken apart
    return origin.partition("://")[2] == request.host or origin in origins(service().settings)


def origins(settings: Settings) -> list[str]:
    """Where our pages are, as `https://host:port`: forms of one service may lead to another."""
    parts = [urlsplit(url) for url in settings.urls.values()]
    return sorted({f"{part.scheme}://{part.netloc}" for part in parts if part.netloc})


def sign_in_link(path: str = "/") -> str:
    """Where a person signs in, who is led back to `path` of this service then."""
    given = service()
    return f"{given.settings.oversight_url.rstrip('/')}/sign-in?" + urlencode(
        {"next": f"{given.name}:{path}"}
    )


def blueprint() -> Blueprint:
    """The files and templates that all pages use."""
    return Blueprint("shared", __name__, template_folder=ROOT / "templates", static_folder=ROOT / "static")
