"""What is due, what was missed, and what follows from that. Pure.

`cases` has the values, `clocks` derives deadlines from milestones, `changes` finds what is new about them,
`ladder` lets time pass, `figures` counts.
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
    Notice,
    Passage,
    Standing,
    days_late,
    missed,
    notices,
    passage,
    told,
    year,
)

__all__ = [
    "OPEN",
    "STATES",
    "Case",
    "Change",
    "Dashboard",
    "Deadline",
    "Milestone",
    "Notice",
    "Owed",
    "Passage",
    "Standing",
    "Tally",
    "changes",
    "days_late",
    "deadlines",
    "figures_since",
    "missed",
    "news",
    "notices",
    "passage",
    "ranked",
    "soon",
    "told",
    "unranked",
    "year",
]
