"""How fast one caller may ask in general (S9): counted in memory, by each process for itself.

It keeps a service from being held by one caller, and needs to survive nothing; what keeps guesses few is
counted in PostgreSQL (`shared.identity.limits`).
"""

import time
from collections import OrderedDict
from threading import Lock
from typing import cast

from flask import Flask, current_app, request

from shared.identity import limits
from shared.problems import TooFast
from shared.service import Service
from shared.web import access, health

MINUTE = 60.0  # seconds
MOST = 20_000  # callers that are remembered; beyond them, whoever asked last the longest ago is forgotten
FREE = "shared.static"


class Pace:
    """Who asked how much, of late.

    For each caller only the moment stands at which all that they asked would be through, had it come evenly
    (the generic cell rate algorithm of ITU-T I.371).
    """

    def __init__(self) -> None:
        self._due: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()

    def admits(self, who: str, rate: int, now: float) -> bool:
        """Whether `who` may ask once more: `rate` requests at once, and as many in every minute after.

        `now` is in seconds of a clock that only goes forward. What is refused does not count.
        """
        step = MINUTE / rate
        with self._lock:
            due = max(self._due.get(who, now), now)
            admitted = due - now < MINUTE - step / 2  # half a step for what floats lose
            self._due[who] = due + step if admitted else due
            self._due.move_to_end(who)
            if len(self._due) > MOST:
                self._due.popitem(last=False)
        return admitted


def install(app: Flask) -> None:
    """Keep every caller of `app` to their pace. Health, figures and the files of pages are free."""
    app.extensions["pace"] = Pace()
    app.before_request(_keep)


def _keep() -> None:
    """Refuse (TooFast) what comes faster than its caller may ask, before anything of it is done."""
    if request.endpoint == FREE or request.blueprint == health.BLUEPRINT.name:
        return
    pace = cast(Pace, current_app.extensions["pace"])
    if not pace.admits(*_caller(), time.monotonic()):
        raise TooFast


def _caller() -> tuple[str, int]:
    """Whose requests are counted together, and how many a minute they may be.

    A person is their account, whatever the session, and a machine its key; an address counts only for those
    who do not say who they are, since all of an office may have one.
    """
    settings = cast(Service, current_app.extensions["minqing"]).settings
    caller = access.known()
    if caller is None:
        return limits.of_address(request.remote_addr), settings.rate
    return caller.responsible, settings.rate if caller.account else settings.key_rate
