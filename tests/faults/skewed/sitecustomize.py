"""Let Python sleep under libfaketime, whose `clock_nanosleep` refuses what Python asks of it from 3.11 on."""

import select
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep
