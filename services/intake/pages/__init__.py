"""Intake's pages: tracking for petitioners, registration and lists for staff."""

import secrets
from itertools import takewhile
from typing import Any

from flask import Blueprint, render_template, request
from werkzeug.datastructures import MultiDict

from services.intake import actions, schemas
from services.intake.actions import views as identity  # this package has a `views` of its own
from services.intake.domain import Grievance
from services.intake.domain.views import Viewer
from shared import idempotency, numbers, policy, web
from shared.county.model import Clock
from shared.problems import Fault, Forbidden, Invalid, Malformed, NoRoom, NotFound
from shared.web import answers, directory, pages

PAGES = Blueprint("pages", __name__, template_folder="../templates")
PAGES.context_processor(lambda: {"directory": directory})

MATTER = ("kind", "office", "channel", "urgency", "category", "place", "unit", "summary", "text")
PERSON = ("name", "phone", "id_number", "address", "representative")
BEIJING = "+08:00"  # the time zone in which people type times


def viewer() -> Viewer:
    """Who sent this request, from where and when, as the record of views keeps it."""
    service, caller = web.service(), web.caller()
    return Viewer(caller, request.remote_addr or "", service.now(), policy.units(caller, service.county))


@PAGES.get("/")
@web.public
def home() -> str:
    """What the centre does and within what time."""
    clocks = web.service().county.clocks.values()
    return render_template("home.html", clocks=[clock for clock in clocks if _for_all(clock)])


def _for_all(clock: Clock) -> bool:
    """Whether a clock tells any petitioner what to expect, whatever the kind or the channel."""
    return clock.duty and clock.shown and not (clock.kinds or clock.channels or clock.urgencies)


@PAGES.get("/track")
@web.public
def track_form() -> str:
    """Where a petitioner enters number and query code."""
    return render_template("track.html", typed={})


@PAGES.post("/track")
@web.public
def track() -> str | tuple[str, int]:
    """How a grievance stands. The code comes in a form, so that it is in no address and no history."""
    typed = request.form
    try:
        number = numbers.parse(typed.get("number", ""))
        found = actions.track(web.service(), number, typed.get("code", ""), request.remote_addr or "")
    except (Malformed, NotFound) as problem:
        field = "number" if isinstance(problem, Malformed) else "code"
        faults = [Fault(field, problem.zh, problem.en)]
        return render_template("track.html", typed=typed, faults=faults), problem.status
    return render_template("tracking.html", found=found, now=web.service().now())


@PAGES.get("/register")
@web.allow("grievance.register")
def register_form() -> str:
    """An empty form, with the key that makes sending it twice harmless."""
    return _form(MultiDict(), [{}])


@PAGES.post("/register")
@web.allow("grievance.register")
def register() -> tuple[str, int] | tuple[str, int, dict[str, str]]:
    """Register what was typed, and show the receipt; or the form again, saying what is wrong."""
    typed, people = request.form, _people()
    try:
        new = pages.load(schemas.NewGrievance(), _matter(typed) | {"petitioners": people})
        key = idempotency.checked(typed.get("key"))
        grievance, code = actions.register(web.service(), web.caller(), key, new)
    except Invalid as problem:
        return _form(typed, people, [_placed(fault) for fault in problem.faults]), problem.status
    except Forbidden as problem:  # of another office: one that the form did not offer, or no more
        return _form(typed, people, [Fault("office", problem.zh, problem.en)]), problem.status
    except NoRoom as problem:
        return _form(typed, people, [_later(problem)]), problem.status, answers.waiting(problem)
    return render_template("receipt.html", grievance=grievance, code=code), 201


def _placed(fault: Fault) -> Fault:
    """A fault of the form's key, which nobody sees, is shown at the button that sends the form."""
    if fault.field != "Idempotency-Key":
        return fault
    zh = "这张登记表已经登记过另一份内容。请打开一张新表再登记。"
    return Fault("submit", zh, "This form has registered something else. Open a new form and register there.")


def _later(problem: NoRoom) -> Fault:
    zh = f"{problem.zh}。您填写的内容都还在本页，请过几分钟再按下面的按钮。"
    en = f"{problem.en}. All you typed is still here: press the button below again in a few minutes."
    return Fault("submit", zh, en)


@PAGES.post("/register/people")
@web.allow("grievance.register")
def people() -> str:
    """The same form with room for one more petitioner, or without one of them."""
    kept, dropped = _people(), request.form.get("drop", "")
    if dropped:
        kept = [person for n, person in enumerate(kept) if str(n) != dropped]
    else:
        kept.append({})
    return _form(request.form, kept or [{}])


def _matter(typed: MultiDict[str, str]) -> dict[str, Any]:
    matter: dict[str, Any] = pages.given(typed, *MATTER)
    if received := typed.get("received_at"):
        matter["received_at"] = f"{received}{BEIJING}"
    return matter


def _people() -> list[dict[str, str]]:
    """The petitioners that were typed; those left wholly empty are not there, except the only one."""
    form = request.form
    most = schemas.MOST_PETITIONERS + 1  # one too many is refused with a reason, more need not be read
    rows = takewhile(lambda n: f"petitioners.{n}.name" in form, range(most))
    typed = [{part: form.get(f"petitioners.{n}.{part}", "") for part in PERSON} for n in rows]
    return [person for each in typed if (person := pages.given(each, *PERSON))] or [{}]


def _form(typed: MultiDict[str, str], people: list[dict[str, str]], faults: Any = ()) -> str:
    offices = actions.offices(web.service(), web.caller())
    return render_template(
        "register.html",
        typed=typed,
        people=people,
        faults=faults,
        key=typed.get("key") or secrets.token_urlsafe(16),
        offices=directory.offices(offices),
        only=offices[0].id if len(offices) == 1 else "",
    )


@PAGES.get("/grievances")
@web.allow("grievance.read")
def listing() -> str:
    """What the caller may see, the newest first."""
    wanted = pages.load(schemas.Listing(), pages.given(request.args, "page", "status"))
    return _list(wanted, *actions.listed(web.service(), web.caller(), **wanted))


@PAGES.post("/grievances")
@web.allow("petitioner.search")
def of_person() -> str | tuple[str, int]:
    """Those of one person, found by phone. The phone comes in a form, so that no address shows it."""
    try:
        wanted = pages.load(schemas.Search(), pages.given(request.form, "phone"))
    except Invalid as problem:
        return render_template("grievances.html", typed=request.form, faults=problem.faults), problem.status
    return _list(wanted, *identity.search(web.service(), viewer(), **wanted))


def _list(wanted: dict[str, Any], total: int, found: list[Grievance]) -> str:
    links = pages.neighbours(total, wanted["page"])
    return render_template("grievances.html", typed=wanted, total=total, found=found, links=links)


@PAGES.get("/grievances/<number>")
@web.allow("grievance.read")
def grievance(number: str) -> str:
    """One grievance: the matter, its course, and who viewed the persons; never these."""
    found = actions.find(web.service(), web.caller(), number)
    return render_template(
        "grievance.html",
        found=found,
        course=actions.course(web.service(), web.caller(), found),
        dossier=identity.dossier(web.service(), web.caller(), found),
        now=web.service().now(),
    )
