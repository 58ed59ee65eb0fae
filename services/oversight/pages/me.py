"""What people see of themselves: their roles, their sessions, their password and second factor."""

from flask import Blueprint, render_template, request, url_for
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from services.oversight.pages import device, sign_in
from shared import web
from shared.identity import accounts, changes, factors, grants, sessions, subjects
from shared.identity.accounts import Account
from shared.problems import Fault, Invalid, NotFound
from shared.web import cookie

ME = Blueprint("me", __name__, url_prefix="/me", template_folder="../templates")

Page = str | Response | tuple[str, int]


@ME.get("")
@web.allow("me")
def home() -> Page:
    """My roles, my sessions, my password, my second factor."""
    return _page()


@ME.post("/sessions/<session>/end")
@web.allow("me")
def end(session: str) -> Response:
    """End one of my sessions. Raises NotFound for one that is not mine, or is over."""
    if not sessions.end(web.service().identity, _account(), session, "own"):
        raise NotFound
    return redirect(url_for(".home", done="session"), 303)


@ME.post("/sessions/end-others")
@web.allow("me")
def end_others() -> Response:
    """End all of my sessions but this one."""
    with web.service().identity.begin() as tx:
        sessions.end_others(tx, _account(), web.caller().key, "own")
        changes.note(tx, _account(), "session.ended", _account())
    return redirect(url_for(".home", done="session"), 303)


@ME.post("/password")
@web.allow("me")
def change_password() -> Page:
    """A new password, for whoever knows the present one; my other sessions end."""
    engine, new = web.service().identity, request.form.get("password", "")
    try:
        sign_in.require_password(_mine(), "current")
        accounts.change_password(engine, _mine(), new, web.caller().key)
    except Invalid as problem:
        return _page(*problem.faults), problem.status
    response = redirect(url_for(".home", done="password"), 303)
    device.remember(response, _account())
    return response


@ME.post("/recovery")
@web.allow("me")
def renew_codes() -> Page:
    """Ten new recovery codes, for whoever knows the password; the old ones are worth nothing."""
    try:
        sign_in.require_password(_mine(), "again")
    except Invalid as problem:
        return _page(*problem.faults), problem.status
    return sign_in.recovery_page(factors.renew_codes(web.service().identity, _account()), url_for(".seen"))


@ME.post("/recovery/seen")
@web.allow("me")
def seen() -> Response:
    """Back to my page; changes nothing."""
    return redirect(url_for(".home"), 303)


def _page(*faults: Fault) -> str:
    engine = web.service().identity
    return render_template(
        "me.html",
        account=_mine(),
        held=grants.of(engine, _account()),
        living=sessions.listed(engine, _account()),
        left=factors.left(engine, _account()),
        linked=subjects.of(engine, _account()),
        idle=cookie.IDLE // 60,
        faults=faults,
    )


def _account() -> str:
    return web.caller().account or ""


def _mine() -> Account:
    return accounts.get(web.service().identity, _account())
