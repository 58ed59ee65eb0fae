"""What both doors of oversight do, the API and the pages: list what is due, read notices, see the figures."""

from collections.abc import Mapping
from typing import Any

from services.oversight import domain
from services.oversight.domain import Dashboard, Notice, Owed
from services.oversight.store import figures, lists, notices
from shared.identity.model import Caller
from shared.problems import NotFound
from shared.service import Service

UNHEARD = 60  # seconds after which what we said and nobody confirmed waits for a person


def deadlines(service: Service, caller: Caller, wanted: Mapping[str, Any]) -> tuple[int, list[Owed]]:
    """One page of the deadlines that the caller may see (`lists.deadlines`), and how many there are."""
    with service.reading() as tx:
        total, rows = lists.deadlines(tx, caller, wanted)
    return total, _owed(service, rows)


def listed_notices(
    service: Service, caller: Caller | None, wanted: Mapping[str, Any]
) -> tuple[int, list[Notice]]:
    """One page of notices, the newest first: all for a supervisor, the published ones for anyone."""
    listing = lists.all_notices if _supervises(caller) else lists.published_notices
    with service.reading() as tx:
        return listing(tx, wanted)


def notice(service: Service, caller: Caller | None, id_: str) -> Notice:
    """One notice, if the caller may read it; NotFound in any other case."""
    with service.reading() as tx:
        found = notices.get(tx, id_)
    if found is None or not (found.published or _supervises(caller)):
        raise NotFound
    return found


def dashboard(service: Service) -> Dashboard:
    """What supervisors see first: what is overdue and who owes it, what is due soon, and the figures."""
    now, calendar = service.now(), service.calendar
    since = domain.figures_since(now, calendar)
    with service.reading() as tx:
        tallies = figures.tallies(tx)
        return Dashboard(
            at=now,
            since=since,
            overdue_total=sum(tally.overdue for tally in tallies),
            overdue=_owed(service, figures.overdue(tx)),
            due_soon=_owed(service, figures.due_until(tx, domain.soon(now, calendar))),
            ranked=domain.ranked(tallies),
            unranked=domain.unranked(tallies),
            offices=figures.offices(tx, since),
            months=figures.months(tx, since, service.county.timezone),
            repair=figures.repair(tx, UNHEARD),
        )


def _owed(service: Service, rows: Any) -> list[Owed]:
    now, calendar = service.now(), service.calendar
    return [
        Owed(**row._mapping, days_late=domain.days_late(row.due_at, row.ended_at or now, calendar))
        for row in rows
    ]


def _supervises(caller: Caller | None) -> bool:
    return caller is not None and caller.role == "supervisor"
