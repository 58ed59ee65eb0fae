"""What supervisors decide of a notice: its publication and its withdrawal, each by two of them (S17)."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.oversight import actions, domain, schemas
from services.oversight.domain import Wish
from shared import identity, web, words
from shared.identity import accounts
from shared.problems import Conflict, Fault, Invalid, NotFound
from shared.web import pages
from shared.web.fields import Paged

PUBLICATION = Blueprint("publication", __name__, url_prefix="/notices", template_folder="../templates")

Page = str | Response | tuple[str, int]


@PUBLICATION.get("/waiting")
@web.allow("notice.watch")
def waiting() -> str:
    """The notices that wait for a supervisor's decision, the longest waiting first."""
    page = pages.load(Paged(), pages.given(request.args, "page"))["page"]
    total, found = actions.awaiting_notices(web.service(), web.caller(), page)
    links = pages.neighbours(total, page)
    return render_template("waiting.html", found=found, total=total, links=links, named=_namer())


@PUBLICATION.post("/<notice_id>/<move>")
@web.allow("notice.decide")
def decide(notice_id: str, move: str) -> Page:
    """Decide as was chosen; or the notice again with what was typed, saying why not."""
    if move not in words.NOTICE_MOVES:
        raise NotFound
    try:
        actions.decide(web.service(), web.caller(), notice_id, _wish(move))
    except Invalid as problem:
        faults = [Fault(f"{move}-{fault.field}", fault.zh, fault.en) for fault in problem.faults]
        return page(notice_id, request.form, faults), problem.status
    except Conflict as problem:
        return page(notice_id, request.form, [Fault("decisions", problem.zh, problem.en)]), problem.status
    return redirect(url_for("pages.notice", notice_id=notice_id, done=move), 303)


def page(notice_id: str, typed: Mapping[str, str] | None = None, faults: Any = ()) -> str:
    """One notice; for whoever watches what was decided of it, for a supervisor what they can decide now."""
    caller = web.access.known()
    notice = actions.notice(web.service(), caller, notice_id)
    supervises, acts = web.may("notice.watch"), actions.decides(web.service(), caller, notice_id)
    return render_template(
        "notice.html",
        notice=notice,
        supervises=supervises,
        moves=domain.open_moves(notice, caller.responsible) if acts and caller else (),
        asked=acts and notice.state in ("proposed", "withdrawing"),
        named=_namer() if supervises else str,
        typed=typed or {},
        faults=faults,
    )


def _wish(move: str) -> Wish:
    """What the form of this decision says; refuses (Invalid) one without a reason where one is needed."""
    if move not in domain.REASONED:
        return Wish(move, **pages.load(schemas.Seen(), pages.given(request.form, "seen")))
    typed = {"reason": request.form.get(f"{move}-reason", "")}
    return Wish(move, **pages.load(schemas.Reason(), pages.given(typed, "reason")))


def _namer() -> Callable[[str], str]:
    """Who decided, by name: a person, or the label of an access key."""
    engine = web.service().identity
    names = {key.id: key.label for key in identity.listed(engine)}
    names |= {account.id: account.name for account in accounts.listed(engine)}
    return lambda id_: names.get(id_, id_)
