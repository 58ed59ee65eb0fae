"""Tries docker-compose.yml for real: grievances travel through it while a worker and Redis are killed.

Run by deploy/compose_test.sh, which finds the engine. Everything has names, a port and secrets of its own,
so that an installation on the same machine is left alone, and is taken down again. Standard library only.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.compose_test import gateway, journey, upkeep
from deploy.compose_test.suite import PROJECT, SERVICES, Failed, Suite, await_, require, run, say


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
    """Start it and let a grievance through, and one more at the moment a worker, or Redis, is killed.

    Then as an enemy before the gateway, and as the administrator who looks after it.
    """
    began = time.monotonic()
    suite.compose("up", "--detach", "--wait")
    say(f"已就绪 | ready {time.monotonic() - began:.1f} s after `up`")
    key = journey.issue_key(suite, "clerk", "web")
    journey.follow(suite, journey.register(suite, key))
    for victim in ("routing-worker", "redis"):
        restarts = kill(suite, victim)
        receipt = journey.register(suite, key)
        await_back(suite, victim, restarts)
        journey.follow(suite, receipt)
    gateway.withstand(suite, key)
    upkeep.look_after(suite, key)


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


def image_of(name: str) -> str:
    """The image that is built here for a service, or for the command line."""
    return f"minqing/{name}:compose-test"


def free_port() -> int:
    """A port on the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"未通过 | compose-test failed: {failure}")
