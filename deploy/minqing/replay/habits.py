"""How officials behave in a replay: when departments act and what they say, how triage decides. Pure.

All of it follows from the seed and the matter alone. Most are in time; a few departments are slow, so that
deadlines are missed, reminders and supervision letters follow, and notices that two supervisors publish.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import cached_property
from random import Random
from typing import Any

from deploy.minqing.replay.acts import Act, Who, later
from deploy.minqing.replay.samples import Replies
from shared.calendar import Calendar
from shared.county.model import County

Json = Mapping[str, Any]
Days = tuple[int, int]  # working days, from and to


@dataclass(frozen=True)
class Pace:
    """How long until a task is accepted, then answered, and until a linked case is explained."""

    accept: Days
    answer: Days
    explain: Days = (0, 1)


# By urgency, which only hotline orders have.
PACES = {
    "urgent": Pace((0, 0), (0, 0)),
    "priority": Pace((0, 0), (0, 1)),
    "ordinary": Pace((0, 1), (1, 4)),
    None: Pace((0, 6), (4, 34)),
}
SLOW, SLOW_ORDER = Pace((5, 18), (25, 60), (2, 14)), Pace((1, 5), (8, 20), (2, 14))
SLOW_DEPARTMENTS = 3  # of the BUSY ones that most rules lead to
BUSY = 10
SLOW_SHARE = 0.6  # of what a slow department has to do
LATE_SHARE, LATE = 0.08, (3, 9)  # of everything: some days more
OBJECTING = 0.06
UNDECIDED = 0.1  # of what waits in triage stays there
UPHELD = 0.4  # of objections
UNPUBLISHED = 0.08  # of the notices that might be

OUTCOMES = {
    "claim": ("solved",) * 5 + ("stepwise",) * 3 + ("explained",) * 2 + ("unreasonable",),
    "accusation": ("solved", "explained"),
    "suggestion": ("solved", "explained"),
    "inquiry": ("explained",),
}
ASSIGNED = "经人工审核，该事项的主要职责在{lead}，由其牵头办理。"
AGREED = "异议成立，不再由其承办；本件由{lead}牵头办理。"
REFUSED = "异议不成立，指定承办，不得再次退回；本件由{lead}牵头办理。"
SPARED = "迟办系等候上级答复所致，责任单位已作书面说明，不予公开。"

SUPERVISOR, COLLEAGUE = Who("supervisor"), Who("supervisor", n=2)


@dataclass(frozen=True)
class Habits:
    """The officials of a county, with the words they use."""

    county: County
    calendar: Calendar
    replies: Replies
    seed: int

    def course(self, sheet: Json, now: datetime) -> Iterator[Act]:
        """What a department will do with a task that it has just been given, as its sheet shows it."""
        seed = f"{self.seed} {sheet['case']['summary']} {sheet['department']} {sheet['state']}"
        chance = Random(seed)  # nosec B311 - repeatable
        task = _Task(self, sheet, chance)
        if sheet["state"] == "assigned" and not sheet["case"]["urgency"] and chance.random() < OBJECTING:
            yield task.act(later(self.calendar, now, chance.randint(1, 4), chance), "object")
        else:
            yield from task.work(now)

    def decision(self, waiting: Json, now: datetime) -> Iterator[Act]:
        """What the centre's clerk will decide about a case in triage, or nothing: some are left lying."""
        case, objection = waiting["case"], waiting["waits"]["code"] == "objection"
        chance = Random(f"{self.seed} {case['summary']} {case['handovers']}")  # nosec B311 - repeatable
        if not objection and chance.random() < UNDECIDED:
            return
        upheld = objection and chance.random() < UPHELD
        lead, cooperating = self._assignment(waiting, upheld=upheld)
        words = (AGREED if upheld else REFUSED) if objection else ASSIGNED
        yield Act(
            at=later(self.calendar, now, chance.randint(0, 3), chance),
            who=Who("clerk"),
            service="routing",
            path=f"/v1/triage/{case['number']}/decision",
            body={"lead": lead, "cooperating": cooperating, "reason": words.format(lead=self.name(lead))},
        )

    def publication(self, notice: Json, now: datetime) -> Iterator[Act]:
        """What two supervisors will do with a notice: one proposes to publish it, the other decides."""
        chance = Random(f"{self.seed} {notice['number']} {notice['clock']}")  # nosec B311 - repeatable
        path = f"/v1/notices/{notice['id']}/publication"
        proposed = later(self.calendar, now, 0, chance)
        yield Act(proposed, SUPERVISOR, "oversight", path, {})
        decided = later(self.calendar, proposed, chance.randint(0, 1), chance)
        if chance.random() < UNPUBLISHED:
            yield Act(decided, COLLEAGUE, "oversight", f"{path}/refuse", {"reason": SPARED})
        else:
            yield Act(decided, COLLEAGUE, "oversight", f"{path}/confirm", {})

    def midnight(self, day: date) -> datetime:
        """When a day begins in the county."""
        return datetime.combine(day, time(), self.calendar.timezone)

    def name(self, department: str) -> str:
        """What a department is called."""
        return self.county.departments[department].name.zh

    @cached_property
    def slow(self) -> frozenset[str]:
        """The departments that let things lie."""
        leads = Counter(rule.lead for rule in self.county.rules if rule.lead in self.county.departments)
        busy = [department for department, _ in leads.most_common(BUSY)]
        chance = Random(self.seed)  # nosec B311 - repeatable
        return frozenset(chance.sample(busy, min(SLOW_DEPARTMENTS, len(busy))))

    def pace(self, sheet: Json, chance: Random) -> Pace:
        """How quick a department is with a task."""
        urgency = sheet["case"]["urgency"]
        if sheet["department"] in self.slow and chance.random() < SLOW_SHARE:
            return SLOW_ORDER if urgency else SLOW
        pace = PACES[urgency]
        if chance.random() < LATE_SHARE:
            return replace(pace, answer=(pace.answer[1] + LATE[0], pace.answer[1] + LATE[1]), explain=LATE)
        return pace

    def _assignment(self, waiting: Json, *, upheld: bool) -> tuple[str, list[str]]:
        """Whom a clerk names: those there are, without whoever objected with good reason."""
        case = waiting["case"]
        out = {part["department"] for part in case["tasks"] if upheld and part["state"] == "objected"}
        cooperating = [department for department in case["cooperating"] if department not in out]
        if case["lead"] and case["lead"] not in out:
            return case["lead"], cooperating
        taken = {case["unit"], *(part["department"] for part in case["tasks"])}
        return next(each for each in self._candidates(waiting) if each not in taken), cooperating

    def _candidates(self, waiting: Json) -> Iterator[str]:
        """Whom one might think of: what the rules nearly said, the township, then those that supervise."""
        yield from (suggestion["department"] for suggestion in waiting["suggestions"])
        if place := waiting["case"]["place"]:
            yield self.county.places[place].department
        yield from (each.id for each in self.county.departments.values() if each.supervises)


@dataclass(frozen=True)
class _Task:
    """A task in its department's hands."""

    habits: Habits
    sheet: Json
    chance: Random

    def work(self, now: datetime) -> Iterator[Act]:
        """Accept, note progress, answer; and explain, where several departments need to be told apart."""
        pace = self.habits.pace(self.sheet, self.chance)
        if self.sheet["role"] == "lead" and self.sheet["case"]["cooperating"]:
            yield self.act(self._after(now, self._days(pace.explain)), "explain")
        accepted = self._after(now, self._days(pace.accept))
        yield self.act(accepted, "accept")
        days = self._days(pace.answer)
        notes = self.chance.randint(1, 3) if days >= 4 else 0
        for n in range(1, notes + 1):
            yield self.act(self._after(accepted, days * n // (notes + 1)), "progress")
        yield self.act(self._after(accepted, days), "answer")

    def act(self, at: datetime, what: str) -> Act:
        """The request that does this."""
        return Act(
            at=at,
            who=Who("department", self.sheet["department"]),
            service="routing",
            path=f"/v1/tasks/{self.sheet['id']}/{what}",
            body=self._says(what),
            patient=what == "answer",  # the lead waits for the others
        )

    def _says(self, what: str) -> Json:
        choose, replies = self.chance.choice, self.habits.replies
        if what == "object":
            return {"reason": choose(replies["objections"])}
        if what == "progress":
            return {"note": choose(replies["progress"])}
        if what == "explain":
            return {"explanation": choose(replies["explanations"]).format(**self._names())}
        return self._answer() if what == "answer" else {}

    def _answer(self) -> Json:
        outcome = self.chance.choice(OUTCOMES[self.sheet["case"]["kind"]])
        fit = [each for each in self.habits.replies["answers"] if each["outcome"] == outcome]
        answer: Json = self.chance.choice(fit)
        return answer

    def _names(self) -> dict[str, str]:
        name, case = self.habits.name, self.sheet["case"]
        return {"lead": name(case["lead"]), "cooperating": "、".join(map(name, case["cooperating"]))}

    def _after(self, start: datetime, days: int) -> datetime:
        return later(self.habits.calendar, start, days, self.chance)

    def _days(self, span: Days) -> int:
        return self.chance.randint(*span)
