"""What both doors do with identity: show petitioners with a reason, approve it, read who looked (S14).

A line is committed before anything is shown; if it cannot be kept, nothing is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from services.intake import domain, store
from services.intake.domain import Grievance, views
from services.intake.domain.views import Link, Request, View, Viewer, Wish
from services.intake.store import views as record
from shared import numbers, policy, telemetry, vault
from shared.identity.model import Caller
from shared.problems import Forbidden, NotFound, TooMany
from shared.service import Service


@dataclass(frozen=True)
class Revealed:
    """What a wish led to: `shown`, with the petitioners' fields; or `asked`, with the request's place."""

    number: str
    state: str
    request: int | None
    petitioners: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Sheet:
    """What there is to know before asking: whether a second person is needed, and one's last request."""

    grievance: Grievance
    second: bool
    request: Request | None


@dataclass(frozen=True)
class Dossier:
    """Views of one grievance's petitioners: the record, the requests that wait, those the caller can decide,
    and whether the caller may be shown them. `lines` is None for whoever may not read the record.
    """

    may_reveal: bool
    lines: Sequence[View] | None = None
    waiting: Sequence[Request] = ()
    mine: Sequence[Request] = ()


@dataclass(frozen=True)
class Book:
    """One page of the record of all views, how many lines there are, the requests that wait, and those of
    them that the caller can decide.
    """

    total: int
    lines: Sequence[View]
    waiting: Sequence[Request]
    mine: Sequence[Request]


def sheet(service: Service, viewer: Viewer, number: str) -> Sheet:
    """What the caller should know before asking; refuses as `reveal` does."""
    with service.reading(viewer.caller) as tx:
        return _sheet(service, tx, viewer, numbers.parse(number))


def _sheet(service: Service, tx: Connection, viewer: Viewer, number: str) -> Sheet:
    caller, grievance = viewer.caller, store.get(tx, number)
    if grievance is None:
        raise NotFound
    if not _may_reveal(service, tx, caller, grievance):
        seen = service.reach(caller, "grievance.read").holds(domain.facts(grievance))
        raise Forbidden if seen else NotFound
    last = record.last_request(tx, number, caller.responsible)
    return Sheet(grievance, views.needs_second(viewer, grievance), last)


def _may_reveal(service: Service, tx: Connection, caller: Caller, grievance: Grievance) -> bool:
    """Whether the caller may be shown who brought it: a clerk of theirs, or who must answer for it."""
    if not policy.allows(caller, "petitioner.reveal"):
        return False
    handling = record.handling(tx, grievance.number)
    return service.reach(caller, "petitioner.reveal").holds(domain.facts(grievance, handling))


def reveal(service: Service, viewer: Viewer, number: str, wish: Wish) -> Revealed:
    """Show who brought a grievance, once that is recorded; or ask for the approval that it needs.

    Refuses (Forbidden) whoever sees the grievance and need not call anyone, (NotFound) everyone else, and
    (TooMany) the 31st time within an hour.
    """
    with service.transaction(viewer.caller) as tx:
        record.lock(tx)
        known = _sheet(service, tx, viewer, numbers.parse(number))
        view = views.reveal(viewer, known.grievance, known.request, wish)
        if view.what == views.WAITING:
            return Revealed(known.grievance.number, views.ASKED, view.n)
        link = _keep(tx, view)
        shown = _opened(service, tx, link.view) if link.view.what == views.SHOWN else ()
    kept = _told(link)
    place = kept.n if kept.what == views.ASKED else kept.request
    return Revealed(known.grievance.number, kept.what, place, shown)


def _opened(service: Service, tx: Connection, view: View) -> Sequence[Mapping[str, Any]]:
    people = store.petitioners.get(tx, vault.at(service.settings.secrets), view.number or "")
    names = (*view.fields, "representative")
    return [{name: getattr(person, name) for name in names} for person in people]


def search(
    service: Service, viewer: Viewer, status: str | None, phone: str, page: int
) -> tuple[int, list[Grievance]]:
    """One page of the grievances of one person, once the search is recorded (S12).

    None that takes a second person's approval to learn whose it is. Refuses (Forbidden) whoever neither takes
    grievances in nor answers for them, and (TooMany) the 61st within an hour.
    """
    safe, digits = vault.at(service.settings.secrets), domain.phone_digits(phone)
    indexes = safe.indexes("phone", digits)
    reach = service.reach(viewer.caller, "petitioner.search")
    with service.transaction(viewer.caller) as tx:
        record.lock(tx)
        found = store.listed(tx, reach, status, indexes, page)
        link = _keep(tx, views.search(viewer, indexes[0], found[0]))
    _told(link)
    return found


def _keep(tx: Connection, view: View) -> Link:
    """Keep a line; beyond the limit one that says so in its place, once within the time of the limit.

    What is not kept has no digest.
    """
    since = view.at - views.WINDOW
    if record.count(tx, view.by, view.what, since) >= views.MOST[view.what]:
        view = replace(view, what=views.LIMITED, fields=(), request=None, approved_by=None, found=None)
        if record.count(tx, view.by, views.LIMITED, since):
            return Link(view, "", "")
    return record.keep(tx, view)


def _told(link: Link) -> View:
    """The line, once it is committed and the log has it. Refuses (TooMany) what was beyond the limit.

    The log holds the end of the chain, out of the database's reach: `minqing views verify --head`.
    """
    view = link.view
    if link.digest:
        said = {"what": view.what, "number": view.number, "by": view.by}
        telemetry.log.info("identity view", **said, head=f"{view.n}:{link.digest}")
    if view.what == views.LIMITED:
        raise TooMany(
            "一小时内查看身份信息的次数已达上限，已记录在案",
            "You have looked at identities too often within an hour; that is on record",
        )
    return view


def decide(service: Service, viewer: Viewer, n: int, what: str) -> View:
    """Approve or refuse (`what`) the request at place `n`, as the second person; return the line of it.

    Refuses as `views.decide` does, and (NotFound) a request about a grievance that the caller does not see.
    """
    reach = service.reach(viewer.caller, "view.decide")
    with service.transaction(viewer.caller) as tx:
        record.lock(tx)
        request = record.request(tx, n)
        grievance = store.get(tx, request.asked.number or "") if request else None
        if not request or not grievance or what not in views.DECIDING:
            raise NotFound
        if not reach.holds(domain.facts(grievance)):
            raise NotFound
        link = record.keep(tx, views.decide(viewer, request, views.DECIDING[what]))
    return _told(link)


def dossier(service: Service, caller: Caller, grievance: Grievance) -> Dossier:
    """Who viewed the petitioners of a grievance that the caller may see, as far as they may know."""
    with service.reading(caller) as tx:
        may = _may_reveal(service, tx, caller, grievance)
        if not policy.allows(caller, "view.read"):
            return Dossier(may)
        waiting = _waiting(service, tx, caller, "view.read", grievance.number)
        mine = _decidable(service, tx, caller, grievance.number)
        return Dossier(may, record.of(tx, grievance.number), waiting, mine)


def _waiting(
    service: Service, tx: Connection, caller: Caller, action: str, number: str | None = None
) -> list[Request]:
    since = service.now() - views.LASTS[views.ASKED]
    return record.waiting(tx, service.reach(caller, action), since, number)


def _decidable(service: Service, tx: Connection, caller: Caller, number: str | None = None) -> list[Request]:
    """The requests that wait and that `decide` takes from the caller, of one grievance or of all."""
    if not policy.allows(caller, "view.decide"):
        return []
    within = _waiting(service, tx, caller, "view.decide", number)
    return [request for request in within if views.is_second(caller, request)]


def listed(service: Service, caller: Caller, number: str | None, who: str | None, page: int) -> Book:
    """One page of the record within reach, and the requests that wait."""
    reach = service.reach(caller, "view.watch")
    with service.reading(caller) as tx:
        total, lines = record.listed(tx, reach, number and numbers.parse(number), who, page)
        return Book(
            total, lines, _waiting(service, tx, caller, "view.watch"), _decidable(service, tx, caller)
        )
