"""Oversight's HTTP door."""

from typing import Any

from flask import Flask

from services.oversight import actions, pages, schemas
from services.oversight.domain import Notice, Wish
from services.oversight.pages import me, oidc, passkeys, people, policy, publication, sign_in
from shared import service, web
from shared.web import access
from shared.web.interface import Blueprint

API = Blueprint(
    "oversight", __name__, url_prefix="/v1", description="期限与督办 · Deadlines and accountability"
)


@API.route("/deadlines", methods=["GET"])
@web.allow("deadline.read")
@API.arguments(schemas.WantedDeadlines, location="query")
@API.response(200, schemas.Deadlines)
def deadlines(wanted: dict[str, Any]) -> dict[str, Any]:
    """Deadlines by due date (M12), 50 a page: a supervisor sees all, a department its own."""
    total, owed = actions.deadlines(web.service(), web.caller(), wanted)
    return {"total": total, "page": wanted["page"], "deadlines": owed}


@API.route("/notices", methods=["GET"])
@web.public
@API.arguments(schemas.WantedNotices, location="query")
@API.response(200, schemas.Notices)
def notices(wanted: dict[str, Any]) -> dict[str, Any]:
    """The published notices (M15), the newest first, 50 a page; with a supervisor's key, all (M13).

    Withdrawn ones are listed for everyone with `state=withdrawn`.
    """
    total, found = actions.listed_notices(web.service(), access.known(), wanted)
    return {"total": total, "page": wanted["page"], "notices": found}


@API.route("/notices/<notice_id>", methods=["GET"])
@web.public
@API.response(200, schemas.Notice)
def notice(notice_id: str) -> Notice:
    """One notice, published or withdrawn; 404 also where it exists and never was public."""
    return actions.notice(web.service(), access.known(), notice_id)


@API.route("/notices/<notice_id>/publication", methods=["POST"])
@web.allow("notice.decide")
@API.response(200, schemas.Notice)
def propose(notice_id: str) -> Notice:
    """Propose that a notice be published; another supervisor confirms it (S17). 409 if it does not wait."""
    return actions.decide(web.service(), web.caller(), notice_id, Wish("propose"))


@API.route("/notices/<notice_id>/publication/confirm", methods=["POST"])
@web.allow("notice.decide")
@API.arguments(schemas.Seen, required=False)
@API.response(200, schemas.Notice)
def publish(given: dict[str, Any], notice_id: str) -> Notice:
    """Publish what another supervisor proposed. 403 for who proposed it, 409 if nobody did."""
    return actions.decide(web.service(), web.caller(), notice_id, Wish("publish", **given))


@API.route("/notices/<notice_id>/publication/refuse", methods=["POST"])
@web.allow("notice.decide")
@API.arguments(schemas.Reason)
@API.response(200, schemas.Notice)
def refuse(given: dict[str, Any], notice_id: str) -> Notice:
    """Refuse the publication, with a reason; it waits no more. It can be proposed again."""
    return actions.decide(web.service(), web.caller(), notice_id, Wish("refuse", **given))


@API.route("/notices/<notice_id>/withdrawal", methods=["POST"])
@web.allow("notice.decide")
@API.arguments(schemas.Reason)
@API.response(200, schemas.Notice)
def ask_withdrawal(given: dict[str, Any], notice_id: str) -> Notice:
    """Ask that a published notice be withdrawn, with the reason that the public will read."""
    return actions.decide(web.service(), web.caller(), notice_id, Wish("ask_withdrawal", **given))


@API.route("/notices/<notice_id>/withdrawal/confirm", methods=["POST"])
@web.allow("notice.decide")
@API.arguments(schemas.Seen, required=False)
@API.response(200, schemas.Notice)
def withdraw(given: dict[str, Any], notice_id: str) -> Notice:
    """Withdraw what another supervisor asked for; its page says from then on since when and why."""
    return actions.decide(web.service(), web.caller(), notice_id, Wish("withdraw", **given))


@API.route("/notices/<notice_id>/withdrawal/refuse", methods=["POST"])
@web.allow("notice.decide")
@API.arguments(schemas.Reason)
@API.response(200, schemas.Notice)
def keep(given: dict[str, Any], notice_id: str) -> Notice:
    """Refuse the withdrawal, with a reason; the notice stays published."""
    return actions.decide(web.service(), web.caller(), notice_id, Wish("keep", **given))


@API.route("/dashboard", methods=["GET"])
@web.allow("dashboard.read")
@API.response(200, schemas.Dashboard)
def dashboard() -> dict[str, Any]:
    """What is overdue and who owes it, what is due within 3 working days, and the figures (M17)."""
    found = actions.dashboard(web.service(), web.caller())
    departments = {"ranked": found.ranked, "unranked": found.unranked}
    return {**vars(found), "departments": departments}


BLUEPRINTS = (
    API,
    pages.PAGES,
    publication.PUBLICATION,
    sign_in.DOOR,
    passkeys.PASSKEYS,
    oidc.OIDC,
    me.ME,
    people.PEOPLE,
    policy.POLICY,
)


def create_app() -> Flask:
    """The WSGI application, from the environment."""
    return web.create(service.start("oversight"), BLUEPRINTS)
