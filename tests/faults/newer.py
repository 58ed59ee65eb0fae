"""`python -m tests.faults.newer N MODULE …`: a worker of the N-th next version: it renames an event.

From the first next version on, progress is told as `task.progressed.2`, from the second as
`task.progressed.3`, and so on. A version reads all names up to its own, as one and the same event: so
that whatever is lost or doubled on the way shows in the effects that are counted anyway.
"""

import runpy
import sys
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from shared import contracts, inbox, outbox, wire

OLD = contracts.name(contracts.TaskProgressed)


def name(version: int) -> str:
    """What the given next version calls it; 0 is the present one."""
    return f"{OLD}.{version + 1}" if version else OLD


def upgrade(version: int) -> None:
    """Make this process one of the given version: it reads the new names and says the newest."""
    new = [name(each) for each in range(1, version + 1)]
    for each in new:
        wire.TYPES[each], wire.SCHEMAS[each] = contracts.TaskProgressed, wire.SCHEMAS[OLD]
    envelope, retry_known = outbox.envelope, inbox.retry_known

    def renamed(*given: Any) -> dict[str, Any]:
        said = envelope(*given)
        return said | {"type": name(version) if said["type"] == OLD else said["type"]}

    def opened(tx: Connection, types: Iterable[str]) -> int:
        return retry_known(tx, [*types, *new])

    outbox.envelope, inbox.retry_known = renamed, opened  # type: ignore[assignment]


if __name__ == "__main__":
    upgrade(int(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
