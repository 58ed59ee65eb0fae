"""Passkeys at the door and on my page: shown as second factor, added, removed.

A browser makes and shows one by script alone (`passkey.js`), so each takes two steps: a form is answered by a
page with a challenge, and that page sends the answer as a form. A challenge is made by POST, so what GET
gives under the same address is the step before.
"""

from flask import Blueprint, render_template, request, url_for
from marshmallow import Schema
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from services.oversight.pages import sign_in
from shared import web
from shared.identity import accounts, grants, limits, model, passkeys, sessions
from shared.identity.passkeys import Site
from shared.identity.sessions import Session
from shared.problems import Fault, Invalid, NotFound
from shared.web import access, cookie, pages
from shared.web.fields import Words

PASSKEYS = Blueprint("passkeys", __name__, template_folder="../templates")

Page = str | Response | tuple[str, int]


class NewPasskey(Schema):
    """What its owner calls a passkey."""

    name = Words(most=60, required=True)


class Removed(Schema):
    """Which passkey is to go."""

    passkey = Words(most=60, required=True)


@PASSKEYS.get("/sign-in/passkey")
@web.public
def show_form() -> Response:
    """Back to the page that asks for the second factor."""
    return redirect(url_for("door.factor_form", next=sign_in.wanted()), 303)


@PASSKEYS.post("/sign-in/passkey")
@access.door
def ask_to_show() -> Page:
    """A challenge for the passkeys of whoever gave their password."""
    challenge = passkeys.challenge_to_show(web.service().identity, sign_in.begun(), _here())
    return _challenge(challenge, ".show", url_for("door.factor_form", next=sign_in.wanted()))


@PASSKEYS.post("/sign-in/passkey/answer")
@access.door
def show() -> Page:
    """Take a passkey's answer, which counts once, as the second factor."""
    engine, session = web.service().identity, sign_in.begun()
    doors = sign_in.doors_of(session)
    if not limits.enter(engine, doors):
        return sign_in.factor_page(session, sign_in.SHUT), 429
    try:
        passkeys.show(engine, session, _here(), request.form.get("answer", ""))
    except Invalid as problem:
        return sign_in.factor_page(session, *problem.faults), 401
    limits.succeed(engine, *doors)
    return sign_in.go_on(sessions.show_factor(engine, session.id))


@PASSKEYS.get("/sign-in/enrol/passkey")
@web.public
def add_form() -> Page:
    """What a new passkey is to be called; whoever is at work already gives their password too."""
    return _adding(sign_in.begun_to_enrol())


@PASSKEYS.post("/sign-in/enrol/passkey")
@access.door
def ask_to_add() -> Page:
    """A challenge for the browser to make a passkey."""
    session = sign_in.begun_to_enrol()
    try:
        name = _name()
        if session.grant is not None:
            sign_in.require_password(sign_in.account_of(session), "current")
    except Invalid as problem:
        return _adding(session, *problem.faults), problem.status
    challenge = passkeys.challenge_to_add(web.service().identity, session, _here())
    return _challenge(challenge, ".add", url_for(".add_form", next=sign_in.wanted()), name)


@PASSKEYS.post("/sign-in/enrol/passkey/answer")
@access.door
def add() -> Page:
    """Keep the passkey that was made; show the recovery codes, once, if it is the first second factor."""
    session = sign_in.begun_to_enrol()
    try:
        answer = request.form.get("answer", "")
        codes = passkeys.add(web.service().identity, session, _here(), _name(), answer)
    except Invalid as problem:
        return _adding(session, *problem.faults), problem.status
    return _added(session, codes)


@PASSKEYS.get("/me/passkeys")
@web.allow("me")
def listing() -> Page:
    """My passkeys."""
    return _listing()


@PASSKEYS.post("/me/passkeys/remove")
@web.allow("me")
def remove() -> Page:
    """Remove one of my passkeys, for whoever knows the password.

    Raises NotFound for one that is not mine, Conflict for the last second factor of a role that needs one.
    """
    engine, account = web.service().identity, web.caller().account or ""
    try:
        chosen = pages.load(Removed(), pages.given(request.form, "passkey"))["passkey"]
        sign_in.require_password(accounts.get(engine, account), "current")
    except Invalid as problem:
        return _listing(*problem.faults), problem.status
    passkeys.remove(engine, account, chosen)
    return redirect(url_for(".listing", done="removed"), 303)


def _here() -> Site:
    """Whom passkeys are made for. Raises NotFound where the address is a number, which no browser takes."""
    site = sign_in.here()
    if site is None:
        raise NotFound("通行密钥须以域名访问本系统", "Passkeys need an address with a name")
    return site


def _name() -> str:
    return str(pages.load(NewPasskey(), pages.given(request.form, "name"))["name"])


def _challenge(challenge: str, answer: str, back: str, name: str = "") -> str:
    """The page on which a browser answers, to the view `answer`."""
    return render_template(
        "passkey.html",
        challenge=challenge,
        adds=answer == ".add",
        action=url_for(answer),
        back=back,
        name=name,
        next=sign_in.wanted(),
    )


def _adding(session: Session, *faults: Fault) -> str:
    return render_template(
        "add_passkey.html",
        site=sign_in.here(),
        at_work=session.grant is not None,
        typed=request.form,
        next=sign_in.wanted(),
        faults=faults,
    )


def _added(session: Session, codes: list[str]) -> Response:
    """Show the codes, if there are new ones; lead to where the person was or wanted to go."""
    reference = sessions.show_factor(web.service().identity, session.id)
    response = redirect(sign_in.target(), 303)
    if codes:
        onwards = url_for("me.seen") if session.grant else url_for("door.enter", next=sign_in.wanted())
        response = Response(sign_in.recovery_page(codes, onwards), mimetype="text/html")
    cookie.keep(response, reference)
    return response


def _listing(*faults: Fault) -> str:
    engine, account = web.service().identity, web.caller().account or ""
    mine, found = accounts.get(engine, account), passkeys.listed(engine, account)
    roles = [grant.role for grant in grants.of(engine, account)]
    return render_template(
        "passkeys.html",
        found=found,
        names=[(each.id, each.name) for each in found],
        bound=mine.passkeys == 1 and not mine.totp and model.needs_factor(roles),
        site=sign_in.here(),
        faults=faults,
    )
