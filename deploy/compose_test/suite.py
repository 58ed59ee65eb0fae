"""The composed suite under test, and how one looks at it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("intake", "routing", "oversight")
PROJECT = "minqing-compose-test"
PATIENCE = 60  # seconds until something that should happen has to have happened


class Failed(Exception):
    """Something is not as it has to be; the message says what."""


@dataclass(frozen=True)
class Suite:
    """The composed suite under test: how it is called, and where its gateway is."""

    url: str
    environment: Mapping[str, str] = field(repr=False)

    def compose(self, *arguments: str) -> str:
        """Run compose on it and return what it printed."""
        command = [
            *os.environ.get("COMPOSE", "docker compose").split(),
            "--project-name",
            PROJECT,
            *arguments,
        ]
        return run(command, self.environment)

    def minqing(self, *arguments: str) -> str:
        """Run the command line in its container and return what it printed."""
        return self.compose("run", "--rm", "--no-TTY", "migrate", *arguments)

    def container(self, name: str) -> dict[str, Any]:
        """What the engine says about the container of a service."""
        identity = self.compose("ps", "--all", "--quiet", name).strip()
        described: dict[str, Any] = json.loads(run(["docker", "inspect", identity]))[0]
        return described

    def send(self, path: str, headers: Mapping[str, str], body: object = None) -> dict[str, Any]:
        """Ask the gateway; `body` is posted as JSON. Raises Failed with the answer where it is a refusal."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data, {"Content-Type": "application/json", **headers})
        try:
            with urlopen(request, timeout=10) as answer:  # nosec B310 - our own address
                content: dict[str, Any] = json.load(answer)
        except HTTPError as error:
            raise Failed(f"{path}: {error.code} {error.read().decode(errors='replace')}") from error
        return content


def run(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a command at the project's root and return what it printed; Failed with its words if it fails."""
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def await_(what: str, look: Callable[[], Any]) -> Any:
    """Look until there is something to see, and return it; Failed when patience ends."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if seen := look():
            return seen
        time.sleep(0.2)
    raise Failed(f"not within {PATIENCE} s: {what}")


def require(holds: object, otherwise: str) -> None:
    """Raise Failed with `otherwise` unless `holds`."""
    if not holds:
        raise Failed(otherwise)


def say(line: str) -> None:
    """Tell the person who watches."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
