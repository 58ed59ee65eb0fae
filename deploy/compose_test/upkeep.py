"""What an administrator does by docs/operations.md: backup and drill, a look at everything, a key rotated."""

import os
import re
import time
from pathlib import Path

from deploy.compose_test import journey
from deploy.compose_test.suite import Suite, require, say

SCRIPTS = "/etc/minqing/postgres"


def look_after(suite: Suite, key: str) -> None:
    """Back up and try the backup; then each command that looks; then one of the keys is rotated by two."""
    for command in (("backup.sh",), ("restore.sh", "drill")):
        began = time.monotonic()
        script, *words = command
        said = suite.compose("exec", "--no-TTY", "postgres", "sh", f"{SCRIPTS}/{script}", *words)
        say(f"{' '.join(command)}, {time.monotonic() - began:.0f} s: {said.splitlines()[-1]}")
    require("0 findings" in suite.compose("run", "--rm", "--no-TTY", "doctor"), "doctor")
    for look in (["reconcile"], ["views", "verify"], ["parked", "list"], ["outbox"], ["policy"]):
        suite.minqing(*look)
    rotate(suite, "bus")
    journey.follow(suite, journey.register(suite, key))


def rotate(suite: Suite, which: str) -> None:
    """Two supervisors give it a new key, which is known after one restart and used after another.

    A role of PostgreSQL has another password from the first of them on.
    """
    for step in (["rotate", which, "--reason", "compose-test"], ["confirm", which]):
        secrets(suite, *step, key=journey.issue_key(suite, "supervisor"))
    change_password(Path(suite.environment["MINQING_SECRETS"]))
    restart(suite)
    secrets(suite, "use", which)
    restart(suite)
    stage = re.search(rf"^{which} +(\w+)", secrets(suite, "list"), re.MULTILINE)
    require(stage and stage[1] == "used", f"the rotation of {which} is not where it should be")


def change_password(folder: Path) -> None:
    """Write another password for intake's role, wherever it stands."""
    before = (folder / "intake_password").read_text().strip()
    for file in folder.glob("intake_*"):
        file.write_text(file.read_text().replace(before, before[::-1]))


def secrets(suite: Suite, *words: str, key: str = "") -> str:
    """Run `minqing secrets` as the owner of the keys' folder."""
    user = f"{os.getuid()}:{os.getgid()}"
    options = ["--rm", "--no-TTY", "--user", user, "--env", f"MINQING_KEY={key}"]
    return suite.compose("run", *options, "rotation", "secrets", *words)


def restart(suite: Suite) -> None:
    """Have every process read its secrets anew."""
    began = time.monotonic()
    suite.compose("up", "--detach", "--wait", "--force-recreate")
    say(f"重新启动 | restarted in {time.monotonic() - began:.0f} s")
