"""The door for people, of all three services: password, second factor, role.

Each step is a page. What is still missing is asked of the session's row at every step, so none can be left
out by going straight to a later one.
"""

from urllib.parse import urljoin

from flask import Blueprint, g, render_template, request, url_for
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from services.oversight.pages import device
from shared import keyring, web
from shared.identity import accounts, factors, grants, limits, model, passkeys, sessions
from shared.identity.accounts import Account
from shared.identity.passkeys import Site
from shared.identity.sessions import Session
from shared.keyring import Seal, Tampered
from shared.problems import Conflict, Fault, Invalid, NotFound, Unauthenticated
from shared.web import access, cookie

DOOR = Blueprint("door", __name__, template_folder="../templates")

Page = str | Response | tuple[str, int]

WRONG = Fault("login", "登录名或密码不对", "The login name or the password is not right")
NOT_YOURS = Fault("", "现在的密码不对", "That is not your present password")
CODE = Fault("code", "验证码不对，或已经用过", "The code is not right, or was used already")
SHUT = Fault("", "尝试次数过多，请 15 分钟后再试", "Too many tries; try again in 15 minutes")
SHUT_OUT = Fault(
    "",
    "尝试次数过多，请 15 分钟后再试；若是别人所为，可换用您以前登录过的浏览器",
    "Too many tries; wait 15 minutes, or, if they were not yours, use a browser you signed in with before",
)
STALE = Fault(
    "code", "页面已过期，请用这个新密钥重新添加", "This page was too old; add this new secret instead"
)


@DOOR.get("/sign-in")
@web.public
def form() -> str:
    """Login name and password. `next` says where to go afterwards, as `intake:/register`."""
    return _page("sign_in.html")


@DOOR.post("/sign-in")
@access.door
def sign_in() -> Page:
    """Begin a session, if the password is right. An unknown login is answered as a wrong password is."""
    engine, login = web.service().identity, accounts.spelled(request.form.get("login", ""))
    doors = device.at_password(login)
    if not limits.enter(engine, doors):
        return _page("sign_in.html", SHUT_OUT), 429
    found = accounts.verify(engine, login, request.form.get("password", ""))
    if found is None:
        return _page("sign_in.html", WRONG), 401
    limits.succeed(engine, *doors)
    return begin(found.id, found.password)


@DOOR.post("/sign-out")
@access.door
def sign_out() -> Response:
    """End the session of this browser."""
    _leave("signed out")
    response = redirect(url_for(".form"), 303)
    cookie.drop(response)
    return response


@DOOR.get("/sign-in/factor")
@web.public
def factor_form() -> Page:
    """The code of the app, or a recovery code."""
    return factor_page(begun())


@DOOR.post("/sign-in/factor")
@access.door
def factor() -> Page:
    """Take a code, which counts once."""
    engine, session = web.service().identity, begun()
    doors = doors_of(session)
    if not limits.enter(engine, doors):
        return factor_page(session, SHUT), 429
    if not factors.show(engine, _seal(), session.account, request.form.get("code", "")):
        return factor_page(session, CODE), 401
    limits.succeed(engine, *doors)
    return go_on(sessions.show_factor(engine, session.id))


@DOOR.get("/sign-in/enrol")
@web.public
def enrol_form() -> Page:
    """A new secret for the person's app, which is kept once a code shows that the app has it."""
    return _enrolment(begun_to_enrol(), factors.secret())


@DOOR.post("/sign-in/enrol")
@access.door
def enrol() -> Page:
    """Keep the secret; show the recovery codes, once."""
    engine, session = web.service().identity, begun_to_enrol()
    try:
        secret = _seal().open(request.form.get("sealed", ""), f"enrol:{session.id}").decode()
    except Tampered:
        return _enrolment(session, factors.secret(), STALE), 422
    codes = factors.enrol(engine, _seal(), session.account, secret, request.form.get("code", ""))
    if codes is None:
        return _enrolment(session, secret, CODE), 422
    response = Response(recovery_page(codes, url_for(".enter", next=wanted())), mimetype="text/html")
    cookie.keep(response, sessions.show_factor(engine, session.id))
    return response


@DOOR.get("/sign-in/role")
@web.public
def role_form() -> Page:
    """The roles that this person may work in."""
    session = begun()
    account, held = account_of(session), grants.of(web.service().identity, session.account)
    missing = _missing(session, account, held)
    if missing in {"factor", "enrol"}:
        return redirect(_address(missing), 303)
    return render_template("role.html", account=account, held=held, next=wanted())


@DOOR.post("/sign-in/role")
@access.door
def enter() -> Response:
    """Work in the role that was chosen, or in the only one there is."""
    session = begun()
    reference = cookie.read() or ""
    chosen = request.form.get("grant")
    account, held = account_of(session), grants.of(web.service().identity, session.account)
    if chosen is None or "\0" in chosen or _missing(session, account, held) in {"factor", "enrol"}:
        return go_on(reference)
    return _work(session, chosen)


@DOOR.get("/set-up")
@web.public
def set_up_form() -> Page:
    """The page of a link that sets a password. NotFound for one that was used, has expired or never was."""
    return _set_up(request.args.get("link", ""))


@DOOR.post("/set-up")
@access.door
def set_up() -> Page:
    """Set the password; the link is used. The person signs in with it then."""
    link = request.form.get("link", "")
    try:
        account = accounts.set_up(web.service().identity, link, request.form.get("password", ""))
    except Invalid as problem:
        return _set_up(link, *problem.faults), problem.status
    _leave("password")
    response = redirect(url_for(".form", done="1"), 303)
    cookie.drop(response)
    device.remember(response, account)
    return response


def begin(account: str, password: str | None = None) -> Response:
    """Begin a session of whoever has just shown that the account is theirs; lead to the next step.

    `password` is the hash that was matched, which must still be theirs.
    """
    _leave("replaced")
    address, agent = request.remote_addr or "", request.user_agent.string
    return go_on(sessions.begin(web.service().identity, account, address, agent, password))


def recovery_page(codes: list[str], onwards: str) -> str:
    """Recovery codes, shown this once, and where a button leads then (by POST)."""
    return render_template("recovery.html", codes=codes, onwards=onwards)


def factor_page(session: Session, *faults: Fault) -> str:
    """The page that asks for a second factor, of the kinds that the person has."""
    return render_template(
        "factor.html", account=account_of(session), site=here(), next=wanted(), faults=faults
    )


def doors_of(session: Session) -> tuple[str, ...]:
    """What second factors of any kind are counted by, right or wrong."""
    return device.at_factor(account_of(session))


def require_password(account: Account, field: str) -> None:
    """Refuse (Invalid, naming the field) whoever holds the session and does not know the password.

    Only the account's own sessions come here, so strangers cannot shut this door.
    """
    engine, door = web.service().identity, f"password:{account.id}"
    if not limits.enter(engine, [door]):
        raise Invalid(faults=[Fault(field, SHUT.zh, SHUT.en)])
    if accounts.verify(engine, account.login, request.form.get(field, "")) is None:
        raise Invalid(faults=[Fault(field, NOT_YOURS.zh, NOT_YOURS.en)])
    limits.succeed(engine, door)


def here() -> Site | None:
    """Whom passkeys are made for: the address of oversight that browsers see, or this request's own."""
    address = urljoin(request.host_url, web.service().settings.oversight_url)
    return passkeys.site(address, web.service().county.name.zh)


def _set_up(link: str, *faults: Fault) -> str:
    account = accounts.linked(web.service().identity, link)
    if account is None:
        raise NotFound("链接已用过、已过期或不完整", "This link was used, has expired, or is not complete")
    return render_template("set_up.html", account=account, link=link, faults=faults)


def _page(template: str, *faults: Fault) -> str:
    return render_template(template, next=wanted(), typed=request.form, faults=faults)


def _enrolment(session: Session, secret: str, *faults: Fault) -> str:
    account, county = account_of(session), web.service().county
    if account.totp:
        raise Conflict
    return render_template(
        "enrol.html",
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        address=factors.address(secret, account.login, county.name.zh),
        sealed=_seal().close(secret.encode(), f"enrol:{session.id}"),
        site=here(),
        next=wanted(),
        faults=faults,
    )


def go_on(reference: str) -> Response:
    """Lead to the next step; `reference` is the newest one."""
    engine, session = web.service().identity, sessions.living(web.service().identity, reference)
    if session is None:
        raise Unauthenticated
    held = grants.of(engine, session.account)
    missing = _missing(session, account_of(session), held)
    if missing == "enter":
        return _work(session, held[0].id)
    response = redirect(_address(missing), 303)
    cookie.keep(response, reference)
    return response


def _work(session: Session, grant: str) -> Response:
    reference = sessions.enter(web.service().identity, session.id, grant)
    if reference is None:
        raise Conflict
    response = redirect(target(), 303)
    cookie.keep(response, reference)
    device.remember(response, session.account)
    return response


def _missing(session: Session, account: Account, held: list[grants.Grant]) -> str:
    roles = [grant.role for grant in held]
    return model.next_step(roles, has_factor=account.second_factor, shown=session.second_factor)


def _address(step: str) -> str:
    form = {"factor": "factor_form", "enrol": "enrol_form"}.get(step, "role_form")
    return url_for(f"door.{form}", next=wanted())


def begun() -> Session:
    """The session of this browser, though it may have no role yet. Raises Unauthenticated."""
    session = sessions.living(web.service().identity, cookie.read() or "")
    if session is None:
        raise Unauthenticated
    return session


def begun_to_enrol() -> Session:
    """The session of this browser, if it may set up a second factor.

    Raises Conflict where there is one that was not shown: a password alone adds no other beside it.
    """
    session = begun()
    if account_of(session).second_factor and not session.second_factor:
        raise Conflict
    return session


def account_of(session: Session) -> Account:
    """Whose session it is."""
    return accounts.get(web.service().identity, session.account)


def _leave(why: str) -> None:
    session = sessions.living(web.service().identity, cookie.read() or "")
    if session is not None:
        sessions.end(web.service().identity, session.account, session.id, why)


def _seal() -> Seal:
    return keyring.seal(web.service().settings.secrets, "account")


def wanted() -> str:
    """Where the person wanted to go, as it was given; `target` judges it."""
    return str(g.get("wanted", request.values.get("next", "")))


def target() -> str:
    """The address that `next` names: a service of ours and a path of it, or the front page of oversight.

    It can name nothing else, so nobody is led to another site.
    """
    name, _, path = wanted().partition(":")
    ours = web.service().settings.urls
    if name not in ours or not path.isprintable() or path[:1] != "/" or path[1:2] in {"/", "\\"}:
        return f"{ours['oversight'].rstrip('/')}/"
    return ours[name].rstrip("/") + path
