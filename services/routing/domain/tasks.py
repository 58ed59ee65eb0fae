"""What a department does with its task: accept, object, report, explain, answer (M8-M11). Pure.

Each takes the case and the act, and gives the change or refuses it (Conflict). A department that has no
task in the case gets NotFound.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from services.routing.domain.cases import (
    CASE_MOVES,
    TASK_MOVES,
    Act,
    Case,
    Change,
    Entry,
    Task,
    moved,
    with_tasks,
)
from shared import contracts
from shared.calendar import Calendar
from shared.contracts import (
    CaseAnswered,
    CaseExplained,
    CaseTriaged,
    Event,
    TaskAccepted,
    TaskAnswered,
    TaskObjected,
    TaskProgressed,
)
from shared.county.model import County, Text
from shared.problems import Conflict, Fault, Invalid

ACTS = ("accept", "object", "progress", "explain", "answer")
OBJECTION = "objection"  # the county's clock for it (M9)


@dataclass(frozen=True)
class Answer:
    """A written answer (Art. 32): what was claimed, the facts, the opinion and its legal or policy basis.

    The lead's answers the whole case and needs an outcome (M11); others answer for their part.
    """

    outcome: str | None
    claim: str | None
    facts: str
    opinion: str
    basis: str


def objection_until(task: Task, county: County, calendar: Calendar) -> datetime | None:
    """Until when a department may object to being assigned; None if the county sets no limit."""
    clock = county.clocks.get(OBJECTION)
    return calendar.add(task.assigned_at, clock.length) if clock else None


def open_moves(case: Case, task: Task) -> tuple[str, ...]:
    """What the department can do now, as far as states tell; an objection may still come too late."""
    allowed = (act for act in ACTS if act in TASK_MOVES[task.state])
    return tuple(act for act in allowed if act not in _IF or _IF[act](case, task))


def accept(case: Case, act: Act) -> Change:
    """Take the task; the petitioner is told (Art. 23)."""
    return _change(_after(case, act, "accept"), act, {}, TaskAccepted(case.number, act.department, act.at))


def object_to(case: Case, act: Act, reason: str, until: datetime | None) -> Change:
    """Object in writing to being assigned, up to and with `until` (M9). The case goes back to triage.

    A refusal names `until` in the zone that it is given in.
    """
    after = _after(case, act, "object")
    if until is not None and act.at > until:
        when = f"{until:%Y-%m-%d %H:%M}"
        raise Conflict(f"异议期已于 {when} 届满", f"The time for objections ended at {when}")
    objecting = replace(after.task(act.department), objection=reason)
    waiting = replace(
        with_tasks(after, [objecting]),
        state=moved(CASE_MOVES, case.state, "object"),
        waits=OBJECTION,
        triaged_at=case.triaged_at if case.state == "triage" else act.at,
    )
    said: list[Event] = [TaskObjected(case.number, act.department, reason, act.at)]
    if case.state != "triage":
        said.append(CaseTriaged(case.number, OBJECTION, act.at))
    return _change(waiting, act, {"reason": reason}, *said)


def progress(case: Case, act: Act, note: str) -> Change:
    """Write a note into the ledger (M10)."""
    said = TaskProgressed(case.number, act.department, note, act.at)
    return _change(_after(case, act, "progress"), act, {"note": note}, said)


def explain(case: Case, act: Act, explanation: str) -> Change:
    """Tell the petitioners who does what (M8): by the lead of a linked case, and once."""
    after = _after(case, act, "explain")
    if case.lead != act.department or not case.cooperating:
        raise Conflict("只有联办件的牵头单位作公开说明", "Only the lead of a linked case explains")
    if case.explained_by == act.department:
        raise Conflict("本件已作公开说明", "This case has been explained")
    said = CaseExplained(case.number, act.department, explanation, act.at)
    return _change(replace(after, explained_by=act.department), act, {"explanation": explanation}, said)


def answer(case: Case, act: Act, given: Answer, county: County) -> Change:
    """Answer for one's part; the lead for the whole case, after everyone else (M8).

    Refuses (Conflict) a lead while others have not answered, naming them, and (Invalid) one without outcome.
    """
    after = _after(case, act, "answer")
    said = TaskAnswered(case.number, act.department, act.at)
    if act.department != case.lead:
        return _change(after, act, _written(case, given), said)
    _require_others(case, county)
    closed = replace(after, state=moved(CASE_MOVES, case.state, "answer"), answered_at=act.at)
    return _change(closed, act, _written(case, given), said, _closing(case, act, given))


def _closing(case: Case, act: Act, given: Answer) -> CaseAnswered:
    if given.outcome is None:
        zh, en = "牵头单位的答复须写明办理结果", "The lead's answer states the outcome"
        raise Invalid(faults=[Fault("outcome", zh, en)])
    return CaseAnswered(
        number=case.number,
        department=act.department,
        outcome=given.outcome,
        facts=given.facts,
        opinion=given.opinion,
        basis=given.basis,
        answered_at=act.at,
    )


def _explains(case: Case, task: Task) -> bool:
    return task.department == case.lead != case.explained_by and bool(case.cooperating)


def _answers(case: Case, task: Task) -> bool:
    closes = task.department == case.lead
    return not closes or ("answer" in CASE_MOVES[case.state] and not unanswered(case))


# What depends on the case as well as on the task.
_IF: Mapping[str, Callable[[Case, Task], bool]] = {"explain": _explains, "answer": _answers}


def unanswered(case: Case) -> tuple[str, ...]:
    """The cooperating departments that still owe an answer; the lead's comes after theirs (M8)."""
    return tuple(each for each in case.cooperating if case.task(each).state != "answered")


def _require_others(case: Case, county: County) -> None:
    waiting = list(_owing(case, county))
    if waiting:
        zh, en = "、".join(fault.zh for fault in waiting), ", ".join(fault.en for fault in waiting)
        raise Conflict(f"协办单位尚未答复：{zh}", f"These departments have not answered yet: {en}", waiting)


def _owing(case: Case, county: County) -> Iterator[Fault]:
    """Whoever is `unanswered`, by id and name."""
    for department in unanswered(case):
        known = county.departments.get(department)
        name = known.name if known else Text(department, department)
        yield Fault(department, name.zh, name.en)


def _written(case: Case, given: Answer) -> Mapping[str, str]:
    written = {
        "outcome": given.outcome,
        "claim": given.claim or case.summary,
        "facts": given.facts,
        "opinion": given.opinion,
        "basis": given.basis,
    }
    return {key: words for key, words in written.items() if words is not None}


def _after(case: Case, act: Act, move: str) -> Case:
    """The case after the acting department's task made a move."""
    task = case.task(act.department)
    return with_tasks(case, [replace(task, state=moved(TASK_MOVES, task.state, move))])


def _change(case: Case, act: Act, words: Mapping[str, str], *said: Event) -> Change:
    """The change with its ledger entry, which is named after the first thing said of the task."""
    what = contracts.name(type(said[0]))
    return Change(case, (Entry(case.number, act.department, what, words, act.at, act.by),), said)
