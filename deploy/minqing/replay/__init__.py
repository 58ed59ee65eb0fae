"""A county's past, replayed: its grievances come in day by day, and officials deal with them or do not.

Everything goes through the services' APIs with real keys. The clock is set to the moment of each act; before
it passes midnight, what was said has been heard, and after that, oversight has seen what is overdue.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

from deploy.minqing import clock
from deploy.minqing.clock import Hands
from deploy.minqing.replay import samples
from deploy.minqing.replay.acts import Act, Agenda, Who, later
from deploy.minqing.replay.habits import Habits
from deploy.minqing.replay.onlooker import Onlooker
from deploy.minqing.replay.players import Players
from deploy.minqing.replay.samples import Sample
from deploy.minqing.suite import Suite, clock_file
from deploy.minqing.trouble import Say, say
from shared import calendar, county

SEED = 23
A_DAY = timedelta(days=1)
A_SECOND = timedelta(seconds=1)
NEW = ("assigned", "designated")  # states of a task that its department has to react to
WEEKDAYS = "一二三四五六日"
UNREADY = 409  # what is asked does not fit the present state
AGAIN = (429, 502, 503, 504)
LONGEST_PAUSE = 3  # working days between two tries

CLERK, SUPERVISOR = Who("clerk"), Who("supervisor")


def replay(found: Suite, days: int, given: Sequence[Sample], say: Say = say) -> None:
    """Replay the last `days` days of a running suite with these grievances; afterwards it is now.

    Interrupted, it leaves what has happened so far, and the real time.
    """
    directory = county.load(Path(found.environments["routing"]["MINQING_COUNTY"]))
    habits = Habits(directory, calendar.of(directory), samples.replies(), SEED)
    now = datetime.now(UTC)
    today = now.astimezone(habits.calendar.timezone).date()
    past = [today - n * A_DAY for n in range(days, 0, -1)]
    with closing(Players(found)) as players, closing(Onlooker(found)) as onlooker, _interruptible(say):
        with clock.past(clock_file(Path(found.data)), habits.midnight(past[0])) as hands:
            run = Replay(habits, players, onlooker, hands, say)
            run.agenda.add(samples.registrations(given, past, directory, habits.calendar, SEED))
            for day in past:
                run.live(day)
            run.act_until(now)
            onlooker.await_settled()
        onlooker.await_passed(now)
        onlooker.await_settled()


@dataclass
class Replay:
    """A replay under way.

    `due` is when the next deadline is reached, as far as oversight knew when all was settled last. `done`
    counts what was done on the present day, by what the services answered.
    """

    habits: Habits
    players: Players
    onlooker: Onlooker
    hands: Hands
    say: Say
    agenda: Agenda = field(default_factory=Agenda)
    seen: set[tuple[str, ...]] = field(default_factory=set)
    due: datetime | None = None
    done: Counter[int] = field(default_factory=Counter)

    def live(self, day: date) -> None:
        """Live through a day until midnight has passed for everyone."""
        if self.habits.calendar.is_working_day(day):
            look_at = samples.registered_by(day, self.habits.calendar, self.habits.seed)
            self.act_until(look_at)
            self._settle()
            self._look(look_at)
        midnight = self.habits.midnight(day + A_DAY)
        self.act_until(midnight)
        self._settle()
        self.hands.move(midnight + A_SECOND)
        self.onlooker.await_passed(midnight)
        self._tell(day)

    def act_until(self, moment: datetime) -> None:
        """Do what is to be done before `moment`, each act at its own time."""
        for act in self.agenda.until(moment):
            if self.due and self.due < act.at:
                self._settle()  # so that what was done in time is not taken for missed
            self.hands.move(act.at)
            self._do(act)

    def _settle(self) -> None:
        self.onlooker.await_settled()
        self.due = self.onlooker.next_due(self.hands.now())

    def _do(self, act: Act) -> None:
        status = self.players.post(act).status_code
        if status in AGAIN or (status == UNREADY and act.patient):
            days = min(act.tries - 1, LONGEST_PAUSE)
            chance = Random(f"{act.path} {act.tries}")  # nosec B311 - repeatable
            at = later(self.habits.calendar, act.at, days, chance)
            self.agenda.add([replace(act, at=at, tries=act.tries + 1)])
        else:
            self.done[status] += 1

    def _look(self, now: datetime) -> None:
        """Let everyone see what is new to them, and put on the agenda what they will do about it."""
        for state in NEW:
            for line in self.players.all(SUPERVISOR, "routing", "/v1/ledger", "tasks", state=state):
                if self._is_new(line["id"], state):
                    sheet = self.players.get(SUPERVISOR, "routing", f"/v1/tasks/{line['id']}")
                    self.agenda.add(self.habits.course(sheet, now))
        for waiting in self.players.all(CLERK, "routing", "/v1/triage", "waiting"):
            if self._is_new(waiting["case"]["number"], waiting["triaged_at"]):
                self.agenda.add(self.habits.decision(waiting, now))
        self._look_at_notices(now)

    def _look_at_notices(self, now: datetime) -> None:
        for notice in self.players.all(SUPERVISOR, "oversight", "/v1/notices", "notices", state="waiting"):
            if self._is_new(notice["id"]):
                self.agenda.add(self.habits.publication(notice, now))

    def _is_new(self, *what: str) -> bool:
        known = what in self.seen
        self.seen.add(what)
        return not known

    def _tell(self, day: date) -> None:
        missed = self.players.get(SUPERVISOR, "oversight", "/v1/deadlines", state="missed")["total"]
        published = self.players.get(SUPERVISOR, "oversight", "/v1/notices", published=True)["total"]
        registered, acts = self.done.pop(201, 0), self.done.pop(200, 0)
        weekday = WEEKDAYS[day.weekday()]
        self.say(
            f"{day} 周{weekday}  登记 {registered}  办理 {acts}  逾期 {missed}  通报 {published}",
            f"registered {registered}, acts {acts}, overdue {missed}, published {published}",
        )


@contextmanager
def _interruptible(say: Say) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        say(
            "\n重演已中断：已发生的全部保留，时钟已恢复为真实时间；要从头重演，先运行 minqing down --delete",
            "The replay was interrupted: what happened is kept, and the clock is real again. To have it all, "
            "run minqing down --delete and begin anew",
        )
        raise
