"""What both doors of oversight do, the API and the pages: list what is due, read notices and decide of their
publication, see the figures.
"""

from collections.abc import Mapping
from typing import Any

from services.oversight import domain
from services.oversight.domain import Dashboard, Notice, Owed, Wish
from services.oversight.store import figures, lists, notices
from shared import outbox, policy
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
    """One page of notices, the newest first: all within reach of who watches, the public ones for anyone."""
    if policy.allows(caller, "notice.watch"):
        reach = service.reach(caller, "notice.watch")
        with service.reading(caller) as tx:
            return lists.all_notices(tx, reach, wanted)
    reach = service.reach(caller, "notice.read")
    with service.reading(caller) as tx:
        total, found = lists.public_notices(tx, reach, wanted)
    return total, [notice for notice in map(domain.for_everyone, found) if notice is not None]


def awaiting_notices(service: Service, caller: Caller, page: int) -> tuple[int, list[Notice]]:
    """One page of the notices that wait for a supervisor's decision, the longest waiting first."""
    reach = service.reach(caller, "notice.watch")
    with service.reading(caller) as tx:
        return lists.awaiting_notices(tx, reach, page)


def notice(service: Service, caller: Caller | None, id_: str) -> Notice:
    """One notice, if the caller may read it; NotFound in any other case."""
    watches = policy.allows(caller, "notice.watch")
    with service.reading(caller) as tx:
        found = lists.notice(tx, service.reach(caller, "notice.watch" if watches else "notice.read"), id_)
    if found is not None and not watches:
        found = domain.for_everyone(found)
    if found is None:
        raise NotFound
    return found


def decides(service: Service, caller: Caller | None, id_: str) -> bool:
    """Whether the caller may decide of a notice: a supervisor, but for one that names their own unit."""
    if caller is None or not policy.allows(caller, "notice.decide"):
        return False
    with service.reading(caller) as tx:
        return lists.notice(tx, service.reach(caller, "notice.decide"), id_) is not None


def decide(service: Service, caller: Caller, id_: str, wish: Wish) -> Notice:
    """Decide of a notice's publication or withdrawal (`domain.MOVES`); it and what is told of it, together.

    Refuses (NotFound) whoever belongs to the unit that it names, (Conflict) what its state does not allow,
    and (Forbidden) one person as both.
    """
    reach = service.reach(caller, "notice.decide")
    with service.transaction(caller) as tx:
        found = notices.locked(tx, id_)
        if found is None or lists.notice(tx, reach, id_) is None:
            raise NotFound
        decided = domain.decide(found, wish, caller.responsible, service.now())
        notices.add_decision(tx, decided)
        outbox.add(tx, *domain.announced(decided))
    return decided


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
            to_decide=seen.to_decide(),
        )


def _owed(service: Service, rows: Any) -> list[Owed]:
    now, calendar = service.now(), service.calendar
    return [
        Owed(**row._mapping, days_late=domain.days_late(row.due_at, row.ended_at or now, calendar))
        for row in rows
    ]
