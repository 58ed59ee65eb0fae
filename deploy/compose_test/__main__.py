"""Tries docker-compose.yml for real: grievances travel through it while a worker and Redis are killed.

Run by deploy/compose_test.sh, which finds the engine. Everything has names, a port and secrets of its own,
so that an installation on the same machine is left alone, and is taken down again. Standard library only.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[1]
SERVICES = ("intake", "routing", "oversight")
PROJECT = "minqing-compose-test"
PATIENCE = 60  # seconds until something that should happen has to have happened
GRIEVANCE = {
    "kind": "claim",
    "office": "web",
    "channel": "web",
    "summary": "自来水停了三天",
    "text": "我们小区的自来水已经停了三天，供水公司电话没有人接，请尽快恢复供水。",
    "petitioners": [{"name": "测试人", "phone": "13800000000"}],
}


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


def main() -> None:
    """Build, start, try, take down; exits 1 with the reason and the last logs if anything is wrong."""
    with installation() as suite:
        build(suite)
        try:
            try_out(suite)
        except BaseException:
            say(suite.compose("logs", "--tail", "30"))
            raise
        finally:
            suite.compose("down", "--volumes", "--timeout", "5")
    say("通过 | compose-test passed")


@contextmanager
def installation() -> Iterator[Suite]:
    """A fresh installation beside any other: own port, tag and secrets. Its images go with it."""
    folder, port = Path(tempfile.mkdtemp(prefix=PROJECT)), free_port()
    url = f"http://127.0.0.1:{port}"
    say("准备基础镜像 | finding the base images")
    found = run(["deploy/base_images.sh"]).splitlines()
    for line in found:
        say(f"  {line}: 由 Debian 软件包替代 | a stand-in from Debian packages")
    environment = {
        **os.environ,
        **dict(line.split("=", 1) for line in found),
        "MINQING_VERSION": "compose-test",
        "MINQING_SECRETS": str(folder / "secrets"),
        "MINQING_LISTEN": f"127.0.0.1:{port}",
        "MINQING_URL": url,
    }
    try:
        yield Suite(url, environment)
    finally:
        images = [image_of(name) for name in (*SERVICES, "minqing")]
        subprocess.run(["docker", "rmi", "--force", *images], capture_output=True, check=False)
        shutil.rmtree(folder)


def build(suite: Suite) -> None:
    """Build the images, look into them, and make the secrets."""
    began = time.monotonic()
    suite.compose("build")
    say(f"镜像已构建 | images built in {time.monotonic() - began:.0f} s")
    for service in SERVICES:
        check_content(service)
    for name in (*SERVICES, "minqing"):
        size = int(run(["docker", "image", "inspect", "--format", "{{.Size}}", image_of(name)]))
        say(f"  {image_of(name)}: {size / 1e6:.0f} MB")
    run(["deploy/secrets.sh", suite.environment["MINQING_SECRETS"]], suite.environment)


def check_content(service: str) -> None:
    """A service's image can import it, holds no other's code, and does not run as root."""
    modules = f"services.{service}.api, services.{service}.worker"
    proof = f"import os, {modules}; print(os.getuid(), *os.listdir('services'))"
    docker = ["docker", "run", "--rm", "--network=none", image_of(service)]
    user, *held = run([*docker, "python", "-c", proof]).split()
    others = set(held) & set(SERVICES) - {service}
    require(not others and user != "0", f"image of {service}: user {user}, code of {others or 'no other'}")


def try_out(suite: Suite) -> None:
    """Start it and let a grievance through; then one more at the moment a worker, or Redis, is killed."""
    began = time.monotonic()
    suite.compose("up", "--detach", "--wait")
    say(f"已就绪 | ready {time.monotonic() - began:.1f} s after `up`")
    key = issue_key(suite)
    check_gateway(suite)
    follow(suite, register(suite, key))
    for victim in ("routing-worker", "redis"):
        restarts = kill(suite, victim)
        receipt = register(suite, key)
        await_back(suite, victim, restarts)
        follow(suite, receipt)


def issue_key(suite: Suite) -> str:
    """An access key for a clerk, from the command line in its container."""
    printed = suite.compose("run", "--rm", "--no-TTY", "migrate", "keys", "issue", "clerk", "web")
    found = re.search(r"mq_live_\w+", printed)
    require(found is not None, f"no key in: {printed}")
    return found.group() if found else ""


def check_gateway(suite: Suite) -> None:
    """It leads to each service; what a service says for itself does not pass."""
    for service in SERVICES:
        title = suite.send(f"/{service}/openapi.json", {})["info"]["title"]
        require(service in title, f"/{service}/ leads to {title}")
    for path in ("/metrics", "/readyz", "/internal/outbox"):
        try:
            suite.send(path, {})
        except Failed as refusal:
            require(": 404 " in str(refusal), str(refusal))
        else:
            raise Failed(f"{path} passes the gateway")


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


def kill(suite: Suite, name: str) -> int:
    """Kill -9 a container's process, as a crash would; how often the engine had restarted it before."""
    victim = suite.container(name)
    helper = ["docker", "run", "--rm", "--pid=host", "--network=none", "--user=0", "--entrypoint=python"]
    run([*helper, image_of("minqing"), "-c", f"import os; os.kill({victim['State']['Pid']}, 9)"])
    restarts: int = victim["RestartCount"]
    return restarts


def await_back(suite: Suite, name: str, restarts: int) -> None:
    """Wait until the engine has started a container again, and it is healthy."""
    began = time.monotonic()

    def back() -> bool:
        now = suite.container(name)
        again, health = now["RestartCount"] > restarts, now["State"]["Health"]["Status"]
        return bool(again and health == "healthy")

    await_(f"{name} is back after kill -9", back)
    say(f"{name} kill -9, {time.monotonic() - began:.1f} s")


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


def image_of(name: str) -> str:
    """The image that is built here for a service, or for the command line."""
    return f"minqing/{name}:compose-test"


def free_port() -> int:
    """A port on the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def run(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a command at the project's root and return what it printed; Failed with its words if it fails."""
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def say(line: str) -> None:
    """Tell the person who watches."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"未通过 | compose-test failed: {failure}")
