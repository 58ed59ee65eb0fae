"""What both doors of oversight do, the API and the pages: list what is due, read notices, see the figures."""

from collections.abc import Mapping
from typing import Any

from services.oversight import domain
from services.oversight.domain import Dashboard, Notice, Owed
from services.oversight.store import figures, lists
from shared.identity.model import Caller
from shared.problems import NotFound
from shared.service import Service

UNHEARD = 60  # seconds after which what we said and nobody confirmed waits for a person


def deadlines(service: Service, caller: Caller, wanted: Mapping[str, Any]) -> tuple[int, list[Owed]]:
    """One page of the deadlines that the caller may see (`lists.deadlines`), and how many there are."""
    reach = service.reach(caller, "deadline.read")
    with service.reading(caller) as tx:
        total, rows = lists.deadlines(tx, reach, wanted)
    return total, _owed(service, rows)


def listed_notices(
    service: Service, caller: Caller | None, wanted: Mapping[str, Any]
) -> tuple[int, list[Notice]]:
    """One page of the notices that the caller may see, the newest first: the published ones for anyone."""
    reach = service.reach(caller, "notice.read")
    with service.reading(caller) as tx:
        return lists.notices(tx, reach, wanted)


def notice(service: Service, caller: Caller | None, id_: str) -> Notice:
    """One notice, if the caller may read it; NotFound in any other case."""
    reach = service.reach(caller, "notice.read")
    with service.reading(caller) as tx:
        found = lists.notice(tx, reach, id_)
    if found is None:
        raise NotFound
    return found


def dashboard(service: Service, caller: Caller) -> Dashboard:
    """What supervisors see first: what is overdue and who owes it, what is due soon, and the figures.

    A leader sees it of their area.
    """
    now, calendar = service.now(), service.calendar
    since = domain.figures_since(now, calendar)
    with service.reading(caller) as tx:
        seen = figures.Figures(tx, service.reach(caller, "dashboard.read"))
        tallies = seen.tallies()
        return Dashboard(
            at=now,
            since=since,
            overdue_total=sum(tally.overdue for tally in tallies),
            overdue=_owed(service, seen.overdue()),
            due_soon=_owed(service, seen.due_until(domain.soon(now, calendar))),
            ranked=domain.ranked(tallies),
            unranked=domain.unranked(tallies),
            offices=seen.offices(since),
            months=seen.months(since, service.county.timezone),
            repair=figures.repair(tx, UNHEARD),
        )


def _owed(service: Service, rows: Any) -> list[Owed]:
    now, calendar = service.now(), service.calendar
    return [
        Owed(**row._mapping, days_late=domain.days_late(row.due_at, row.ended_at or now, calendar))
        for row in rows
    ]
