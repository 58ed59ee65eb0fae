"""Who answers for a grievance, and what they may do about it. Pure.

`cases` has the values and the lifecycles, `rules` the county's rules, `decisions` how a case is assigned,
`tasks` what a department does, `sight` what the policy asks.
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
    moved,
)
from services.routing.domain.decisions import PERSON, Decision, reassign, route
from services.routing.domain.rules import (
    ACCUSATION,
    WAITS,
    Assignment,
    Suggestion,
    Triage,
    accused,
    decide,
    suggest,
)
from services.routing.domain.sight import facts
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
    "ACCUSATION",
    "CASE_MOVES",
    "OUTCOMES",
    "PERSON",
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
    "Suggestion",
    "Task",
    "Triage",
    "accept",
    "accused",
    "answer",
    "decide",
    "explain",
    "facts",
    "moved",
    "object_to",
    "objection_until",
    "open_moves",
    "progress",
    "reassign",
    "route",
    "suggest",
    "unanswered",
]
