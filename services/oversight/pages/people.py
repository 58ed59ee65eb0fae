"""Administration: people, their roles, what waits for a second person, keys, and who changed what.

Administrators act, auditors read. Whatever is done here is kept in `identity_change`.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

from flask import Blueprint, render_template, request, url_for
from marshmallow import Schema, fields, validate
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from shared import identity, language, web, words
from shared.identity import accounts, changes, grants, links, model, sessions, subjects
from shared.problems import Fault, Invalid, NotFound
from shared.web import directory, pages
from shared.web.fields import Paged, Words, identifier, one_of

PEOPLE = Blueprint("people", __name__, url_prefix="/people", template_folder="../templates")
PEOPLE.context_processor(lambda: {"directory": directory, "people": model.PEOPLE})

Page = str | Response | tuple[str, int]
SCOPE = {"department": "departments", "office": "offices", "station": "places", "area": "places"}


class NewRole(Schema):
    """A role with its scope, as the form has it."""

    role = one_of(model.PEOPLE)
    department, office, station, area = identifier(), identifier(), identifier(), identifier()


class NewPerson(NewRole):
    """A person with their first role."""

    login = fields.String(required=True, validate=validate.Length(2, 40))
    name = Words(most=60, required=True)


@PEOPLE.get("")
@web.allow("people.read")
def listing() -> Page:
    """Everyone, and the roles that wait for a second person."""
    return _listing({}, ())


@PEOPLE.post("")
@web.allow("people.change")
def add() -> Page:
    """A new person with a role and a set-up link, each of which another administrator confirms."""
    typed, by = request.form, _me()
    try:
        new = _load(NewPerson(), "login", "name", "role", *model.PARTS)
        with web.service().identity.begin() as tx:
            account = accounts.add(tx, new["login"], new["name"], by)
            grants.ask(tx, account, new["role"], _scope(new), by)
            links.ask(tx, account, by)
    except Invalid as problem:
        return _listing(typed, problem.faults), problem.status
    return _done(account)


@PEOPLE.get("/<account>")
@web.allow("people.read")
def one(account: str) -> Page:
    """One person: their roles and sessions."""
    return _person(account)


@PEOPLE.post("/<account>/roles")
@web.allow("people.change")
def ask(account: str) -> Page:
    """Ask for one more role of a person."""
    try:
        new = _load(NewRole(), "role", *model.PARTS)
        with web.service().identity.begin() as tx:
            grants.ask(tx, accounts.get(web.service().identity, account).id, new["role"], _scope(new), _me())
    except Invalid as problem:
        return _person(account, faults=problem.faults), problem.status
    return _done(account)


@PEOPLE.post("/<account>/link")
@web.allow("people.change")
def ask_for_link(account: str) -> Response:
    """Ask for a new set-up link of a person, which another administrator confirms."""
    engine = web.service().identity
    with engine.begin() as tx:
        links.ask(tx, accounts.get(engine, account).id, _me())
    return _done(account)


@PEOPLE.post("/<account>/link/confirm")
@web.allow("people.change")
def confirm_link(account: str) -> Page:
    """Make the link that another administrator asked for; show it, once, to whoever confirms."""
    return _person(account, link=links.confirm(web.service().identity, account, _me()))


@PEOPLE.post("/<account>/link/refuse")
@web.allow("people.change")
def refuse_link(account: str) -> Response:
    """Take back a request for a link, or refuse it."""
    links.refuse(web.service().identity, account, _me())
    return redirect(url_for(".listing", done="1"), 303)


@PEOPLE.post("/<account>/disable")
@web.allow("people.change")
def disable(account: str) -> Response:
    """Shut an account, with all its sessions."""
    accounts.disable(web.service().identity, account, _me())
    return _done(account)


@PEOPLE.post("/<account>/enable")
@web.allow("people.change")
def enable(account: str) -> Response:
    """Open an account again."""
    accounts.enable(web.service().identity, account, _me())
    return _done(account)


@PEOPLE.post("/<account>/sessions/<session>/end")
@web.allow("people.change")
def end_session(account: str, session: str) -> Response:
    """End one session of a person."""
    engine = web.service().identity
    if not sessions.end(engine, account, session, "administrator"):
        raise NotFound
    with engine.begin() as tx:
        changes.note(tx, _me(), "session.ended", account)
    return _done(account)


@PEOPLE.post("/grants/<grant>/confirm")
@web.allow("people.change")
def confirm(grant: str) -> Response:
    """Confirm a role that another administrator asked for. Forbidden to whoever asked, and for oneself."""
    grants.confirm(web.service().identity, grant, _me())
    return redirect(url_for(".listing", done="1"), 303)


@PEOPLE.post("/grants/<grant>/end")
@web.allow("people.change")
def end_grant(grant: str) -> Response:
    """Take a role away, or refuse one that waits."""
    grants.end(web.service().identity, grant, _me())
    return redirect(url_for(".listing", done="1"), 303)


@PEOPLE.get("/keys")
@web.allow("people.read")
def keys() -> Page:
    """All access keys; what they are is not a secret, what they say was never kept."""
    return render_template("keys.html", found=identity.listed(web.service().identity))


@PEOPLE.post("/keys/<key>/revoke")
@web.allow("people.change")
def revoke(key: str) -> Response:
    """End a key at once."""
    if not identity.revoke(web.service().identity, key, _me()):
        raise NotFound
    return redirect(url_for(".keys"), 303)


@PEOPLE.get("/changes")
@web.allow("people.read")
def changed() -> Page:
    """What changed about people and their rights, by whom."""
    page = pages.load(Paged(), pages.given(request.args, "page"))["page"]
    total, found = changes.listed(web.service().identity, page)
    links = pages.neighbours(total, page)
    return render_template("changes.html", found=found, total=total, named=_namer(), links=links)


def _listing(typed: Any, faults: Any) -> str:
    engine = web.service().identity
    return render_template(
        "people.html",
        found=accounts.listed(engine),
        held=grants.all_of(engine),
        waiting=grants.waiting(engine),
        asked=links.waiting(engine),
        named=_namer(),
        typed=typed,
        faults=faults,
    )


def _person(account: str, link: str = "", faults: Any = ()) -> str:
    engine = web.service().identity
    return render_template(
        "person.html",
        found=accounts.get(engine, account),
        held=grants.all_of(engine).get(account, []),
        living=sessions.listed(engine, account),
        linked=subjects.of(engine, account),
        asked=any(each.account == account for each in links.waiting(engine)),
        last=grants.last_administrator(engine) == account,
        link=_address(link) if link else "",
        typed=request.form,
        faults=faults,
    )


def _address(link: str) -> str:
    """Where a person sets their password: at our own address, whatever host this request was sent to."""
    ours = urljoin(request.host_url, web.service().settings.oversight_url)
    return f"{ours.rstrip('/')}{url_for('door.set_up_form', link=link)}"


def _load(schema: Schema, *names: str) -> Any:
    """What was typed; refuses (Invalid) also a place or a body that the county does not have."""
    new = pages.load(schema, pages.given(request.form, *names))
    known = {part: getattr(web.service().county, name) for part, name in SCOPE.items()}
    wrong = [part for part in model.PARTS if new[part] is not None and new[part] not in known[part]]
    if wrong:
        raise Invalid(faults=[Fault(part, "县名录中没有", "The county has no such entry") for part in wrong])
    return new


def _scope(new: dict[str, Any]) -> dict[str, str | None]:
    return {part: new[part] for part in model.PARTS}


def _namer() -> Callable[[str], str]:
    """What an account is called, by its id; and who acts that is none."""
    names = {account.id: account.login for account in accounts.listed(web.service().identity)}
    names |= {actor: language.text(said) for actor, said in words.IDENTITY_ACTORS.items()}
    return lambda id_: names.get(id_, id_)


def _done(account: str) -> Response:
    return redirect(url_for(".one", account=account, done="1"), 303)


def _me() -> str:
    return web.caller().account or ""
