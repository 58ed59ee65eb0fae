"""A tap on the raw lists in Redis: messages doubled, thrown away, held back, moved, altered."""

import base64
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from random import Random
from typing import Any

from shared import bus
from tests.faults.suite import Suite, await_
from tests.world import NAMES

Raw = bytes
PATIENCE = 3.0  # seconds for something to lie on a list
FEW = 1.0  # seconds in which something comes in any case
SEVERAL = 5  # messages that make it worth while


@contextmanager
def opened(suite: Suite, service: str) -> Iterator[list[Raw]]:
    """What lies on the list of a service that stands still; afterwards the list is what this list is then."""
    name = bus.queue(service)
    with suite.paused(f"{service}-worker"):
        time.sleep(FEW)
        with suppress(TimeoutError):
            await_(lambda: suite.redis.llen(name) >= SEVERAL, PATIENCE)
        with (
            suite.redis.pipeline() as pipe
        ):  # a transaction: what comes meanwhile is neither lost nor doubled
            raw = pipe.lrange(name, 0, -1).delete(name).execute()[0]
        messages = list(raw)
        yield messages
        put(suite, service, messages)


def put(suite: Suite, service: str, messages: Sequence[Raw]) -> None:
    """Lay messages where they are read next; the last is the first to be read."""
    if messages:
        suite.redis.rpush(bus.queue(service), *messages)


def duplicate(suite: Suite, random: Random) -> None:
    """Every message comes two to four times: at once, and again when it was dealt with long ago."""
    for service in random.sample(NAMES, len(NAMES)):
        with opened(suite, service) as messages:
            copies = [message for message in messages for _ in range(random.randint(1, 3))]
            messages.extend(copies)
            random.shuffle(messages)
        time.sleep(random.uniform(0.5, 2))
        put(suite, service, copies)


def reorder(suite: Suite, random: Random) -> None:
    """Some messages are held back until later ones have been read, and then come in any order."""
    for service in random.sample(NAMES, len(NAMES)):
        with opened(suite, service) as messages:
            random.shuffle(messages)
            held = messages[: len(messages) // 2]
            del messages[: len(held)]
        time.sleep(random.uniform(0.5, 2))
        put(suite, service, held)


def delete(suite: Suite, random: Random) -> None:
    """Most of the messages that wait are gone."""
    for service in random.sample(NAMES, len(NAMES)):
        with opened(suite, service) as messages:
            messages[:] = [message for message in messages if random.random() < 0.2]


def replay(suite: Suite, random: Random) -> None:
    """Signed messages are brought to a service that they were not written to."""
    to, other = random.sample(NAMES, 2)
    with opened(suite, to) as messages:
        put(suite, other, messages)


def alter(suite: Suite, random: Random) -> None:
    """Signed messages come a second time, with their content, header or signature changed."""
    with opened(suite, random.choice(NAMES)) as messages:
        changes = (_other_body, _other_sender, _no_signature)
        messages.extend([_changed(message, random.choice(changes)) for message in messages])


def _changed(message: Raw, change: Callable[[dict[str, Any]], None]) -> Raw:
    try:
        outer = json.loads(message)
        frame = json.loads(base64.b64decode(outer["body"]))
        change(frame)
    except (ValueError, KeyError, TypeError):
        return message[::-1]  # another fault's garbage
    return json.dumps({**outer, "body": base64.b64encode(json.dumps(frame).encode()).decode()}).encode()


def _other_body(frame: dict[str, Any]) -> None:
    middle = len(frame["body"]) // 2
    frame["body"] = frame["body"][:middle] + "AAAA" + frame["body"][middle + 4 :]


def _other_sender(frame: dict[str, Any]) -> None:
    turned = dict(zip(NAMES, NAMES[1:] + NAMES[:1], strict=True))
    frame["header"] = "|".join(turned.get(word, word) for word in frame["header"].split("|"))


def _no_signature(frame: dict[str, Any]) -> None:
    frame["sig"] = ""
