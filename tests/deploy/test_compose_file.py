"""What docker-compose.yml promises, read from the file. `make compose-test` tries it for real."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
CONTAINERS: dict[str, dict[str, Any]] = FILE["services"]
SERVICES = ("intake", "routing", "oversight")
PETITIONERS_KEYS = {"identity.key", "blind.key", "code.key"}

every_container = pytest.mark.parametrize("name", CONTAINERS)
every_service = pytest.mark.parametrize("service", SERVICES)


def compose() -> list[str]:
    """How compose is called here; skips the test where there is none of this decade."""
    beside = Path(sys.executable).with_name("docker-compose")
    for command in (["docker", "compose"], ["docker-compose"], [str(beside)]):
        if shutil.which(command[0]) and _version(command) not in ("", "1"):
            return command
    pytest.skip("docker compose is not installed: the file is checked against its rules only where it is")


def _version(command: list[str]) -> str:
    answer = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
    return answer.stdout.strip().lstrip("v").partition(".")[0]


def secrets_of(name: str) -> set[str]:
    """The names of the secrets that a container is shown."""
    return {
        given if isinstance(given, str) else given["source"] for given in CONTAINERS[name].get("secrets", [])
    }


def test_compose_accepts_the_file() -> None:
    answer = subprocess.run(
        [*compose(), "config", "--quiet"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr


def test_only_the_gateway_can_be_reached_and_only_from_this_machine() -> None:
    published = {name: container["ports"] for name, container in CONTAINERS.items() if "ports" in container}
    assert published == {"gateway": ["${MINQING_LISTEN:-127.0.0.1:8600}:8080"]}


def test_no_network_but_the_gateways_has_a_way_out() -> None:
    assert {name for name, network in FILE["networks"].items() if not network.get("internal")} == {"edge"}
    assert {name for name, container in CONTAINERS.items() if "edge" in container["networks"]} == {"gateway"}


@every_container
def test_a_container_is_bounded_and_has_no_privileges(name: str) -> None:
    container = CONTAINERS[name]
    assert container["read_only"]
    assert container["cap_drop"] == ["ALL"] and "cap_add" not in container
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["user"] not in ("root", "0", "0:0")
    assert container["mem_limit"] and container["pids_limit"]


@every_container
def test_no_password_stands_in_an_environment(name: str) -> None:
    """Whoever may look at a container reads its environment: secrets are files."""
    environment = CONTAINERS[name].get("environment", {})
    assert all(
        key.endswith("_FILE")
        for key in environment
        if any(word in key for word in ("PASSWORD", "DATABASE_URL", "IDENTITY_URL", "REDIS_URL"))
    )


@every_service
def test_an_api_has_no_way_to_redis_and_a_worker_none_to_the_gateway(service: str) -> None:
    assert CONTAINERS[f"{service}-api"]["networks"] == ["front", "data"]
    assert CONTAINERS[f"{service}-worker"]["networks"] == ["data", "bus"]
    assert CONTAINERS["redis"]["networks"] == ["bus"]
    assert CONTAINERS["gateway"]["networks"] == ["edge", "front"]


@every_service
def test_a_service_holds_its_own_keys_alone(service: str) -> None:
    own = {f"{service}.sign"} | {f"{service}_{place}_url" for place in ("database", "identity", "redis")}
    others = {key.replace(service, other) for key in own for other in SERVICES if other != service}
    for process in ("api", "worker"):
        given = secrets_of(f"{service}-{process}")
        assert own <= given and not others & given
        held = PETITIONERS_KEYS if service == "intake" else set()
        assert given & PETITIONERS_KEYS == held


def test_every_secret_is_defined_and_used() -> None:
    assert set().union(*map(secrets_of, CONTAINERS)) == set(FILE["secrets"])


def test_redis_keeps_its_data_and_refuses_rather_than_forgets() -> None:
    conf = (ROOT / "deploy/redis.conf").read_text("utf-8").splitlines()
    assert {"appendonly yes", "maxmemory-policy noeviction", "include /run/secrets/redis_auth"} <= set(conf)
