"""`python -m tests.faults.newer N MODULE …`: a worker of the N-th next version: it renames an event.

From the first next version on, progress is told as `task.progressed.2`, from the second as
`task.progressed.3`, and so on. A version reads all names up to its own, as one and the same event: so
that whatever is lost or doubled on the way shows in the effects that are counted anyway.
"""

import runpy
import sys
from typing import Any

from shared import contracts, outbox, wire

OLD = wire.name(contracts.TaskProgressed)


def name(version: int) -> str:
    """What the given next version calls it; 0 is the present one."""
    return f"{OLD}.{version + 1}" if version else OLD


def upgrade(version: int) -> None:
    """Make this process one of the given version: it reads the new names and says the newest."""
    for each in range(1, version + 1):
        wire.TYPES[name(each)], wire.SCHEMAS[name(each)] = contracts.TaskProgressed, wire.SCHEMAS[OLD]
    envelope = outbox.envelope

    def renamed(*given: Any) -> dict[str, Any]:
        said = envelope(*given)
        return said | {"type": name(version) if said["type"] == OLD else said["type"]}

    outbox.envelope = renamed  # type: ignore[assignment]


if __name__ == "__main__":
    upgrade(int(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
