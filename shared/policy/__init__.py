"""Who may do what to which rows. Whatever anyone asks for goes through here; what is not said is denied.

`table` is the policy itself, readable by anyone (`minqing policy`, the page /policy). `reach` says which rows
one caller reaches, for a value in hand; `conditions` says the same of a table's rows to the database. `sight`
is what the database's own row security is told, which stands behind as a second wall.
"""

from shared.policy.reach import Reach, accused, allows, reach, units
from shared.policy.sight import Follower, sight
from shared.policy.table import ABOVE_ALL, ACTIONS, ANYONE, ROLES, role

__all__ = [
    "ABOVE_ALL",
    "ACTIONS",
    "ANYONE",
    "ROLES",
    "Follower",
    "Reach",
    "accused",
    "allows",
    "reach",
    "role",
    "sight",
    "units",
]
