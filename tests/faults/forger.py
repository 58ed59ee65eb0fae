"""Whoever can write to Redis and has even stolen the key that frames are sealed with, but signs as nobody."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from shared import bus, keyring, numbers
from shared.contracts import Event, GrievanceRegistered, TaskProgressed
from shared.wire import Postmark
from tests.faults.suite import Suite
from tests.shared import said

NOWHERE = 700_000  # numbers from here on were never given


def events(suite: Suite, random: Random) -> None:
    """Grievances that nobody brought, and news of real ones in the place of what will be said next."""
    with _post(suite, "intake") as post:
        for _ in range(3):
            event = _registered(numbers.make(2026, NOWHERE + random.randrange(200_000)))
            for reader in ("routing", "oversight"):
                post(reader, "events", [_envelope(random, "intake", event, 1)])
    with _post(suite, "routing") as post:
        for number, n in _streams(suite, random):
            event = TaskProgressed(number, "urban-management", "无中生有", datetime.now(UTC))
            post("oversight", "events", [_envelope(random, "routing", event, n + 1)])


def receipts(suite: Suite, random: Random) -> None:
    """What lies on the lists is thrown away, and its sources are told that it was applied, or parked."""
    for source, reader in (("intake", "routing"), ("routing", "oversight"), ("oversight", "intake")):
        with suite.paused(f"{reader}-worker"), _post(suite, reader) as post:
            time.sleep(0.5)
            suite.redis.delete(bus.queue(reader))
            ids = [
                str(row[0]) for row in suite.query(source, "SELECT event_id FROM outbox WHERE state = 'sent'")
            ]
            half = random.randint(0, len(ids))
            parked = dict.fromkeys(ids[half:], "rule-violated")
            post(source, "receipts", {"applied": ids[:half], "parked": parked, "discarded": []})


@contextmanager
def _post(suite: Suite, sender: str) -> Iterator[Any]:
    """Something that lays a frame on a list: sealed as ours are, signed with a key of the forger's own."""
    with tempfile.TemporaryDirectory() as folder:
        keyring.create(Path(folder) / "keys")
        signer = keyring.signer(Path(folder) / "keys", sender)
    [(life,)] = suite.query(sender, "SELECT n FROM incarnation")  # every header tells it
    postmark = Postmark(signer, keyring.seal(suite.data / "secrets", "bus"), life)
    with closing(bus.Bus(suite.servers.redis_url, "nobody")) as pipe:
        yield lambda to, kind, body: pipe.publish(to, postmark.close(to, kind, body))


def _streams(suite: Suite, random: Random) -> list[tuple[str, int]]:
    rows = suite.query("oversight", "SELECT subject, n FROM stream_position WHERE source = 'routing'")
    return random.sample(rows, min(3, len(rows)))  # type: ignore[arg-type]


def _envelope(random: Random, source: str, event: Event, sequence: int) -> dict[str, Any]:
    id_ = str(UUID(int=random.getrandbits(128), version=4))
    return said.envelope(event, sequence, source, id=id_, time=datetime.now(UTC)).dump()


def _registered(number: str) -> GrievanceRegistered:
    now = datetime.now(UTC)
    return said.registered(number, text="无中生有", received_at=now, registered_at=now)
