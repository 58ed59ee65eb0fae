"""What a running service stands on: settings, databases, county, clock. Made once, handed to every door."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from shared import calendar, county, database, keyring, settings
from shared.calendar import Calendar
from shared.clock import Clock
from shared.county import County
from shared.settings import Settings


@dataclass(frozen=True)
class Service:
    """One of the three services, ready to work. `name` is intake, routing or oversight."""

    name: str
    settings: Settings
    engine: Engine
    identity: Engine
    county: County
    calendar: Calendar
    clock: Clock

    def now(self) -> datetime:
        """The present moment in UTC, from the suite's clock."""
        return self.clock.now()

    def transaction(self) -> AbstractContextManager[Connection]:
        """A transaction on this service's database: commits at the end, rolls back on an error."""
        return self.engine.begin()

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection for a single query."""
        return database.reading(self.engine)


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
