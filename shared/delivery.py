"""The rules of delivery, pure: what to do with an event that arrived, and when to send one again.

The broker is a pipe that may lose, repeat and reorder. PostgreSQL remembers: the producer numbers the
events of each grievance without gaps (`sequence`), the consumer keeps the last number it applied
(`position`). Everything else follows from comparing the two.
"""

from enum import Enum


class Decision(Enum):
    """What a consumer does with an event that arrived."""

    DUPLICATE = "duplicate"  # applied before: only the receipt is sent again
    APPLY = "apply"
    HOLD = "hold"  # came early: waits until its predecessors were applied
    REFUSE = "refuse"  # so many are missing before it that something is wrong: it is parked


MAX_ATTEMPTS = 5  # an unknown error parks an event after so many recorded tries
WINDOW = 500  # unconfirmed events in flight to one destination
GATE = 100  # messages waiting at a destination above which nothing is sent again
MOST_BACKLOG = 10_000  # unconfirmed events of a service at which it takes nothing more in bulk
FIRST_BACKOFF, LONGEST_BACKOFF = 5.0, 30.0  # seconds
PARKED_BACKOFF = 600.0  # seconds after which a reader is asked again about an event that it has parked
MOST_HELD = 1000  # events that may be missing in a stream before one that came early
CANARY = 30.0  # seconds between two canaries, with which a worker listens to itself
MOST_UNHEARD = 4  # canaries that the broker took and nobody heard, above which a worker is deaf


def decide(position: int, sequence: int) -> Decision:
    """Compare an event's number with the last one applied in its stream."""
    if sequence <= position:
        return Decision.DUPLICATE
    if sequence > position + 1 + MOST_HELD:
        return Decision.REFUSE
    return Decision.APPLY if sequence == position + 1 else Decision.HOLD


def backoff(attempts: int, chance: float) -> float:
    """Seconds until an event sent `attempts` times is sent again; `chance` in [0, 1) spreads it by ± 25 %."""
    seconds = min(FIRST_BACKOFF * 2.0 ** max(attempts - 1, 0), LONGEST_BACKOFF)
    return seconds * (0.75 + chance / 2)


def is_deaf(unheard: int) -> bool:
    """Whether a worker has lost its hearing: so many canaries it has sent since it last heard anything.

    A broker that is away, a wipe that takes one canary, or a process that stood still deafens nobody: the
    count begins anew when the broker refuses a canary, and when anything is heard.
    """
    return unheard > MOST_UNHEARD
