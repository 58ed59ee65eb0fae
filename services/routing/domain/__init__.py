"""Who answers for a grievance, and what they may do about it. Pure.

`cases` has the values and the lifecycles, `rules` the county's rules, `decisions` how a case is assigned,
`tasks` what a department does.
"""

from services.routing.domain.cases import (
    CASE_MOVES,
    OUTCOMES,
    ROLES,
    TASK_MOVES,
    Act,
    Case,
    Change,
    Entry,
    Line,
    Matter,
    Task,
    facts,
)
from services.routing.domain.decisions import Decision, reassign, route
from services.routing.domain.rules import WAITS, Assignment, Triage, decide, suggest
from services.routing.domain.tasks import (
    Answer,
    accept,
    answer,
    explain,
    object_to,
    objection_until,
    open_moves,
    progress,
    unanswered,
)

__all__ = [
    "CASE_MOVES",
    "OUTCOMES",
    "ROLES",
    "TASK_MOVES",
    "WAITS",
    "Act",
    "Answer",
    "Assignment",
    "Case",
    "Change",
    "Decision",
    "Entry",
    "Line",
    "Matter",
    "Task",
    "Triage",
    "accept",
    "answer",
    "decide",
    "explain",
    "facts",
    "object_to",
    "objection_until",
    "open_moves",
    "progress",
    "reassign",
    "route",
    "suggest",
    "unanswered",
]
