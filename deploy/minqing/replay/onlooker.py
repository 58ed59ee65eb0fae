"""Looks into a suite's databases and waits until nothing is left to be done at a moment."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, TextClause, text

from deploy.minqing import databases
from deploy.minqing.suite import Suite
from deploy.minqing.trouble import Trouble
from shared import database

PAUSE = 0.02  # seconds between two looks
LONGEST = 60  # seconds; a suite that works needs one or two

UNCONFIRMED = text("SELECT count(*) FROM outbox WHERE state IN ('pending', 'sent')")
REACHED = text("SELECT count(*) FROM deadline WHERE next_at < :now")
NEXT = text("SELECT min(next_at) FROM deadline WHERE next_at >= :now")


class Onlooker:
    """Sees what the services have not heard of each other yet, and what oversight has not looked at."""

    def __init__(self, found: Suite) -> None:
        urls = found.database_urls()
        # In the order of the flow: what intake said is heard, so what routing says of it is there to be seen.
        self.engines = {service: database.connect(urls[service], pool=1) for service in databases.SERVICES}

    def close(self) -> None:
        """Let go of the databases."""
        for engine in self.engines.values():
            engine.dispose()

    def await_settled(self) -> None:
        """Return when everything said has been heard and receipted."""
        _await(lambda: not any(_look(engine, UNCONFIRMED) for engine in self.engines.values()))

    def await_passed(self, now: datetime) -> None:
        """Return when oversight has marked what was due before `now`, and taken the rungs."""
        _await(lambda: _look(self.engines["oversight"], REACHED, now=now) == 0)

    def next_due(self, now: datetime) -> datetime | None:
        """When oversight will have something to mark next, from `now` on."""
        due: datetime | None = _look(self.engines["oversight"], NEXT, now=now)
        return due


def _look(engine: Engine, what: TextClause, **values: datetime) -> Any:
    with database.reading(engine) as connection:
        return connection.execute(what, values).scalar_one()


def _await(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST
    while not holds():
        if time.monotonic() > deadline:
            raise Trouble(
                "服务长时间没有处理完，重演停止；请查看 logs 中的日志",
                "The services do not get done, so the replay stops; see the logs",
            )
        time.sleep(PAUSE)
