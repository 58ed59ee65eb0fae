"""Signing in at the county's OpenID provider, where one is configured; linking oneself to it.

The provider's page leads back to `come_back`, a page that sends on what it was given from our own origin:
so nothing changes by GET, and the cookies of the attempt and of the session are never sent from elsewhere.
"""

import time
from dataclasses import asdict

import orjson
from flask import Blueprint, g, render_template, request, url_for
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from services.oversight.pages import sign_in
from shared import keyring, telemetry, web
from shared.identity import accounts, limits, oidc, subjects
from shared.identity.oidc import Attempt, Refused
from shared.identity.subjects import Subject
from shared.keyring import Seal, Tampered
from shared.problems import Fault, Invalid, NotFound
from shared.settings import Provider
from shared.web import access, cookie

OIDC = Blueprint("oidc", __name__, template_folder="../templates")

Page = str | Response | tuple[str, int]

LIVES = 600  # seconds from the button until the browser is back
GIVEN = ("code", "state", "error", "iss")  # what the provider leads back with

FAILED = Fault(
    "oidc",
    "统一身份认证没有成功，请重试，或用登录名和密码登录",
    "Unified sign-in did not succeed; try again, or use your login name and password",
)
UNLINKED = Fault(
    "oidc",
    "该统一身份没有关联可用的账户。请先用密码登录，在“我的账户”中关联",
    "No account that can be used is linked to that identity; sign in with your password and link it under "
    "“My account”",
)


@OIDC.get("/sign-in/oidc")
@web.public
def begin() -> Page:
    """Lead the browser to the provider. `next` says where to go after signing in."""
    return _begin(oidc.attempt("", request.args.get("next", "")))


@OIDC.get("/me/oidc")
@web.allow("me")
def begin_link() -> Page:
    """Lead whoever is signed in to the provider, to show who they are there."""
    return _begin(oidc.attempt(web.caller().key, ""))


@OIDC.get("/sign-in/oidc/return")
@web.public
def come_back() -> Page:
    """The page that the provider leads back to; it sends on what it was given, and changes nothing."""
    _provider()
    if "state" not in request.args:
        return redirect(url_for("door.form"), 303)
    given = {name: request.args[name] for name in GIVEN if name in request.args}
    return render_template("oidc_return.html", given=given)


@OIDC.post("/sign-in/oidc/return")
@access.door
def finish() -> Page:
    """Begin a session of whom the provider knows, as after a password; or let them confirm the link."""
    provider, engine = _provider(), web.service().identity
    door = limits.of_address(request.remote_addr)
    if not limits.enter(engine, [door]):
        return _page(sign_in.SHUT), 429
    try:
        begun = _begun()
        found = _redeem(provider, begun)
    except Refused as error:
        telemetry.log.warning("oidc refused", why=str(error))
        return _page(FAILED), 401
    if begun.session:
        return _confirmation(begun.session, found)
    account = subjects.account(engine, found)
    if account is None:
        return _page(UNLINKED), 401
    limits.take_back(engine, door)
    return sign_in.begin(account)


@OIDC.post("/me/oidc")
@web.allow("me")
def link() -> Page:
    """Keep the link, for whoever knows the password."""
    engine, session = web.service().identity, web.caller().key
    try:
        found = Subject(**orjson.loads(_seal().open(request.form.get("sealed", ""), f"subject:{session}")))
    except Tampered as error:
        raise NotFound from error
    try:
        sign_in.require_password(accounts.get(engine, web.caller().account or ""), "current")
    except Invalid as problem:
        return _confirm(session, found, *problem.faults), problem.status
    subjects.link(engine, web.caller().account or "", found)
    return redirect(url_for("me.home", done="linked"), 303)


@OIDC.post("/me/oidc/end")
@web.allow("me")
def unlink() -> Response:
    """Undo my link; my other sessions end."""
    account = web.caller().account or ""
    subjects.unlink(web.service().identity, account, account, web.caller().key)
    return redirect(url_for("me.home", done="unlinked"), 303)


@OIDC.post("/people/<account>/oidc/end")
@web.allow("people.change")
def unlink_other(account: str) -> Response:
    """Undo somebody's link; all their sessions end."""
    subjects.unlink(web.service().identity, account, web.caller().account or "", None)
    return redirect(url_for("people.one", account=account, done="1"), 303)


def _begin(begun: Attempt) -> Page:
    try:
        place = oidc.address(_provider(), begun, _back())
    except Refused as error:
        telemetry.log.warning("oidc refused", why=str(error))
        return _page(FAILED), 503
    response = redirect(place, 303)
    sealed = _seal().close(orjson.dumps(asdict(begun)), "attempt")
    response.set_cookie(_cookie(), sealed, max_age=LIVES, httponly=True, samesite="Strict", secure=True)
    return response


def _begun() -> Attempt:
    """The attempt of this browser that comes back now, for the first time. Raises Refused."""
    try:
        begun = Attempt(**orjson.loads(_seal().open(request.cookies.get(_cookie(), ""), "attempt")))
    except Tampered as error:
        raise Refused("this browser began none") from error
    g.wanted = begun.wanted
    if time.time() - begun.begun > LIVES:
        raise Refused("begun too long ago")
    if not keyring.equal(begun.state, request.form.get("state", "")):
        raise Refused("of another browser, or of another attempt")
    if not subjects.spend(web.service().identity, begun.state):
        raise Refused("came back before")
    return begun


def _redeem(provider: Provider, begun: Attempt) -> Subject:
    if request.form.get("iss", provider.issuer) != provider.issuer:  # RFC 9207
        raise Refused("led back by another issuer")
    if "error" in request.form:
        raise Refused(f"the provider says {request.form['error'][:80]!r}")
    return oidc.redeem(provider, begun, request.form.get("code", ""), _back())


def _confirmation(session: str, found: Subject) -> Page:
    """Ask for the password before a link is kept, in the session that began it."""
    caller = access.known()
    if caller is None or caller.key != session:
        return _page(FAILED), 401
    limits.take_back(web.service().identity, limits.of_address(request.remote_addr))
    return _confirm(session, found)


def _confirm(session: str, found: Subject, *faults: Fault) -> str:
    sealed = _seal().close(orjson.dumps(asdict(found)), f"subject:{session}")
    return render_template("oidc_link.html", found=found, sealed=sealed, faults=faults)


def _page(*faults: Fault) -> str:
    wanted = g.get("wanted", request.args.get("next", ""))
    return render_template("sign_in.html", next=wanted, typed={}, faults=faults)


def _provider() -> Provider:
    """The provider that is configured. Raises NotFound where there is none."""
    found = web.service().settings.provider
    if found is None:
        raise NotFound
    return found


def _back() -> str:
    """The one address that the provider may lead back to; it has to know it beforehand."""
    return web.service().settings.oversight_url.rstrip("/") + "/sign-in/oidc/return"


def _cookie() -> str:
    return cookie.prefixed("minqing_attempt")


def _seal() -> Seal:
    return keyring.seal(web.service().settings.secrets, "account")
