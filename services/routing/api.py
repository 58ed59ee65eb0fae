"""Routing's HTTP door."""

from typing import Any

from flask import Flask, request

from services.routing import actions, domain, pages, schemas
from services.routing.actions import Sheet
from services.routing.domain import Answer, Case, Decision
from shared import service, web
from shared.web.fields import Paged
from shared.web.interface import Blueprint

API = Blueprint("routing", __name__, url_prefix="/v1", description="分派与台账 · Triage and ledgers")


@API.route("/triage", methods=["GET"])
@web.allow("triage.read")
@API.arguments(Paged, location="query")
@API.response(200, schemas.Queue)
def triage(wanted: dict[str, Any]) -> dict[str, Any]:
    """The cases that wait for a person (M7), the longest waiting first, 50 a page; for the centre."""
    total, cases = actions.waiting(web.service(), web.caller(), wanted["page"])
    return {"total": total, "page": wanted["page"], "waiting": [_waiting(case) for case in cases]}


def _waiting(case: Case) -> dict[str, Any]:
    code = case.waits or ""
    return {
        "case": case,
        "waits": {"code": code, "zh": domain.WAITS[code].zh, "en": domain.WAITS[code].en},
        "triaged_at": case.triaged_at,
        "suggestions": domain.suggest(case, web.service().county),
    }


@API.route("/triage/<number>/decision", methods=["POST"])
@web.allow("triage.decide")
@API.arguments(schemas.Decision)
@API.response(200, schemas.Case)
def decide(decision: Decision, number: str) -> Case:
    """Assign a case that waits (M7), with a reason; this settles objections (M9). 409 if it does not wait."""
    return actions.decide(web.service(), web.caller(), number, decision)


@API.route("/ledger", methods=["GET"])
@web.allow("task.read")
@API.arguments(schemas.Listing, location="query")
@API.response(200, schemas.Ledger)
def ledger(wanted: dict[str, Any]) -> dict[str, Any]:
    """The department's tasks (M10), the newest first, 50 a page; a supervisor reads any department's."""
    total, lines = actions.ledger(web.service(), web.caller(), **wanted)
    return {"total": total, "page": wanted["page"], "tasks": lines}


@API.route("/tasks/<task_id>", methods=["GET"])
@web.allow("task.read")
@API.response(200, schemas.Sheet)
def task(task_id: str) -> Sheet:
    """One task, `<number>.<department>`, with the case and its ledger; 404 also for another department's."""
    return actions.sheet(web.service(), web.caller(), task_id)


@API.route("/tasks/<task_id>/accept", methods=["POST"])
@web.allow("task.act")
@API.response(200, schemas.Sheet)
def accept(task_id: str) -> Sheet:
    """Take the task. 409 if it was taken, or cannot be."""
    return actions.act(web.service(), web.caller(), task_id, domain.accept)


@API.route("/tasks/<task_id>/object", methods=["POST"])
@web.allow("task.act")
@API.arguments(schemas.Objection)
@API.response(200, schemas.Sheet)
def object_to(given: dict[str, Any], task_id: str) -> Sheet:
    """Object in writing to being assigned (M9). 409 when the time for it is over, or after a designation."""
    return actions.object_to(web.service(), web.caller(), task_id, given["reason"])


@API.route("/tasks/<task_id>/progress", methods=["POST"])
@web.allow("task.act")
@API.arguments(schemas.Progress)
@API.response(200, schemas.Sheet)
def progress(given: dict[str, Any], task_id: str) -> Sheet:
    """Write progress into the ledger (M10). The header `Idempotency-Key`, if sent, makes a retry safe."""
    key = request.headers.get("Idempotency-Key")
    return actions.progress(web.service(), web.caller(), task_id, given["note"], key)


@API.route("/tasks/<task_id>/explain", methods=["POST"])
@web.allow("task.act")
@API.arguments(schemas.Explanation)
@API.response(200, schemas.Sheet)
def explain(given: dict[str, Any], task_id: str) -> Sheet:
    """Tell the petitioners who does what on a linked case (M8): by the lead, once."""
    words = given["explanation"]
    return actions.act(
        web.service(), web.caller(), task_id, lambda case, act: domain.explain(case, act, words)
    )


@API.route("/tasks/<task_id>/answer", methods=["POST"])
@web.allow("task.act")
@API.arguments(schemas.Answer)
@API.response(200, schemas.Sheet)
def answer(given: Answer, task_id: str) -> Sheet:
    """Answer (M11, Art. 32): a department for its part, the lead for the whole case after all others."""
    return actions.answer(web.service(), web.caller(), task_id, given)


BLUEPRINTS = (API, pages.PAGES)


def create_app() -> Flask:
    """The WSGI application, from the environment."""
    return web.create(service.start("routing"), BLUEPRINTS)
