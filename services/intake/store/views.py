"""The record of views of identity: lines are added to its end and never changed (the table refuses it)."""

from collections.abc import Iterator
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, text, true
from sqlalchemy.dialects import postgresql

from services.intake.domain import Seen
from services.intake.domain.views import ASKED, SHOWN, Head, Link, Request, View, append
from services.intake.store.tables import FACTS, GRIEVANCE, IDENTITY_VIEW, IDENTITY_VIEW_HEAD
from shared import paging
from shared.policy import Reach, conditions

PLACES = 2**63 - 1  # of lines that there can be; the column holds no more

_LINE = IDENTITY_VIEW.c
_NAMES = [field.name for field in fields(View)]
_VIEW = [_LINE[name] for name in _NAMES]
_NEWEST = _LINE.n.desc()

# Where a request stands is what the last line about it says.
_ABOUT = IDENTITY_VIEW.alias("about")
_LAST = (
    select(_ABOUT.c.what, _ABOUT.c.at, _ABOUT.c.by)
    .where(_ABOUT.c.request == _LINE.n)
    .order_by(_ABOUT.c.n.desc())
    .limit(1)
    .lateral("last")
)
_STATE = func.coalesce(_LAST.c.what, ASKED)
_REQUESTS = (
    select(*_VIEW, _STATE.label("state"), _LAST.c.at.label("since"), _LAST.c.by.label("moved_by"))
    .select_from(IDENTITY_VIEW.outerjoin(_LAST, true()))
    .where(_LINE.what == ASKED)
)


def lock(tx: Connection) -> None:
    """Let no other transaction add a line before this one ends: what is counted and decided now stays so."""
    tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('identity_view'))"))


def hold_still(tx: Connection) -> None:
    """Let this transaction, which only reads, see one moment of the record, and hold nobody up."""
    tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


def keep(tx: Connection, view: View) -> Link:
    """Add a line to the end of the record; return it with its place. Wants `lock` first."""
    link = append(head(tx), view)
    values = asdict(link.view) | {"before": link.before, "digest": link.digest}
    tx.execute(insert(IDENTITY_VIEW).values(values))
    last = {"n": link.view.n, "digest": link.digest}
    noted = postgresql.insert(IDENTITY_VIEW_HEAD).values(one=True, **last)
    tx.execute(noted.on_conflict_do_update(index_elements=["one"], set_=last))
    return link


def head(tx: Connection) -> Head:
    """The last line that was kept, as it was noted beside the record."""
    row = tx.execute(select(IDENTITY_VIEW_HEAD.c.n, IDENTITY_VIEW_HEAD.c.digest)).one_or_none()
    return Head() if row is None else Head(*row)


def digest_at(tx: Connection, n: int) -> str | None:
    """The digest of the line at this place, if there is one."""
    return tx.execute(select(_LINE.digest).where(_LINE.n == n)).scalar_one_or_none()


def chain(tx: Connection) -> Iterator[Link]:
    """All lines from the first, a thousand at a time."""
    rows = tx.execution_options(yield_per=1000).execute(select(IDENTITY_VIEW).order_by(_LINE.n))
    return (Link(_view(row), row.before, row.digest) for row in rows)


def count(tx: Connection, by: str, what: str, since: datetime) -> int:
    """How many lines of this kind the caller `by` has made since then."""
    wanted = (_LINE.by == by) & (_LINE.what == what) & (_LINE.at > since)
    return int(tx.execute(select(func.count()).select_from(IDENTITY_VIEW).where(wanted)).scalar_one())


def handling(tx: Connection, number: str) -> tuple[str, ...]:
    """The departments that answer for a grievance: its lead, and those that cooperate."""
    found = text("SELECT array_remove(lead || cooperating, NULL) FROM grievance WHERE number = :number")
    return tuple(tx.execute(found, {"number": number}).scalar_one_or_none() or ())


def request(tx: Connection, n: int) -> Request | None:
    """The request for approval that stands at this place."""
    row = tx.execute(_REQUESTS.where(_LINE.n == n)).one_or_none() if n <= PLACES else None
    return None if row is None else _request(row)


def last_request(tx: Connection, number: str, by: str) -> Request | None:
    """The last request of `by` to be shown the petitioners of this grievance."""
    mine = _REQUESTS.where(_LINE.number == number, _LINE.by == by)
    row = tx.execute(mine.order_by(_NEWEST).limit(1)).one_or_none()
    return None if row is None else _request(row)


def waiting(tx: Connection, reach: Reach, since: datetime, number: str | None = None) -> list[Request]:
    """The requests within reach that wait for a decision and were made after `since`, the oldest first: of
    one grievance, or of all.
    """
    wanted = _REQUESTS.where(_STATE == ASKED, _LINE.at > since, _within(reach))
    if number is not None:
        wanted = wanted.where(_LINE.number == number)
    return [_request(row) for row in tx.execute(paging.cut(wanted.order_by(_LINE.n), 1))]


def of(tx: Connection, number: str) -> list[View]:
    """All lines about one grievance, the newest first, up to a page of them."""
    wanted = select(*_VIEW).where(_LINE.number == number).order_by(_NEWEST)
    return [_view(row) for row in tx.execute(paging.cut(wanted, 1))]


def told(tx: Connection, number: str) -> tuple[Seen, ...]:
    """What a petitioner is told of who was shown their identity, in order."""
    columns = [_LINE[field.name] for field in fields(Seen)]
    wanted = select(*columns).where(_LINE.number == number, _LINE.what == SHOWN).order_by(_LINE.n)
    return tuple(Seen(*row) for row in tx.execute(wanted))


def listed(
    tx: Connection, reach: Reach, number: str | None, who: str | None, page: int
) -> tuple[int, list[View]]:
    """One page of the record within reach, the newest first, and how many lines there are.

    Narrowed to a grievance, and to `who` made them: an account, a key, or a person's name.
    """
    wanted = _within(reach)
    if number is not None:
        wanted &= _LINE.number == number
    if who is not None:
        wanted &= or_(_LINE.by == who, _LINE.person == who)
    total, rows = paging.read(tx, select(*_VIEW).where(wanted).order_by(_NEWEST), page)
    return total, [_view(row) for row in rows]


def _within(reach: Reach) -> ColumnElement[bool]:
    """Lines about a grievance within reach, and searches, which are about none."""
    reached = select(GRIEVANCE.c.number).where(conditions.where(reach, FACTS))
    return _LINE.number.is_(None) | _LINE.number.in_(reached)


def _view(row: Any) -> View:
    values = {name: getattr(row, name) for name in _NAMES}
    return View(**(values | {"fields": tuple(row.fields)}))


def _request(row: Any) -> Request:
    return Request(_view(row), row.state, row.since, row.moved_by)
