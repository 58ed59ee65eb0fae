"""The inbox: what this service heard.

One row per event: received → applied, or held (came early), or parked (cannot be applied, with its
reason), or discarded (two persons gave it up). `door` applies events, `rows` are its statements,
`attention` is what waits for a person.
"""

from shared.inbox.attention import (
    ask_to_discard,
    confirm_discard,
    figures,
    parked,
    quarantine,
    retry,
    retry_known,
)
from shared.inbox.door import Consumes, Door, Handler, Receipt

__all__ = [
    "Consumes",
    "Door",
    "Handler",
    "Receipt",
    "ask_to_discard",
    "confirm_discard",
    "figures",
    "parked",
    "quarantine",
    "retry",
    "retry_known",
]
