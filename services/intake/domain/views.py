"""Views of identity: what is shown of a petitioner, when a second person agrees first, the record. Pure.

The record is one chain of lines that are only ever added to (S14). A request for approval is a line of it
too, and where it stands is what the last line about it says.
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
WAITING = "waiting"  # no line: what was asked is asked already

# Where a request for a second person's approval stands, and what may come next.
MOVES: Mapping[str, frozenset[str]] = {
    ASKED: frozenset({APPROVED, REFUSED}),
    APPROVED: frozenset({SHOWN}),  # once
    REFUSED: frozenset(),
    SHOWN: frozenset(),
}
LASTS = timedelta(hours=24)  # an approval

WINDOW = timedelta(hours=1)
MOST: Mapping[str, int] = {SHOWN: 30, ASKED: 30, SEARCHED: 60}  # lines of one caller in this time

DECIDING = {"approve": APPROVED, "refuse": REFUSED}


@dataclass(frozen=True)
class Viewer:
    """Who looks, from which network address, and when (aware)."""

    caller: Caller
    origin: str
    at: datetime


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
    """A request for approval: its line, where it stands (see MOVES), since when, and who brought it there."""

    asked: View
    state: str = ASKED
    since: datetime | None = None
    moved_by: str | None = None

    def lasts(self, now: datetime) -> bool:
        """Whether it still waits, or may still be used."""
        if self.state == APPROVED and self.since is not None:
            return now - self.since < LASTS
        return self.state == ASKED

    def covers(self, wish: Wish) -> bool:
        """Whether it asks for everything that is wished for now."""
        return set(wish.fields) <= set(self.asked.fields)


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


def needs_second(caller: Caller, grievance: Grievance) -> bool:
    """Whether another person must approve first: for an accusation, and whoever is complained about."""
    own = grievance.unit is not None and grievance.unit == caller.department
    return own or grievance.kind == ACCUSATION


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
    if not needs_second(viewer.caller, grievance):
        return kept
    if request is None or not request.lasts(viewer.at) or not request.covers(wish):
        return replace(kept, what=ASKED)
    if request.state == ASKED:
        return replace(request.asked, what=WAITING)
    return replace(kept, request=request.asked.n, approved_by=request.moved_by)


def decide(viewer: Viewer, request: Request, wanted: str) -> View:
    """The line of a second person's decision, `approved` or `refused`.

    Refuses (Forbidden) whoever asked, and (Conflict) what is decided already.
    """
    if not is_second(viewer.caller, request):
        raise Forbidden("须由另一位有权的人员决定", "Another person, who may decide it, has to")
    if wanted not in MOVES[request.state]:
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
