"""Oversight's HTTP door."""

from typing import Any

from flask import Flask

from services.oversight import actions, pages, schemas
from services.oversight.domain import Notice
from services.oversight.pages import me, people, sign_in
from shared import service, web
from shared.web import access
from shared.web.interface import Blueprint

API = Blueprint(
    "oversight", __name__, url_prefix="/v1", description="期限与督办 · Deadlines and accountability"
)


@API.route("/deadlines", methods=["GET"])
@web.allow("department", "supervisor")
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
    """The published notices (M15), the newest first, 50 a page; with a supervisor's key, all (M13)."""
    total, found = actions.listed_notices(web.service(), access.known(), wanted)
    return {"total": total, "page": wanted["page"], "notices": found}


@API.route("/notices/<notice_id>", methods=["GET"])
@web.public
@API.response(200, schemas.Notice)
def notice(notice_id: str) -> Notice:
    """One notice; 404 also where it exists and is not published."""
    return actions.notice(web.service(), access.known(), notice_id)


@API.route("/dashboard", methods=["GET"])
@web.allow("supervisor")
@API.response(200, schemas.Dashboard)
def dashboard() -> dict[str, Any]:
    """What is overdue and who owes it, what is due within 3 working days, and the figures (M17)."""
    found = actions.dashboard(web.service())
    departments = {"ranked": found.ranked, "unranked": found.unranked}
    return {**vars(found), "departments": departments}


BLUEPRINTS = (API, pages.PAGES, sign_in.DOOR, me.ME, people.PEOPLE)


def create_app() -> Flask:
    """The WSGI application, from the environment."""
    return web.create(service.start("oversight"), BLUEPRINTS)
