"""`minqing status`: what runs, what waits, and how many grievances stand where."""

import json
from pathlib import Path
from typing import Any

import click
import httpx
from sqlalchemy import text

from deploy.minqing import databases, options, suite, supervisor
from deploy.minqing.suite import Suite
from deploy.minqing.trouble import say
from shared import bus

# What is counted, in whose database. `parked` is added up over all three.
COUNTS = {
    "registered": ("intake", "SELECT count(*) FROM grievance"),
    "assigned": ("routing", "SELECT count(*) FROM case_file WHERE state <> 'triage'"),
    "triage": ("routing", "SELECT count(*) FROM case_file WHERE state = 'triage'"),
    "watched": ("oversight", "SELECT count(*) FROM watched"),
}
PARKED = "SELECT count(*) FROM inbox WHERE status = 'parked'"


@click.command()
@options.data
@click.option("--json", "as_json", is_flag=True, help="以 JSON 输出 | as JSON")
def status(data: Path, *, as_json: bool) -> None:
    """查看运行状态与计数 | what runs, what waits, and counts."""
    found = suite.find(data)
    report: dict[str, Any] = {"running": suite.holder(data) is not None, "data": str(data)}
    if report["running"]:
        report |= {"services": _services(found), "queues": _queues(found), "counts": _counts(data)}
    if as_json:
        click.echo(json.dumps(report, indent=1))
    else:
        _show(report)
    if not report["running"]:
        raise SystemExit(1)


def _services(found: Suite) -> dict[str, dict[str, str]]:
    """Return, for each service, its address and whether its api answers and its worker lives."""
    state = supervisor.read_state(Path(found.data) / "programs.json")
    return {
        service: {
            "url": url,
            "api": "ready" if ready(url) else "down",
            "worker": "alive" if supervisor.alive(*state.get(f"{service}-worker", (0, None))) else "down",
        }
        for service, url in found.urls.items()
    }


def ready(url: str) -> bool:
    """Whether the service at `url` can work: it asks its database."""
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _queues(found: Suite) -> dict[str, int | None]:
    """Return how many messages wait for each service; None when the broker does not answer."""
    pipe = bus.Bus(found.redis_url, "status")
    try:
        return {service: pipe.backlog(service) for service in databases.SERVICES}
    except bus.Down:
        return dict.fromkeys(databases.SERVICES)
    finally:
        pipe.close()


def _counts(data: Path) -> dict[str, int]:
    counts = {name: _count(data, owner, query) for name, (owner, query) in COUNTS.items()}
    return counts | {"parked": sum(_count(data, service, PARKED) for service in databases.SERVICES)}


def _count(data: Path, owner: str, query: str) -> int:
    with databases.opened(options.database_url(data, owner)) as connection:
        return int(connection.execute(text(query)).scalar_one())


def _show(report: dict[str, Any]) -> None:
    if not report["running"]:
        say("系统未在运行", f"Nothing runs on {report['data']}")
        return
    for service, state in report["services"].items():
        waiting = report["queues"][service]
        click.echo(
            f"{service:10} {state['url']}  api {state['api']}  worker {state['worker']}  "
            f"待处理 waiting {'?' if waiting is None else waiting}"
        )
    click.echo("  ".join(f"{name} {n}" for name, n in report["counts"].items()))
