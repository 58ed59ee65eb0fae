"""What follows when a deadline passes: it is missed, and the ladder of accountability is climbed (M13)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from services.oversight.domain.cases import Deadline
from services.oversight.domain.publication import Notice
from shared.calendar import Calendar
from shared.contracts import DeadlineMissed, NoticeServed
from shared.county.model import County, Rung
from shared.county.terms import ACCUSATION


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

    All are served at once; that of a publishing rung may then be published (`publication`), but never of an
    accusation (信访工作条例 Art. 30).
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
            publishable=rung.published and standing.kind != ACCUSATION,
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
    """Natural days from the day something was due until the day of `now`; 0 if it was not late."""
    zone = calendar.timezone
    return max((now.astimezone(zone).date() - due_at.astimezone(zone).date()).days, 0)


def missed(passage: Passage) -> Iterator[DeadlineMissed]:
    """What intake is told when a shown deadline has just been missed."""
    of = passage.standing.deadline
    if of.shown and of.state == "running" and passage.state == "missed":
        yield DeadlineMissed(of.number, of.id, of.clock, of.department, of.due_at)


def served(notice: Notice) -> NoticeServed:
    """What the department's ledger is told of a notice."""
    of = (notice.number, notice.id, notice.rung, notice.department, notice.clock, notice.due_at)
    return NoticeServed(*of, feedback_due_at=notice.feedback_due_at, served_at=notice.served_at)
