"""Intake's HTTP door."""

from typing import Any

from flask import Flask, request
from werkzeug.http import parse_dict_header

from services.intake import actions, pages, schemas
from services.intake.actions import views
from services.intake.domain import Grievance, NewGrievance, Tracking
from services.intake.domain.views import ASKED, View, Wish
from services.intake.pages.views import VIEWS
from shared import idempotency, numbers, service, web
from shared.problems import Forbidden
from shared.web.interface import Blueprint

API = Blueprint("intake", __name__, url_prefix="/v1", description="登记与查询 · Registration and tracking")

# How an answer is described that says when to try again.
LATER: dict[str, Any] = {
    "content_type": "application/problem+json",
    "headers": {"Retry-After": {"description": "秒 · seconds", "schema": {"type": "integer"}}},
}


@API.route("/grievances", methods=["POST"])
@web.allow("grievance.register")
@API.arguments(schemas.NewGrievance())  # made once; a class would be made anew for each request
@API.response(201, schemas.Receipt)
@API.alt_response(429, description="批量登记请稍候 · In bulk, and too much is waiting", **LATER)
@API.alt_response(503, description="暂停登记，没有编号 · Registration is paused, no number", **LATER)
def register(new: NewGrievance) -> dict[str, Any]:
    """Register a grievance (M1). The header `Idempotency-Key` is required and makes a retry safe.

    201 is answered only when the grievance is on disk. The same key with the same body is answered the
    same again; with another body 422. A bulk transfer says `Priority: u=7` (RFC 9218) and is answered 429
    while too much is waiting; a single grievance is not. 503 means that nothing was registered.
    """
    key = idempotency.checked(request.headers.get("Idempotency-Key"))
    grievance, code = actions.register(web.service(), web.caller(), key, new, bulk=_in_bulk())
    return {
        "number": grievance.number,
        "query_code": code,
        "received_at": grievance.received_at,
        "registered_at": grievance.registered_at,
    }


def _in_bulk() -> bool:
    """Whether the caller names the lowest urgency (RFC 9218): no person waits for the answer."""
    return parse_dict_header(request.headers.get("Priority", "")).get("u") == "7"


@API.route("/grievances", methods=["GET"])
@web.allow("grievance.read")
@API.arguments(schemas.Listing, location="query")
@API.response(200, schemas.Grievances)
def listing(wanted: dict[str, Any]) -> dict[str, Any]:
    """The grievances that the caller may see, the newest first, 50 a page."""
    total, grievances = actions.listed(web.service(), web.caller(), **wanted)
    return {"total": total, "page": wanted["page"], "grievances": grievances}


@API.route("/grievances/search", methods=["POST"])
@web.allow("petitioner.search")
@API.arguments(schemas.Search())
@API.response(200, schemas.Grievances)
@API.alt_response(429, description="一小时内次数已满 · Too often within an hour", **LATER)
def search(wanted: dict[str, Any]) -> dict[str, Any]:
    """One person's grievances, but for those shown to two persons only; each search is on record (S12)."""
    total, grievances = views.search(web.service(), pages.viewer(), **wanted)
    return {"total": total, "page": wanted["page"], "grievances": grievances}


@API.route("/grievances/<number>", methods=["GET"])
@web.allow("grievance.read")
@API.response(200, schemas.Grievance)
def grievance(number: str) -> Grievance:
    """One grievance; 404 also where it exists and the caller may not see it, 400 for a wrong check digit."""
    return actions.find(web.service(), web.caller(), number)


@API.route("/track/<number>", methods=["GET"])
@web.public
@API.response(200, schemas.Tracking)
def track(number: str) -> Tracking:
    """What the petitioner may follow. The query code goes in the header `Query-Code`, not in the address."""
    code = request.headers.get("Query-Code", "")
    return actions.track(web.service(), numbers.parse(number), code, request.remote_addr or "")


@API.route("/grievances/<number>/petitioners", methods=["POST"])
@web.allow("petitioner.reveal")
@API.arguments(schemas.Wish())
@API.response(200, schemas.Petitioners)
@API.alt_response(202, schema=schemas.Petitioners, description="须另一人批准 · Another person must approve")
@API.alt_response(429, description="一小时内次数已满 · Too often within an hour", **LATER)
def reveal(wish: Wish, number: str) -> tuple[views.Revealed, int]:
    """Who brought a grievance, for whoever must call them and says why; each time is recorded first (S14).

    Names and phones; `fields` asks for more. For an accusation, and for the unit complained about, another
    person has to approve: 202 says that the request waits. Send the same again within 24 hours of that.
    """
    found = views.reveal(web.service(), pages.viewer(), number, wish)
    return found, 202 if found.state == ASKED else 200


@API.route("/grievances/<number>/views", methods=["GET"])
@web.allow("view.read")
@API.response(200, schemas.Views)
def views_of(number: str) -> dict[str, Any]:
    """Who viewed the petitioners of one grievance, the newest first: the latest 50 lines."""
    found = actions.find(web.service(), web.caller(), number)
    dossier = views.dossier(web.service(), web.caller(), found)
    if dossier.lines is None:
        raise Forbidden
    waiting = [request.asked for request in dossier.waiting]
    return {"total": len(dossier.lines), "page": 1, "views": dossier.lines, "waiting": waiting}


@API.route("/views", methods=["GET"])
@web.allow("view.watch")
@API.arguments(schemas.ViewListing, location="query")
@API.response(200, schemas.Views)
def all_views(wanted: dict[str, Any]) -> dict[str, Any]:
    """Who viewed or searched for any petitioner, the newest first, 50 a page; for supervisors, auditors."""
    book = views.listed(web.service(), web.caller(), **wanted)
    waiting = [request.asked for request in book.waiting]
    return {"total": book.total, "page": wanted["page"], "views": book.lines, "waiting": waiting}


@API.route("/views/<int:n>/<what>", methods=["POST"])
@web.allow("view.decide")
@API.response(200, schemas.View)
def decide(n: int, what: str) -> View:
    """Approve or refuse (`approve`, `refuse`) the request at place `n`: never one's own (S17)."""
    return views.decide(web.service(), pages.viewer(), n, what)


BLUEPRINTS = (API, pages.PAGES, VIEWS)


def create_app() -> Flask:
    """The WSGI application, from the environment."""
    return web.create(service.start("intake"), BLUEPRINTS)
