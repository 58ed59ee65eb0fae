"""Intake's worker: sends what was registered, hears what became of it."""

from services.intake.events import CONSUMES
from shared import worker

if __name__ == "__main__":
    worker.run("intake", CONSUMES)
