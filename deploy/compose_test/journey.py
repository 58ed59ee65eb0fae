"""A grievance's way through the suite, from its registration to its due date."""

import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from deploy.compose_test.suite import Suite, await_, require, say

GRIEVANCE = {
    "kind": "claim",
    "office": "web",
    "channel": "web",
    "summary": "自来水停了三天",
    "text": "我们小区的自来水已经停了三天，供水公司电话没有人接，请尽快恢复供水。",
    "petitioners": [{"name": "测试人", "phone": "13800000000"}],
}


def issue_key(suite: Suite, *holder: str) -> str:
    """An access key for a role and its body, from the command line in its container."""
    printed = suite.minqing("keys", "issue", *holder)
    found = re.search(r"mq_live_\w+", printed)
    require(found is not None, f"no key in: {printed}")
    return found.group() if found else ""


def register(suite: Suite, key: str) -> dict[str, Any]:
    """Register a grievance through the gateway; what its petitioner takes home."""
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": str(uuid.uuid4())}
    return suite.send("/v1/grievances", headers, GRIEVANCE)


def follow(suite: Suite, receipt: Mapping[str, Any]) -> None:
    """Wait until its petitioner sees which department is responsible, and until when."""
    began = time.monotonic()

    def responsible() -> dict[str, Any] | None:
        seen = suite.send(f"/v1/track/{receipt['number']}", {"Query-Code": receipt["query_code"]})
        bound = {deadline["department"] for deadline in seen["deadlines"]}
        return seen if seen["lead"] in bound else None

    seen = await_(f"{receipt['number']} is assigned to a department with a due date", responsible)
    due = ", ".join(f"{deadline['clock']} {deadline['due_at']:.10}" for deadline in seen["deadlines"])
    say(f"{seen['number']} → {seen['lead']} ({due}): {time.monotonic() - began:.1f} s")
