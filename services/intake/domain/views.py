"""Views of identity: what is shown of a petitioner, when a second person agrees first, the record. Pure.

The record is one chain of lines that are only ever added to (S14). A request for approval is a line of it
too, and where it stands is what the last line about it says, until it expires.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from services.intake.domain import Grievance, matrix
from shared.county.terms import ACCUSATION
from shared.identity.model import Caller
from shared.problems import Conflict, Fault, Forbidden, Invalid

ALWAYS = ("name", "phone")  # what is shown of a petitioner …
ON_REQUEST = ("id_number", "address")  # … and what only if it is asked for as well

SHOWN, SEARCHED, LIMITED = "shown", "searched", "limited"
ASKED, APPROVED, REFUSED = "asked", "approved", "refused"
EXPIRED = "expired"  # no line: time alone brings a request there
WAITING = "waiting"  # no line: what was asked is asked already

# Where a request for a second person's approval stands, and what may come next.
MOVES: Mapping[str, frozenset[str]] = {
    ASKED: frozenset({APPROVED, REFUSED, EXPIRED}),
    APPROVED: frozenset({SHOWN, EXPIRED}),  # shown once
    REFUSED: frozenset(),
    SHOWN: frozenset(),
    EXPIRED: frozenset(),
}
# How long it stays where it is before it expires.
LASTS: Mapping[str, timedelta] = {ASKED: timedelta(days=7), APPROVED: timedelta(hours=24)}

AGREED = ("held", "department", "office", "reason")  # of a line: what a second person agrees to, as it stands

WINDOW = timedelta(hours=1)
MOST: Mapping[str, int] = {SHOWN: 30, ASKED: 30, SEARCHED: 60}  # lines of one caller in this time

DECIDING = {"approve": APPROVED, "refuse": REFUSED}


@dataclass(frozen=True)
class Viewer:
    """Who looks, from which network address, and when (aware); `units` are those that they belong to."""

    caller: Caller
    origin: str
    at: datetime
    units: frozenset[str]


@dataclass(frozen=True)
class Wish:
    """What somebody wants to be shown, and why: `more` are fields of ON_REQUEST."""

    reason: str
    more: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields that are wished for."""
        return (*ALWAYS, *(field for field in ON_REQUEST if field in self.more))


@dataclass(frozen=True)
class View:
    """One line of the record: `what` was done by whom, in which role of which body, from where, and why.

    `by` is who answers for it (an account or an access key), `person` their name. `request` is the line of
    the request that this one decides or uses, `approved_by` who approved it. A search keeps the keyed digest
    of what was `sought`, and how many grievances were `found`. `n` is the line's place, 0 until it is kept.
    """

    what: str
    at: datetime
    by: str
    held: str
    department: str | None
    office: str | None
    person: str | None
    origin: str
    number: str | None = None
    reason: str | None = None
    fields: tuple[str, ...] = ()
    request: int | None = None
    approved_by: str | None = None
    sought: str | None = None
    found: int | None = None
    n: int = 0


@dataclass(frozen=True)
class Request:
    """A request for approval: its line, the last move on record (see MOVES), when, and who made it."""

    asked: View
    state: str = ASKED
    since: datetime | None = None
    moved_by: str | None = None

    def standing(self, now: datetime) -> str:
        """Where it stands now: what waited or was not used for too long has expired."""
        over = self.state in LASTS and now - (self.since or self.asked.at) >= LASTS[self.state]
        return EXPIRED if over else self.state

    def lasts(self, now: datetime) -> bool:
        """Whether it still waits, or may still be used."""
        return self.standing(now) in LASTS

    def covers(self, wanted: View) -> bool:
        """Whether it asks for everything that is wanted now, in the same role and for the same reason."""
        same = all(getattr(self.asked, name) == getattr(wanted, name) for name in AGREED)
        return same and set(wanted.fields) <= set(self.asked.fields)


def line(viewer: Viewer, what: str, number: str | None = None) -> View:
    """The line that says that the viewer did `what`."""
    caller = viewer.caller
    return View(
        what=what,
        at=viewer.at,
        by=caller.responsible,
        held=caller.held,
        department=caller.department,
        office=caller.office,
        person=caller.name,
        origin=viewer.origin,
        number=number,
    )


def search(viewer: Viewer, sought: bytes, found: int) -> View:
    """The line of a search by phone or document: what was sought only as its keyed digest (S12)."""
    return replace(line(viewer, SEARCHED), sought=sought.hex(), found=found)


def needs_second(viewer: Viewer, grievance: Grievance) -> bool:
    """Whether another person must approve first: for an accusation, and whoever is complained about.

    That is everyone who belongs to the unit by any role, whichever they look in.
    """
    return grievance.unit in viewer.units or grievance.kind == ACCUSATION


def is_second(caller: Caller, request: Request) -> bool:
    """Whether the caller can be the second person: never who asked (S17)."""
    return caller.responsible != request.asked.by


def reveal(viewer: Viewer, grievance: Grievance, request: Request | None, wish: Wish) -> View:
    """The line that comes next for whoever may be shown it: `shown`, or `asked` where a second has to agree.

    `request` is their last one for this grievance. A line of `waiting` is not to be kept: the same is asked
    already. Refuses (Invalid) fields that their role is never shown.
    """
    kept = replace(line(viewer, SHOWN, grievance.number), reason=wish.reason, fields=wish.fields)
    if beyond := set(wish.fields) - matrix.allowed(viewer.caller.held, matrix.REVEALED):
        zh, en = "您的角色不能查看这一项", "Your role is not shown this"
        raise Invalid(faults=[Fault("fields", f"{zh}：{'、'.join(sorted(beyond))}", en)])
    if not needs_second(viewer, grievance):
        return kept
    if request is None or not request.lasts(viewer.at) or not request.covers(kept):
        return replace(kept, what=ASKED)
    if request.state == ASKED:
        return replace(request.asked, what=WAITING)
    return replace(kept, request=request.asked.n, approved_by=request.moved_by)


def decide(viewer: Viewer, request: Request, wanted: str) -> View:
    """The line of a second person's decision, `approved` or `refused`.

    Refuses (Forbidden) whoever asked, and (Conflict) what is decided already or has expired.
    """
    if not is_second(viewer.caller, request):
        raise Forbidden("须由另一位有权的人员决定", "Another person, who may decide it, has to")
    standing = request.standing(viewer.at)
    if standing == EXPIRED:
        raise Conflict("这项申请已过期", "This request has expired")
    if wanted not in MOVES[standing]:
        raise Conflict("这项申请已有决定", "This request is decided already")
    return replace(line(viewer, wanted, request.asked.number), request=request.asked.n)


# ------------------------------------------------------------------------------------------- the chain


@dataclass(frozen=True)
class Link:
    """A line as it is kept, with the digest of the line before it and its own."""

    view: View
    before: str
    digest: str


@dataclass(frozen=True)
class Head:
    """The last line: its place and digest. Noted elsewhere, it holds the whole chain before it."""

    n: int = 0
    digest: str = ""


def append(head: Head, view: View) -> Link:
    """The line as it follows on the last one."""
    placed = replace(view, n=head.n + 1)
    return Link(placed, head.digest, digest(placed, head.digest))


def digest(view: View, before: str) -> str:
    """SHA-256 over a line and the digest of the one before.

    The canonical form is JSON with sorted names, times in UTC, and without what is absent, so that a column
    that is added later changes no earlier digest.
    """
    said = {name: value for name, value in asdict(view).items() if value not in (None, ())}
    said |= {"at": view.at.astimezone(UTC).isoformat(timespec="microseconds"), "before": before}
    canonical = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def flaws(links: Iterable[Link], head: Head) -> Iterator[tuple[int, str]]:
    """What is wrong with a chain: places with `changed`, `missing` (something before) or `cut` (the end)."""
    last = Head()
    for link in links:
        if link.digest != digest(link.view, link.before):
            yield link.view.n, "changed"
        if (link.view.n, link.before) != (last.n + 1, last.digest):
            yield link.view.n, "missing"
        last = Head(link.view.n, link.digest)
    if last != head:
        yield max(last.n, head.n), "cut"
