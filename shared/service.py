"""What a running service stands on: settings, databases, county, clock. Made once, handed to every door."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, Engine

from shared import calendar, county, database, keyring, policy, settings
from shared.calendar import Calendar
from shared.clock import Clock
from shared.county import County
from shared.database import Direct
from shared.identity.model import Caller
from shared.policy import Follower, Reach
from shared.settings import Settings

Who = Caller | Follower | None  # on whose behalf the database is asked


@dataclass(frozen=True)
class Service:
    """One of the three services, ready to work. `name` is intake, routing or oversight.

    A worker works as the owner of its database. An API works `at_door`: as a role that owns nothing, and to
    which row security shows only what the caller it names may see; unnamed, no row at all.
    """

    name: str
    settings: Settings
    engine: Engine
    identity: Engine
    county: County
    calendar: Calendar
    clock: Clock
    at_door: bool = False

    def now(self) -> datetime:
        """The present moment in UTC, from the suite's clock."""
        return self.clock.now()

    def transaction(self, who: Who = None) -> AbstractContextManager[Connection]:
        """A transaction on this service's database: commits at the end, rolls back on an error."""
        return database.transaction(self.engine, self._sight(who))

    def reading(self, who: Who = None) -> AbstractContextManager[Connection]:
        """A connection for a single query."""
        return database.reading(self.engine, self._sight(who))

    def direct(self, who: Who = None) -> AbstractContextManager[Direct]:
        """The driver's own connection, for what must be quick."""
        return database.direct(self.engine, self._sight(who))

    def reach(self, caller: Caller | None, action: str) -> Reach:
        """The rows that a caller reaches by an action (`shared.policy`). Refuses as `policy.reach` does."""
        return policy.reach(caller, action, self.county)

    def to_door(self) -> "Service":
        """The same service as its API has it."""
        engine = database.connect(database.door(self.settings.database_url))
        return replace(self, engine=engine, at_door=True)

    def _sight(self, who: Who) -> str | None:
        return policy.sight(who, self.county) if self.at_door else None


def start(name: str, environ: Mapping[str, str] | None = None) -> Service:
    """Read the environment and the county; connect to nothing yet.

    Raises SettingsError, CountyError or KeyringError, each naming what to mend.
    """
    given = settings.read(environ)
    directory = county.load(given.county)
    keyring.signer(given.secrets, name)
    return Service(
        name=name,
        settings=given,
        engine=database.connect(given.database_url),
        identity=database.connect(given.identity_url),
        county=directory,
        calendar=calendar.of(directory),
        clock=Clock(given.clock),
    )
