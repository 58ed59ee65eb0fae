"""What is due, what was missed, and what follows from that. Pure.

`cases` has the values, `clocks` derives deadlines from milestones, `changes` finds what is new about them,
`ladder` lets time pass, `publication` decides what everyone may read, `figures` counts.
"""

from services.oversight.domain.cases import OPEN, STATES, Case, Change, Deadline, Milestone
from services.oversight.domain.changes import changes, news
from services.oversight.domain.clocks import deadlines
from services.oversight.domain.figures import (
    Dashboard,
    Owed,
    Tally,
    figures_since,
    ranked,
    soon,
    unranked,
)
from services.oversight.domain.ladder import (
    Passage,
    Standing,
    days_late,
    missed,
    notices,
    passage,
    served,
    year,
)
from services.oversight.domain.publication import (
    AWAITING,
    LISTED,
    MOVES,
    PUBLIC,
    REASONED,
    Decision,
    Notice,
    Wish,
    announced,
    decide,
    for_everyone,
    open_moves,
)

__all__ = [
    "AWAITING",
    "LISTED",
    "MOVES",
    "OPEN",
    "PUBLIC",
    "REASONED",
    "STATES",
    "Case",
    "Change",
    "Dashboard",
    "Deadline",
    "Decision",
    "Milestone",
    "Notice",
    "Owed",
    "Passage",
    "Standing",
    "Tally",
    "Wish",
    "announced",
    "changes",
    "days_late",
    "deadlines",
    "decide",
    "figures_since",
    "for_everyone",
    "missed",
    "news",
    "notices",
    "open_moves",
    "passage",
    "ranked",
    "served",
    "soon",
    "unranked",
    "year",
]
