"""What the gateway's configuration promises, read from its files. `make compose-test` runs it for real."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from shared import problems, web
from tests.deploy.test_compose_file import CONTAINERS, ROOT, compose
from tests.world import NAMES, World

TLS = yaml.safe_load((ROOT / "docker-compose.tls.yml").read_text("utf-8"))
GATEWAY = (ROOT / "deploy/gateway/nginx.conf").read_text("utf-8")
ENDING = (ROOT / "deploy/gateway/tls.conf").read_text("utf-8")


def test_the_gateway_adds_to_what_it_was_told_and_replaces_nothing() -> None:
    """So the services, which count from the end, find what it saw itself where it stands alone."""
    assert "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;" in GATEWAY
    assert "proxy_set_header X-Forwarded-Proto $schemes;" in GATEWAY
    assert 'default "$http_x_forwarded_proto, $scheme";' in GATEWAY


@pytest.mark.parametrize("path", ["metrics", "livez", "readyz", "internal"])
def test_what_is_for_the_inside_is_not_passed_on(path: str) -> None:
    refused = re.search(r"location ~ \^/\(([\w|]+)\)\(/\|\$\) \{ return 404; \}", GATEWAY)
    assert refused is not None and path in refused[1].split("|")


EVERYWHERE = ("shared", "health", "api-docs")  # blueprints of all services
LED = re.search(r"map \$uri \$service \{(.*?)\}", GATEWAY, re.DOTALL)


@pytest.mark.parametrize("name", NAMES)
def test_each_service_is_asked_for_its_own_addresses(world: World, name: str) -> None:
    assert LED is not None
    words = [line.split() for line in LED[1].strip().splitlines()]
    for rule in world.app(name).url_map.iter_rules():
        if rule.rule != "/" and rule.endpoint.partition(".")[0] not in EVERYWHERE:
            led = [word[1].strip(";") for word in words if re.match(word[0].removeprefix("~"), rule.rule)]
            assert (led or ["intake"]) == [name], rule.rule


@pytest.mark.parametrize("problem", [problems.TooLarge, problems.TooMany])
def test_what_the_gateway_refuses_it_says_in_the_services_words(problem: type[problems.Problem]) -> None:
    (said,) = re.findall(rf"return {problem.status} '(.*)';", GATEWAY)
    assert json.loads(said) == {
        "type": f"urn:minqing:problem:{problem.slug}",
        "title": problem.title_zh,
        "title_en": problem.title_en,
        "status": problem.status,
    }


def test_nothing_is_refused_that_a_service_takes_and_little_taken_that_it_refuses() -> None:
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", GATEWAY)
    assert web.LIMIT <= int(megabytes) << 20 < 2 * web.LIMIT


def test_what_one_address_has_under_way_fits_where_it_is_kept() -> None:
    (callers,) = re.findall(r"limit_conn callers (\d+);", GATEWAY)
    (kept,) = CONTAINERS["gateway"]["tmpfs"]
    (megabytes,) = re.findall(r"^/tmp:size=(\d+)m$", kept)
    assert int(callers) < int(megabytes) < int(CONTAINERS["gateway"]["mem_limit"].rstrip("m"))


def test_no_line_of_the_gateways_logs_holds_a_query() -> None:
    """Its error log gives whole request lines, for all that is less than critical."""
    assert "error_log stderr crit;" in GATEWAY
    (form,) = re.findall(r"log_format plain escape=json(.*?);\n", GATEWAY, re.DOTALL)
    assert not {"$request", "$request_uri", "$args", "$query_string"} & set(re.findall(r"\$\w+", form))


def test_no_old_protocol_and_no_weak_cipher_is_spoken() -> None:
    assert re.findall(r"^ssl_protocols (.*);$", ENDING, re.MULTILINE) == ["TLSv1.2 TLSv1.3"]
    ciphers = re.findall(r"^ssl_ciphers (.*);$", ENDING, re.MULTILINE)[0].split(":")
    assert all(each.startswith("ECDHE-") and ("-GCM-" in each or "POLY1305" in each) for each in ciphers)
    assert "256-GCM" in ciphers[0] and "ssl_prefer_server_ciphers on;" in ENDING


def test_ending_tls_changes_nothing_but_the_gateway() -> None:
    assert set(TLS) == {"services", "secrets"} and set(TLS["services"]) == {"gateway"}
    assert set(TLS["services"]["gateway"]) == {"ports", "volumes", "secrets"}
    (mounted,) = TLS["services"]["gateway"]["volumes"]
    source, target, mode = mounted.split(":")
    assert (ROOT / source).is_file() and Path(target).match("/etc/nginx/tls/*.conf") and mode == "ro"
    assert "include /etc/nginx/tls/*.conf;" in GATEWAY


def test_compose_accepts_both_files_together() -> None:
    files = ["--file", "docker-compose.yml", "--file", "docker-compose.tls.yml"]
    answer = subprocess.run(
        [*compose(), *files, "config", "--quiet"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
