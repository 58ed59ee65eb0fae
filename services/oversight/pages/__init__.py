"""Oversight's pages: the supervisors' dashboard, deadlines, and the public notices."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.oversight import actions, schemas
from services.oversight.pages import publication
from shared import web
from shared.web import directory, pages

PAGES = Blueprint("pages", __name__, template_folder="../templates")
PAGES.context_processor(lambda: {"directory": directory})

FIRST = 8  # deadlines in a block of the dashboard; the rest is one click away


@PAGES.get("/")
@web.public
def home() -> Response:
    """The dashboard for whoever watches, people for an administrator, the notices for everyone else."""
    if web.may("people.change"):
        return redirect(url_for("people.listing"), 303)
    return redirect(url_for(".dashboard" if web.may("dashboard.read") else ".notices"), 303)


@PAGES.get("/dashboard")
@web.allow("dashboard.read")
def dashboard() -> str:
    """What is overdue and who owes it, before all figures."""
    found = actions.dashboard(web.service(), web.caller())
    present = f"{found.at.astimezone(web.service().calendar.timezone):%Y-%m}"
    months = {month.month: month.batches for month in found.months}
    return render_template(
        "dashboard.html",
        found=found,
        first=FIRST,
        most=max(months.values(), default=1),
        received=months.get(present, 0),
    )


@PAGES.get("/deadlines")
@web.allow("deadline.read")
def deadlines() -> str:
    """Deadlines by due date: all for whoever watches, a leader's area, a department's own."""
    wanted = pages.load(schemas.WantedDeadlines(), pages.given(request.args, "page", "state", "department"))
    total, owed = actions.deadlines(web.service(), web.caller(), wanted)
    return _list("deadlines.html", owed, total, wanted)


@PAGES.get("/notices")
@web.public
def notices() -> str:
    """Who was named in public, the newest first; whoever watches sees what was only served as well."""
    asked = pages.given(request.args, "page", "department", "rung", "number", "state")
    wanted = pages.load(schemas.WantedNotices(), asked)
    total, found = actions.listed_notices(web.service(), web.access.known(), wanted)
    return _list("notices.html", found, total, wanted)


def _list(template: str, found: Sequence[Any], total: int, wanted: dict[str, Any]) -> str:
    links = pages.neighbours(total, wanted["page"])
    now = web.service().now()
    return render_template(template, found=found, total=total, typed=wanted, links=links, now=now)


@PAGES.get("/notices/<notice_id>")
@web.public
def notice(notice_id: str) -> str:
    """One notice: who owed what since when, and by which law. It holds no word of the grievance."""
    return publication.page(notice_id)
