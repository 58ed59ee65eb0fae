"""The pages of identity: who brought a grievance, for a reason; and who was shown it."""

from typing import Any

from flask import Blueprint, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from services.intake import pages, schemas
from services.intake.actions import views
from services.intake.domain.views import ASKED
from shared import web, words
from shared.problems import Fault, Invalid, Malformed
from shared.web import directory
from shared.web.pages import given, load, neighbours

VIEWS = Blueprint("views", __name__, template_folder="../templates")
VIEWS.context_processor(lambda: {"directory": directory})

Page = str | tuple[str, int]


@VIEWS.get("/grievances/<number>/petitioners")
@web.allow("petitioner.reveal")
def form(number: str) -> str:
    """Where one says why one must know who brought a grievance. It shows nobody yet."""
    known = views.sheet(web.service(), pages.viewer(), number)
    asked = known.request.asked if known.request and known.request.lasts(web.service().now()) else None
    typed = {"reason": asked.reason, "fields": asked.fields} if asked else {}
    return _form(known, typed)


@VIEWS.post("/grievances/<number>/petitioners")
@web.allow("petitioner.reveal")
def reveal(number: str) -> Page:
    """Who brought a grievance, recorded first; or that a second person has to approve."""
    typed = request.form
    wanted = given(typed, "reason") | {"fields": typed.getlist("fields")}
    try:
        wish = load(schemas.Wish(), wanted)
        found = views.reveal(web.service(), pages.viewer(), number, wish)
    except Invalid as problem:
        known = views.sheet(web.service(), pages.viewer(), number)
        return _form(known, wanted, problem.faults), problem.status
    if found.state == ASKED:
        return _form(views.sheet(web.service(), pages.viewer(), number), wanted), 202
    columns = directory.choices({name: words.IDENTITY_FIELDS[name] for name in wish.fields})
    return render_template("petitioners.html", found=found, columns=columns, reason=wish.reason)


def _form(known: views.Sheet, typed: dict[str, Any], faults: Any = ()) -> str:
    return render_template(
        "reveal.html",
        known=known,
        standing=known.request and known.request.standing(web.service().now()),
        typed=typed,
        faults=faults,
    )


@VIEWS.post("/views/<int:n>/<what>")
@web.allow("view.decide")
def decide(n: int, what: str) -> Response:
    """Approve or refuse what somebody else asked to see, and see that it is on record."""
    decided = views.decide(web.service(), pages.viewer(), n, what)
    return redirect(
        url_for("pages.grievance", number=decided.number, done=decided.what, _anchor="views"), 303
    )


@VIEWS.get("/views")
@web.allow("view.watch")
def listing() -> Page:
    """Everybody who looked at an identity, the newest first; for supervisors and auditors."""
    typed: MultiDict[str, str] = request.args
    try:
        wanted = load(schemas.ViewListing(), given(typed, "page", "number", "who"))
        book = views.listed(web.service(), web.caller(), **wanted)
    except Malformed as problem:
        faults = [Fault("number", problem.zh, problem.en)]
        return render_template("views.html", typed=typed, faults=faults), problem.status
    links = neighbours(book.total, wanted["page"])
    return render_template("views.html", typed=wanted, book=book, links=links)
