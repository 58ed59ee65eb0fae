"""Oversight's worker: hears what happened, and lets time pass."""

from services.oversight.events import CONSUMES, on_tick
from shared import worker

TICKS = (on_tick,)

if __name__ == "__main__":
    worker.run("oversight", CONSUMES, TICKS)
