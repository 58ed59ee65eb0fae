"""What both doors of oversight do, the API and the pages: list what is due, read notices and decide of their
publication, see the figures.
"""

from collections.abc import Mapping
from typing import Any

from services.oversight import domain
from services.oversight.domain import Dashboard, Notice, Owed, Wish
from services.oversight.store import figures, lists, notices
from shared import outbox
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
    with service.reading() as tx:
        if _supervises(caller):
            return lists.all_notices(tx, wanted)
        total, found = lists.public_notices(tx, wanted)
    return total, [notice for notice in map(domain.for_everyone, found) if notice is not None]


def awaiting_notices(service: Service, page: int) -> tuple[int, list[Notice]]:
    """One page of the notices that wait for a supervisor's decision, the longest waiting first."""
    with service.reading() as tx:
        return lists.awaiting_notices(tx, page)


def notice(service: Service, caller: Caller | None, id_: str) -> Notice:
    """One notice, if the caller may read it; NotFound in any other case."""
    with service.reading() as tx:
        found = notices.get(tx, id_)
    if found is not None and not _supervises(caller):
        found = domain.for_everyone(found)
    if found is None:
        raise NotFound
    return found


def decide(service: Service, caller: Caller, id_: str, wish: Wish) -> Notice:
    """Decide of a notice's publication or withdrawal (`domain.MOVES`); it and what is told of it, together.

    Refuses (Conflict) what its state does not allow, and (Forbidden) one person as both.
    """
    with service.transaction() as tx:
        found = notices.locked(tx, id_)
        if found is None:
            raise NotFound
        decided = domain.decide(found, wish, caller.responsible, service.now())
        notices.add_decision(tx, decided)
        outbox.add(tx, *domain.announced(decided))
    return decided


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
            to_decide=figures.to_decide(tx),
        )


def _owed(service: Service, rows: Any) -> list[Owed]:
    now, calendar = service.now(), service.calendar
    return [
        Owed(**row._mapping, days_late=domain.days_late(row.due_at, row.ended_at or now, calendar))
        for row in rows
    ]


def _supervises(caller: Caller | None) -> bool:
    return caller is not None and caller.role == "supervisor"
