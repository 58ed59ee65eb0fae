"""What is due, what was missed, and what follows from that. Pure.

Deadlines are derived (M12): from the milestones of a case and the county's clocks alone. So it makes no
difference in which order news arrived, and a new calendar recomputes them with the same function.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile

from shared.calendar import Calendar
from shared.contracts import DeadlineMet, DeadlineMissed, DeadlineSet, Event, NoticePublished, NoticeServed
from shared.county.model import Clock, County, Rung, Text

# running; missed: it passed and nothing happened; met in time; late: met after it was due; ended: over
# without either, because the department was released or a mere right lapsed.
STATES = ("running", "missed", "met", "late", "ended")
OPEN = ("running", "missed")

SMALLEST_SAMPLE = 10  # deadlines due below which no rate is ranked
SOON = 3  # working days

# At one moment a department is withdrawn before another is assigned, and assigned before it leads.
RANKS = {"withdrawn": 0, "assigned": 1, "leading": 2}


@dataclass(frozen=True)
class Case:
    """What clocks ask of a grievance. The kind is None until intake's word of it has arrived."""

    number: str
    kind: str | None
    channel: str | None
    urgency: str | None


@dataclass(frozen=True)
class Milestone:
    """Something that happened to a case, or to one department's task in it.

    The county's clocks name milestones; `leading` (a department became the lead) and `designated` (its
    objection was refused) decide whose clocks run.
    """

    department: str | None
    name: str
    at: datetime


@dataclass(frozen=True)
class Deadline:
    """One deadline: who owes what by when. `id` is `<number>.<department>.<clock>` and stays for ever.

    `duty` and `shown` are its clock's; `ended_at` is when it was met, or was over otherwise.
    """

    id: str
    number: str
    clock: str
    department: str
    started_at: datetime
    due_at: datetime
    ended_at: datetime | None
    state: str
    duty: bool
    shown: bool


@dataclass(frozen=True)
class Change:
    """A deadline as it was kept, None for a new one, and as it is now."""

    before: Deadline | None
    after: Deadline


@dataclass(frozen=True)
class Standing:
    """An open deadline that time may have passed: its case's `kind`, and the last `rung` taken."""

    deadline: Deadline
    kind: str
    rung: str | None


@dataclass(frozen=True)
class Passage:
    """What time did to an open deadline: its state, the rungs to take now, and when to look again."""

    standing: Standing
    state: str
    rungs: tuple[Rung, ...]
    next_at: datetime | None

    @property
    def last_rung(self) -> str | None:
        """The last rung that was taken, when those of now are."""
        return self.rungs[-1].id if self.rungs else self.standing.rung


@dataclass(frozen=True)
class Notice:
    """A rung of the ladder, taken (M13). It names who owes what since when, never what a grievance says."""

    id: str
    deadline: str
    started_at: datetime
    rung: str
    number: str
    department: str
    clock: str
    due_at: datetime
    days_late: int
    basis: Text
    published: bool
    feedback_due_at: datetime | None
    served_at: datetime
    county_version: str


# --------------------------------------------------------------------------- from milestones to deadlines


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
    owner = course.task if clock.owner == "task" else clock.owner
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


# ------------------------------------------------------------------------------------- what is new about it


def changes(kept: Sequence[Deadline], derived: Sequence[Deadline], now: datetime) -> tuple[Change, ...]:
    """What differs from what was kept. A deadline that is over stays as it was judged then.

    What is kept and open, but follows from the county's clocks no more, ends.
    """
    before, after = {d.id: d for d in kept}, {d.id for d in derived}
    changed = [Change(before.get(d.id), d) for d in derived if _differs(before.get(d.id), d)]
    gone = [d for d in kept if d.id not in after and d.state in OPEN]
    return (*changed, *(Change(d, replace(d, state="ended", ended_at=now)) for d in gone))


def _differs(before: Deadline | None, after: Deadline) -> bool:
    if before is None or before.started_at != after.started_at:
        return True
    if before.state == "ended" and not before.duty:
        return False  # a right that has lapsed does not come back
    if before.ended_at != after.ended_at:
        return True
    return before.ended_at is None and before.due_at != after.due_at


def news(change: Change, now: datetime) -> Iterator[Event]:
    """What intake is told of a change, so that the petitioner sees it; nothing where a clock is not shown."""
    deadline = change.after
    if not deadline.shown:
        return
    of = (deadline.number, deadline.id, deadline.clock, deadline.department, deadline.due_at)
    if deadline.ended_at is None:
        yield DeadlineSet(*of, set_at=now)
    else:
        yield DeadlineMet(*of, late=deadline.ended_at > deadline.due_at, met_at=deadline.ended_at)


# ------------------------------------------------------------------------------------------ as time passes


def passage(standing: Standing, ladder: Sequence[Rung], calendar: Calendar, now: datetime) -> Passage:
    """What time did to an open deadline whose hour may have come.

    A right lapses. A duty is missed, and each rung of the ladder is taken when its time after the due date
    has passed; those of a whole outage at once, in their order.
    """
    deadline = standing.deadline
    if deadline.due_at >= now:
        return Passage(standing, deadline.state, (), deadline.due_at)
    if not deadline.duty:
        return Passage(standing, "ended", (), None)
    ahead = [(rung, _rung_at(rung, deadline.due_at, calendar)) for rung in _ahead(ladder, standing.rung)]
    rungs = tuple(rung for rung, _ in takewhile(lambda each: each[1] < now, ahead))
    later = ahead[len(rungs) :]
    return Passage(standing, "missed", rungs, later[0][1] if later else None)


def _ahead(ladder: Sequence[Rung], last: str | None) -> Sequence[Rung]:
    """The rungs above the last one taken; all, if the county has that rung no more."""
    ids = [rung.id for rung in ladder]
    return ladder[ids.index(last) + 1 :] if last in ids else ladder


def _rung_at(rung: Rung, due_at: datetime, calendar: Calendar) -> datetime:
    """When a rung is taken: at once if it waits for nothing, even where a clock ends within a day."""
    return calendar.add(due_at, rung.after) if rung.after.n else due_at


def notices(
    passages: Sequence[Passage], first: int, county: County, calendar: Calendar, now: datetime
) -> tuple[Notice, ...]:
    """The notices of all rungs to take, numbered from `first` in this year.

    An accusation is never published: its rung is served on the department instead (信访工作条例 Art. 30).
    """
    taken = [(passage.standing, rung) for passage in passages for rung in passage.rungs]
    return tuple(
        Notice(
            id=f"{year(now, calendar)}-{first + n:04d}",
            deadline=standing.deadline.id,
            started_at=standing.deadline.started_at,
            rung=rung.id,
            number=standing.deadline.number,
            department=standing.deadline.department,
            clock=standing.deadline.clock,
            due_at=standing.deadline.due_at,
            days_late=days_late(standing.deadline.due_at, now, calendar),
            basis=county.clocks[standing.deadline.clock].basis,
            published=rung.published and standing.kind != "accusation",
            feedback_due_at=calendar.add(now, rung.feedback) if rung.feedback else None,
            served_at=now,
            county_version=county.version,
        )
        for n, (standing, rung) in enumerate(taken)
    )


def year(now: datetime, calendar: Calendar) -> int:
    """The year that it is in the county."""
    return now.astimezone(calendar.timezone).year


def days_late(due_at: datetime, now: datetime, calendar: Calendar) -> int:
    """Natural days from the day something was due until today, as people count them."""
    zone = calendar.timezone
    return (now.astimezone(zone).date() - due_at.astimezone(zone).date()).days


def missed(passage: Passage) -> Iterator[DeadlineMissed]:
    """What intake is told when a shown deadline has just been missed."""
    of = passage.standing.deadline
    if of.shown and of.state == "running" and passage.state == "missed":
        yield DeadlineMissed(of.number, of.id, of.clock, of.department, of.due_at)


def told(notice: Notice) -> NoticeServed | NoticePublished:
    """What the other services are told of a notice."""
    of = (notice.number, notice.id, notice.rung, notice.department, notice.clock, notice.due_at)
    if notice.published:
        return NoticePublished(*of, published_at=notice.served_at)
    return NoticeServed(*of, feedback_due_at=notice.feedback_due_at, served_at=notice.served_at)
