"""What `minqing up` does until the suite is ready: servers, databases, keys, services, samples."""

import json
import os
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import click

from deploy.minqing import (
    clock,
    databases,
    keys,
    migrate,
    people,
    place,
    sample_people,
    servers,
    status,
    suite,
    supervisor,
)
from deploy.minqing.replay import replay, samples
from deploy.minqing.servers import Servers
from deploy.minqing.suite import Suite
from deploy.minqing.supervisor import Supervisor
from deploy.minqing.trouble import say
from shared import county, identity, keyring
from shared.county import County
from shared.identity import Caller

SERVICES = {
    "intake": ("登记与查询", "intake: register and track"),
    "routing": ("分流与台账", "routing: triage and ledgers"),
    "oversight": ("督办与公示", "oversight: deadlines and notices"),
}
# What to look at, and with whose key.
PAGES = (
    ("intake", "/register", "登记一件诉求，再用编号与查询码跟踪", "register and track a grievance (clerk)"),
    ("routing", "/triage", "待人工分派的诉求", "what waits for a person to assign it (clerk)"),
    ("routing", "/ledger", "部门台账", "a department's ledger (department)"),
    ("oversight", "/dashboard", "督查看板：谁逾期、欠什么", "what is overdue and who owes it (supervisor)"),
    ("oversight", "/notices", "公开的通报", "published notices (everyone)"),
)


def launch(data: Path, port_base: int, stack: ExitStack, replayed: int) -> Supervisor:
    """Start everything and say where it is; `stack` stops what was started, whatever happens.

    At the first start on `data`, the sample grievances come in over the last `replayed` days; none if 0.
    """
    directory = county.load(suite.county_folder())  # first, since it may need a person's hand
    place.make_folder(data)
    stack.enter_context(suite.lock(data))
    running = _start_servers(data, port_base)
    stack.callback(running.stop)
    found = _prepare(data, port_base, running)
    first = _issue_keys(
        data, found, directory, fictional=replayed > 0 and suite.county_folder() == suite.COUNTY
    )
    watch = Supervisor([*running.programs, *found.programs()], data / "programs.json", say)
    stack.callback(watch.stop)
    _start_services(found, watch)
    if first and replayed:
        _replay(found, replayed)
    _announce(data, found)
    return watch


def _start_servers(data: Path, port_base: int) -> Servers:
    """End what a killed run left behind, refuse ports that others hold, start PostgreSQL and Redis."""
    supervisor.end_earlier(data / "programs.json")
    for offset in suite.PORTS.values():
        servers.check_port(port_base + offset)
    say("正在启动 PostgreSQL 与 Redis ……", "Starting PostgreSQL and Redis ...")
    return servers.start(data, port_base)


def _prepare(data: Path, port_base: int, running: Servers) -> Suite:
    """Make databases, keys of the services and tables, where they are missing."""
    running.create_databases()
    if not (data / "secrets").exists():
        part = data / f"secrets.{os.getpid()}"  # gets its name when it is complete
        keyring.create(part)
        part.rename(data / "secrets")
    keyring.complete(data / "secrets")
    found = suite.plan(data, port_base, running)
    found.save()
    clock.reset(suite.clock_file(data))  # a killed replay may have left it in the past
    migrate.upgrade(found.database_urls(), say)
    return found


def _issue_keys(data: Path, found: Suite, directory: County, *, fictional: bool) -> bool:
    """Issue keys to try the suite with, once; people too, if all is fictional. Return whether it was now."""
    file = data / "keys.json"
    if file.exists():
        return False
    department = Counter(rule.lead for rule in directory.rules if rule.lead != "place").most_common(1)[0][0]
    url, expires = found.database_urls()["identity"], datetime.now(UTC) + timedelta(days=keys.YEAR)
    callers = {
        "clerk": Caller(identity.new_id(), "clerk", None, None),
        "supervisor": Caller(identity.new_id(), "supervisor", None, None),
        f"department {department}": Caller(identity.new_id(), "department", department, None),
    }
    issued = {name: keys.issue(url, caller, "minqing up", expires) for name, caller in callers.items()}
    if fictional:
        _make_people(data, url, department)
    suite.write_private(file, json.dumps(issued, indent=1))
    return True


def _make_people(data: Path, url: str, department: str) -> None:
    with databases.reached(url) as engine:
        made = sample_people.make(engine, data / "secrets", department)
    suite.write_private(data / "people.json", json.dumps(made, indent=1))


def _start_services(found: Suite, watch: Supervisor) -> None:
    """Start the services and await a real answer of each."""
    say("正在启动三个服务 ……", "Starting the three services ...")
    watch.start()
    for watched in watch.watched:
        service, _, kind = watched.program.name.partition("-")
        if kind == "api":
            watched.program.await_ready(partial(status.ready, found.urls[service]))


def _replay(found: Suite, days: int) -> None:
    """Let the sample grievances come in and be dealt with, as if the suite had run for `days` days."""
    if suite.county_folder() != suite.COUNTY:
        say(
            "示例诉求只适用于示例县，不载入", "The sample grievances are those of the sample county: left out"
        )
        return
    given = samples.grievances()
    say(
        f"正在重演最近 {days} 天：{len(given)} 件示例诉求的登记、分派、办理与督办 ……",
        f"Replaying the last {days} days with {len(given)} sample grievances ...",
    )
    replay(found, days, given)


def _announce(data: Path, found: Suite) -> None:
    issued = json.loads((data / "keys.json").read_text())
    say("\n系统已就绪", "Ready")
    for service, (zh, en) in SERVICES.items():
        say(f"  {zh}  {found.urls[service]}", en)
    _announce_people(data, found)
    say("\n访问密钥（供程序调用接口）", "Access keys, for programs")
    for holder, key in issued.items():
        click.echo(f"  {holder:24} {key}")
    say("\n看一看", "What to look at")
    for service, path, zh, en in PAGES:
        say(f"  {found.urls[service]}{path}  {zh}", en)
    say("\nminqing status 查看状态；Ctrl-C 或 minqing down 停止", "Ctrl-C or minqing down stops it")


def _announce_people(data: Path, found: Suite) -> None:
    """How to sign in: as one of the sample people, or with the first set-up link where there is nobody."""
    if not (data / "people.json").exists():
        people.show_first_link(data)
        return
    say(
        f"\n登录 {found.urls['oversight']}/sign-in（二次验证密钥填入手机验证器）",
        "Sign in, for all three services",
    )
    click.echo(f"  {'role':24} {'login':12} {'password':14} TOTP")
    for each in json.loads((data / "people.json").read_text()):
        line = f"  {each['role']:24} {each['login']:12} {each['password']:14} {each.get('secret', '')}"
        click.echo(line.rstrip())
    say("  恢复码等见 people.json", "Recovery codes, each for one use, are in people.json")
