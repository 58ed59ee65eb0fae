"""Routing's pages: the triage queue for the centre, the ledger for departments."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from services.routing import actions, domain, schemas
from services.routing.domain import Case
from shared import web
from shared.problems import Conflict, Fault, Invalid, NotFound
from shared.web import directory, pages
from shared.web.fields import Paged

PAGES = Blueprint("pages", __name__, template_folder="templates")
PAGES.context_processor(lambda: {"directory": directory, "waits": domain.WAITS})

Page = str | tuple[str, int]
MultiTyped = MultiDict[str, str]
ANSWER = ("outcome", "claim", "facts", "opinion", "basis")


@PAGES.get("/")
@web.allow("triage.read", "task.read", "grievance.read")
def home() -> Response:
    """Where the caller's work waits."""
    if web.may("triage.read"):
        return redirect(url_for(".triage"), 303)
    if web.may("task.read"):
        return redirect(url_for(".ledger"), 303)
    return redirect(f"{web.service().settings.intake_url.rstrip('/')}/grievances", 303)


@PAGES.get("/triage")
@web.allow("triage.read")
def triage() -> str:
    """The cases that wait for a person, the longest waiting first."""
    page = pages.load(Paged(), pages.given(request.args, "page"))["page"]
    total, cases = actions.waiting(web.service(), web.caller(), page)
    links = pages.neighbours(total, page)
    return render_template("triage.html", cases=cases, total=total, links=links, now=web.service().now())


@PAGES.get("/triage/<number>")
@web.allow("triage.read")
def case(number: str) -> str:
    """One case that waits, and the form to decide it."""
    return _case(actions.waiting_case(web.service(), web.caller(), number), MultiDict())


@PAGES.post("/triage/<number>")
@web.allow("triage.decide")
def decide(number: str) -> Response | Page:
    """Assign the case as was chosen; or the form again, saying what is wrong."""
    found, typed = actions.waiting_case(web.service(), web.caller(), number), request.form
    chosen = {"cooperating": typed.getlist("cooperating")} | pages.given(typed, "lead", "reason")
    try:
        actions.decide(web.service(), web.caller(), number, pages.load(schemas.Decision(), chosen))
    except Invalid as problem:
        return _case(found, typed, problem.faults), problem.status
    return redirect(url_for(".triage", done=found.number), 303)


def _case(found: Case, typed: MultiTyped, faults: Any = ()) -> str:
    suggestions = domain.suggest(found, web.service().county)
    return render_template("case.html", case=found, suggestions=suggestions, typed=typed, faults=faults)


@PAGES.get("/ledger")
@web.allow("task.read")
def ledger() -> str:
    """The department's tasks; for whoever watches, those of one department or of all."""
    wanted = pages.load(schemas.Listing(), pages.given(request.args, "page", "state", "department"))
    total, lines = actions.ledger(web.service(), web.caller(), **wanted)
    links = pages.neighbours(total, wanted["page"])
    return render_template("ledger.html", lines=lines, total=total, links=links, typed=wanted)


@PAGES.get("/tasks/<task_id>")
@web.allow("task.read")
def task(task_id: str) -> str:
    """One task: the matter, the ledger, and what the department can do now."""
    return _task(task_id, MultiDict())


@PAGES.post("/tasks/<task_id>/<what>")
@web.allow("task.act")
def act(task_id: str, what: str) -> Response | Page:
    """Do what was chosen; or the task again with all that was typed, saying why not."""
    if what not in ACTS:
        raise NotFound
    try:
        ACTS[what](task_id)
    except Invalid as problem:
        return _task(task_id, request.form, problem.faults, what), problem.status
    except Conflict as problem:
        return _task(task_id, request.form, [Fault(what, problem.zh, problem.en)], what), problem.status
    return redirect(url_for(".task", task_id=task_id, done=what), 303)


def _task(task_id: str, typed: MultiTyped, faults: Any = (), tried: str = "") -> str:
    """The task. What was `tried` and refused stays with what was typed, unless nothing is typed for it."""
    sheet, kept = actions.sheet(web.service(), web.caller(), task_id), {tried} - {"accept"}
    return render_template(
        "task.html",
        sheet=sheet,
        moves=_open(sheet) | kept if web.may("task.act") else (),
        unanswered=domain.unanswered(sheet.case),
        typed=typed,
        faults=faults,
        key=typed.get("key") or secrets.token_urlsafe(16),
    )


def _open(sheet: actions.Sheet) -> set[str]:
    """What would be taken now: also by the time for objections."""
    until, found = sheet.objection_until, set(domain.open_moves(sheet.case, sheet.task))
    return found if until is None or web.service().now() <= until else found - {"object"}


def _accept(task_id: str) -> None:
    actions.act(web.service(), web.caller(), task_id, domain.accept)


def _object(task_id: str) -> None:
    given = pages.load(schemas.Objection(), pages.given(request.form, "reason"))
    actions.object_to(web.service(), web.caller(), task_id, given["reason"])


def _progress(task_id: str) -> None:
    given = pages.load(schemas.Progress(), pages.given(request.form, "note"))
    actions.progress(web.service(), web.caller(), task_id, given["note"], request.form.get("key"))


def _explain(task_id: str) -> None:
    words = pages.load(schemas.Explanation(), pages.given(request.form, "explanation"))["explanation"]
    actions.act(web.service(), web.caller(), task_id, lambda case, act: domain.explain(case, act, words))


def _answer(task_id: str) -> None:
    given = pages.load(schemas.Answer(), pages.given(request.form, *ANSWER))
    actions.answer(web.service(), web.caller(), task_id, given)


ACTS: Mapping[str, Callable[[str], None]] = {
    "accept": _accept,
    "object": _object,
    "progress": _progress,
    "explain": _explain,
    "answer": _answer,
}
