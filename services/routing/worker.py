"""Routing's worker: decides on what intake registered, tells who answers."""

from services.routing.events import CONSUMES
from shared import worker

if __name__ == "__main__":
    worker.run("routing", CONSUMES)
