"""What becomes of a notice after it was served. Nobody is named in public by one person alone (S17).

A notice of a publishing rung waits until one supervisor proposes its publication and another one confirms;
so is it withdrawn. Decisions are added and never changed, and the state is where the last one led.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared import words
from shared.contracts import NoticePublished, NoticeWithdrawn
from shared.county.model import Text
from shared.problems import Conflict, Forbidden

# What can be decided in each state, and where it leads. What was only served is never published. A refusal
# ends the waiting; it takes two again to publish all the same, so that one person cannot bury a notice.
MOVES: Mapping[str, Mapping[str, str]] = {
    "served": {},
    "waiting": {"propose": "proposed", "refuse": "refused"},
    "proposed": {"publish": "published", "refuse": "refused"},
    "refused": {"propose": "proposed"},
    "published": {"ask_withdrawal": "withdrawing"},
    "withdrawing": {"withdraw": "withdrawn", "keep": "published"},
    "withdrawn": {},
}
STATES = tuple(MOVES)
CONFIRMING = ("publish", "withdraw")  # confirm what another person asked for
REASONED = ("refuse", "ask_withdrawal", "keep")
AWAITING = ("waiting", "proposed", "withdrawing")  # a supervisor has something to decide
LISTED = ("published", "withdrawing")  # in the public list
PUBLIC = (*LISTED, "withdrawn")  # everyone may read it at its address


@dataclass(frozen=True)
class Decision:
    """A step of a notice's publication: what was decided, where it led, by whom and why.

    `decided_by` answers for it (`Caller.responsible`); None is left unsaid. The reason of a withdrawal is
    written for the public.
    """

    move: str
    state: str
    decided_by: str | None
    reason: str | None
    at: datetime


@dataclass(frozen=True)
class Wish:
    """What a supervisor wants to decide, and why.

    `seen` is how many decisions they have read: whoever confirms confirms what they know. None does not say.
    """

    move: str
    reason: str | None = None
    seen: int | None = None


@dataclass(frozen=True)
class Notice:
    """A rung of the ladder, taken (M13). It names who owes what since when, never what a grievance says.

    `publishable` says whether it may become public at all; `decisions` are what was decided of that.
    """

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
    publishable: bool
    feedback_due_at: datetime | None
    served_at: datetime
    county_version: str
    decisions: tuple[Decision, ...] = ()

    @property
    def state(self) -> str:
        """Where the notice stands: one of STATES."""
        if self.decisions:
            return self.decisions[-1].state
        return "waiting" if self.publishable else "served"

    @property
    def published(self) -> bool:
        """Whether it stands in the public list."""
        return self.state in LISTED

    @property
    def published_at(self) -> datetime | None:
        """When it became public, if it did."""
        return next((decision.at for decision in self.decisions if decision.move == "publish"), None)

    @property
    def withdrawal(self) -> Decision | None:
        """The confirmed withdrawal, if there is one, with the reason that everyone may read."""
        return next((decision for decision in self.decisions if decision.move == "withdraw"), None)


def decide(notice: Notice, wish: Wish, by: str, at: datetime) -> Notice:
    """The notice after one more decision. What is confirmed keeps the reason it was asked for with.

    Refuses (Conflict) what the state does not allow, or rests on less than was decided by now, and
    (Forbidden) who asked as the one who confirms.
    """
    _require_fit(notice, wish)
    reason = wish.reason
    if wish.move in CONFIRMING:
        asked = notice.decisions[-1]
        if asked.decided_by == by:
            raise Forbidden("须由另一位督查人员确认", "Another supervisor has to confirm it")
        reason = asked.reason
    decided = Decision(wish.move, MOVES[notice.state][wish.move], by, reason, at)
    return replace(notice, decisions=(*notice.decisions, decided))


def _require_fit(notice: Notice, wish: Wish) -> None:
    if wish.move not in MOVES[notice.state]:
        now = words.NOTICES[notice.state]
        zh, en = f"通报现在的状态是“{now.zh}”，不能这样办", f"The notice is now: {now.en}. This does not fit"
        raise Conflict(zh, en)
    if wish.seen is not None and wish.seen != len(notice.decisions):
        zh, en = "通报又有了新的决定，请先核对", "Something else was decided of it since: look at that first"
        raise Conflict(zh, en)


def open_moves(notice: Notice, by: str) -> tuple[str, ...]:
    """What this person can decide now."""
    asked = notice.decisions[-1].decided_by if notice.decisions else None
    return tuple(move for move in MOVES[notice.state] if move not in CONFIRMING or asked != by)


def for_everyone(notice: Notice) -> Notice | None:
    """The notice as anyone may read it: that it was published and perhaps withdrawn, not by whom.

    None if it never became public. A withdrawal that is only asked for is nobody's business yet.
    """
    if notice.state not in PUBLIC:
        return None
    told = (replace(each, decided_by=None) for each in notice.decisions if each.move in CONFIRMING)
    return replace(notice, decisions=tuple(told))


def announced(notice: Notice) -> Iterator[NoticePublished | NoticeWithdrawn]:
    """What the other services are told of the last decision; most concern nobody else."""
    last = notice.decisions[-1]
    of = (notice.number, notice.id, notice.rung, notice.department, notice.clock, notice.due_at)
    if last.move == "publish":
        yield NoticePublished(*of, published_at=last.at)
    if last.move == "withdraw":
        yield NoticeWithdrawn(*of, reason=last.reason or "", withdrawn_at=last.at)
