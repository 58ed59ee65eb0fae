"""From milestones to deadlines (M12).

Deadlines follow from the milestones of a case and the county's clocks alone. So it makes no difference in
which order news arrived, and a new calendar recomputes them with the same function.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.oversight.domain.cases import Case, Deadline, Milestone
from shared.calendar import Calendar
from shared.county.model import Clock
from shared.county.terms import TASK

# At one moment a department is withdrawn before another is assigned, and assigned before it leads.
RANKS = {"withdrawn": 0, "assigned": 1, "leading": 2}


@dataclass(frozen=True)
class Course:
    """What happened to one task (or the case), and from when until when its deadlines can be owed.

    `task` is the department whose task it is, None for the case.
    """

    task: str | None
    milestones: tuple[Milestone, ...]
    since: datetime | None
    until: datetime | None


def deadlines(
    case: Case, milestones: Iterable[Milestone], clocks: Iterable[Clock], calendar: Calendar
) -> tuple[Deadline, ...]:
    """All deadlines that a case has or had: when due, and whether running, met, late or ended.

    None at all before the case is known. A department's deadlines are those of its present term: assigned
    again after a withdrawal, it begins anew.
    """
    ordered = sorted(milestones, key=lambda m: (m.at, RANKS.get(m.name, len(RANKS))))
    found = (
        _deadline(case, clock, course, calendar)
        for clock in clocks
        if case.kind is not None and _applies(clock, case)
        for course in _courses(clock, ordered)
    )
    return tuple(deadline for deadline in found if deadline is not None)


def _applies(clock: Clock, case: Case) -> bool:
    asked = ((clock.kinds, case.kind), (clock.channels, case.channel), (clock.urgencies, case.urgency))
    return all(not allowed or value in allowed for allowed, value in asked)


def _courses(clock: Clock, ordered: Sequence[Milestone]) -> Iterator[Course]:
    if clock.scope == "case":
        yield Course(None, tuple(ordered), None, None)
        return
    linked_at = _linked_at(ordered)
    if clock.linked and linked_at is None:
        return
    begins = "leading" if clock.scope == "lead" else "assigned"
    for department in sorted({m.department for m in ordered if m.name == begins and m.department}):
        course = _course(clock, department, ordered)
        yield replace(course, since=_latest(course.since, linked_at)) if clock.linked else course


def _course(clock: Clock, department: str, ordered: Sequence[Milestone]) -> Course:
    term = _term([m for m in ordered if m.department == department])
    until = next((m.at for m in term if m.name == "withdrawn"), None)
    since = None
    if clock.scope == "lead":
        since, replaced_at = _leadership(department, ordered)
        until = _earliest(until, replaced_at)
    kept = _without_refused_objections(term) if clock.duty else term
    return Course(department, tuple(m for m in ordered if m.department is None or m in kept), since, until)


def _term(own: Sequence[Milestone]) -> list[Milestone]:
    """A department's milestones since it was last assigned after a withdrawal."""
    term: list[Milestone] = []
    for milestone in own:
        if milestone.name == "assigned" and any(m.name == "withdrawn" for m in term):
            term = []
        term.append(milestone)
    return term


def _without_refused_objections(term: Sequence[Milestone]) -> list[Milestone]:
    """Who objected and was designated owes as if nothing had been said: the clock never stopped (M9)."""
    refused_at = max((m.at for m in term if m.name == "designated"), default=None)
    return [m for m in term if m.name != "objected" or refused_at is None or m.at > refused_at]


def _leadership(department: str, ordered: Sequence[Milestone]) -> tuple[datetime | None, datetime | None]:
    """Since when the department leads, or led last, and when another took over."""
    since = until = None
    for milestone in (m for m in ordered if m.name == "leading"):
        if milestone.department != department:
            until = until or (since and milestone.at)
        elif since is None or until is not None:
            since, until = milestone.at, None
    return since, until


def _linked_at(ordered: Sequence[Milestone]) -> datetime | None:
    """When a second department was first at work on the case (M8)."""
    working: set[str | None] = set()
    for milestone in ordered:
        if milestone.name == "withdrawn":
            working.discard(milestone.department)
        elif milestone.name == "assigned":
            working.add(milestone.department)
        if len(working) > 1:
            return milestone.at
    return None


def _deadline(case: Case, clock: Clock, course: Course, calendar: Calendar) -> Deadline | None:
    started_at = _started_at(clock, course)
    if started_at is None or (course.until is not None and started_at >= course.until):
        return None
    owner = course.task if clock.owner == TASK else clock.owner
    due_at = calendar.add(started_at, clock.length)
    met_at = _met_at(clock, course, started_at)
    ended_at = _earliest(met_at, course.until)
    return Deadline(
        id=f"{case.number}.{course.task or owner}.{clock.id}",
        number=case.number,
        clock=clock.id,
        department=owner or clock.owner,
        started_at=started_at,
        due_at=due_at,
        ended_at=ended_at,
        state=_state(clock, due_at, met_at, ended_at),
        duty=clock.duty,
        shown=clock.shown,
    )


def _started_at(clock: Clock, course: Course) -> datetime | None:
    """The first milestone that starts the clock. What a department did before `since` counts from then on."""
    starts = [m for m in course.milestones if m.name == clock.starts]
    return _earliest(*(m.at if m.department is None else _latest(m.at, course.since) for m in starts))


def _met_at(clock: Clock, course: Course, started_at: datetime) -> datetime | None:
    stops = (m for m in course.milestones if m.name in clock.stops and m.name != "withdrawn")
    return _earliest(*(m.at for m in stops if m.at >= started_at))


def _state(clock: Clock, due_at: datetime, met_at: datetime | None, ended_at: datetime | None) -> str:
    if ended_at is None:
        return "running"
    if met_at != ended_at:
        return "ended"
    if ended_at <= due_at:
        return "met"
    return "late" if clock.duty else "ended"


def _latest(*moments: datetime | None) -> datetime | None:
    return max((at for at in moments if at is not None), default=None)


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((at for at in moments if at is not None), default=None)
