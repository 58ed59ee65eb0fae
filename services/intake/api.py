"""Intake's HTTP door."""

from typing import Any

from flask import Flask, request
from werkzeug.http import parse_dict_header

from services.intake import actions, pages, schemas
from services.intake.domain import Grievance, NewGrievance, Tracking
from shared import idempotency, numbers, service, web
from shared.web.interface import Blueprint

API = Blueprint("intake", __name__, url_prefix="/v1", description="登记与查询 · Registration and tracking")

# How an answer is described that says when to try again.
LATER: dict[str, Any] = {
    "content_type": "application/problem+json",
    "headers": {"Retry-After": {"description": "秒 · seconds", "schema": {"type": "integer"}}},
}


@API.route("/grievances", methods=["POST"])
@web.allow("clerk", "department", scope="register")
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
@web.allow("clerk", "department", "supervisor")
@API.arguments(schemas.Listing, location="query")
@API.response(200, schemas.Grievances)
def listing(wanted: dict[str, Any]) -> dict[str, Any]:
    """The grievances that the caller may see, the newest first, 50 a page."""
    total, grievances = actions.listed(web.service(), web.caller(), **wanted)
    return {"total": total, "page": wanted["page"], "grievances": grievances}


@API.route("/grievances/<number>", methods=["GET"])
@web.allow("clerk", "department", "supervisor")
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


BLUEPRINTS = (API, pages.PAGES)


def create_app() -> Flask:
    """The WSGI application, from the environment."""
    return web.create(service.start("intake"), BLUEPRINTS)
