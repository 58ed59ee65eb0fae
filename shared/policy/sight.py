"""What the database's row security is told of who asks: the second wall (S1, S15).

It knows no actions, only rows: the migration `door` of each service says what a role may see with what it
is told here. Told nothing, it shows nothing.
"""

from dataclasses import dataclass

import orjson

from shared.county.model import County
from shared.identity.model import Caller
from shared.policy.reach import parts
from shared.policy.table import role


@dataclass(frozen=True)
class Follower:
    """A petitioner who has shown the query code of one grievance."""

    number: str


def sight(who: Caller | Follower | None, county: County) -> str:
    """The setting `minqing.sight`, JSON: of a caller, or a number."""
    if who is None:
        return ""
    if isinstance(who, Follower):
        return orjson.dumps({"number": who.number}).decode()
    known = {name: None if values is None else sorted(values) for name, values in parts(who, county).items()}
    return orjson.dumps({**known, "role": role(who), "by": who.responsible}).decode()
