"""The three services served as they are, with grievances in every state, and a browser to look at them."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import BaseWSGIServer, make_server

from deploy.minqing.servers import Servers
from shared import keyring
from tests.world import NAMES, World

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
SAMPLES = Path(__file__).parents[2] / "deploy/samples/grievances.jsonl"
ANSWER = {
    "outcome": "solved",
    "facts": "情况属实。",
    "opinion": "已整改。",
    "basis": "《信访工作条例》第三十一条",
}

Caller = tuple[str, str | None]


@dataclass
class Site:
    """A world behind real addresses. `receipt` opens the tracking of an answered grievance."""

    world: World
    addresses: dict[str, str]
    receipt: dict[str, str] = field(default_factory=dict)
    paths: dict[str, tuple[str, str, Caller | None]] = field(default_factory=dict)

    def department(self, number: str, department: str, act: str, body: Any = None) -> None:
        """Let a department do something with its task."""
        client = self.world.client("routing", "department", department)
        done = client.post(f"/v1/tasks/{number}.{department}/{act}", json=body)
        assert done.status_code == 200, done.text


class Served(World):
    """A world whose services know their public addresses."""

    addresses: dict[str, str] = {}  # noqa: RUF012  # set before any world is made

    def environment(self, name: str) -> dict[str, str]:
        """The settings of one service, with the addresses of all."""
        places = {f"MINQING_{each.upper()}_URL": address for each, address in self.addresses.items()}
        return super().environment(name) | places


@pytest.fixture(scope="module")
def site(running: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """All three services, on free ports of this machine."""
    place = tmp_path_factory.mktemp("site")
    keyring.create(place / "secrets")
    doors: dict[str, BaseWSGIServer] = {}
    apps: dict[str, Any] = {}
    for name in NAMES:
        doors[name] = make_server("127.0.0.1", 0, _late(apps, name), threaded=True)
    Served.addresses = {name: f"http://127.0.0.1:{door.port}/" for name, door in doors.items()}
    world = Served(running, place / "secrets", place / "clock")
    world.empty()
    apps.update({name: world.app(name) for name in NAMES})
    threads = [threading.Thread(target=door.serve_forever) for door in doors.values()]
    for thread in threads:
        thread.start()
    yield _populate(Site(world, Served.addresses))
    for door, thread in zip(doors.values(), threads, strict=True):
        door.shutdown()
        thread.join()
        door.server_close()
    world.empty()
    world.close()


def _late(apps: dict[str, Any], name: str) -> Callable[..., Any]:
    """The application of a service that is made after its address is known."""
    return lambda environ, start: apps[name](environ, start)


def _populate(site: Site) -> Site:
    world = site.world
    lines = SAMPLES.read_text("utf-8").splitlines()[:24]
    clerk = world.client("intake", "clerk")
    receipts = {}
    for n, line in enumerate(lines):
        taken = clerk.post("/v1/grievances", json=json.loads(line), headers={"Idempotency-Key": str(n)}).json
        receipts[taken["number"]] = taken
    world.settle()
    alone = "SELECT number, min(department) FROM task GROUP BY number HAVING count(*) = 1 ORDER BY number"
    answered, accepted, assigned, *_ = (tuple(row) for row in world.query("routing", alone))
    for number, department in (answered, accepted):
        site.department(number, department, "accept")
    site.department(*answered, "answer", ANSWER)
    site.department(*accepted, "progress", {"note": "已到现场查看。"})
    for _ in range(3):
        world.later(days=12)
        world.tick()
    site.receipt = receipts[answered[0]]
    waiting = world.query("routing", "SELECT number FROM case_file WHERE state = 'triage'")[0].number
    notice = world.query("oversight", "SELECT id FROM notice WHERE published")[0].id
    site.paths = _paths(answered, accepted, assigned, waiting, notice)
    return site


def _paths(
    answered: tuple[str, str], accepted: tuple[str, str], assigned: tuple[str, str], waiting: str, notice: str
) -> dict[str, tuple[str, str, Caller | None]]:
    """Every page that has an address: its service, its path, and who looks at it."""
    clerk, supervisor = ("clerk", None), ("supervisor", None)
    return {
        "home": ("intake", "", None),
        "sign in": ("intake", "sign-in", None),
        "track": ("intake", "track", None),
        "not found": ("intake", "nothing-here", None),
        "register": ("intake", "register", clerk),
        "grievances": ("intake", "grievances", clerk),
        "grievance": ("intake", f"grievances/{answered[0]}", clerk),
        "triage": ("routing", "triage", clerk),
        "case": ("routing", f"triage/{waiting}", clerk),
        "ledger": ("routing", "ledger", ("department", accepted[1])),
        "ledger of all": ("routing", "ledger", supervisor),
        "task to accept": ("routing", f"tasks/{'.'.join(assigned)}", ("department", assigned[1])),
        "task in hand": ("routing", f"tasks/{'.'.join(accepted)}", ("department", accepted[1])),
        "dashboard": ("oversight", "dashboard", supervisor),
        "deadlines": ("oversight", "deadlines", supervisor),
        "notices": ("oversight", "notices", None),
        "notices served": ("oversight", "notices", supervisor),
        "notice": ("oversight", f"notices/{notice}", None),
    }


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser, if this machine has it."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A person at a browser; keeps what its console complained of."""

    site: Site
    context: BrowserContext
    page: Page
    complaints: list[str]

    def sign_in(self, role: str, of: str | None) -> None:
        """Enter an access key. The cookie counts for all services, which are on one host."""
        self.page.goto(f"{self.site.addresses['intake']}sign-in")
        self.page.fill("#key", self.site.world.key(role, of))
        self.page.click("main button")

    def open(self, name: str) -> None:
        """Go to a page of `Site.paths` as whoever looks at it."""
        service, path, caller = self.site.paths[name]
        if caller:
            self.sign_in(*caller)
        self.page.goto(self.site.addresses[service] + path)


@pytest.fixture
def visit(site: Site, chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens a browser window; `visit(locale="en", width=320, javascript=False)`."""
    contexts = []

    def opened(locale: str = "zh-CN", width: int = 1280, *, javascript: bool = True) -> Visit:
        context = chromium.new_context(
            locale=locale, viewport={"width": width, "height": 900}, java_script_enabled=javascript
        )
        contexts.append(context)
        page, complaints = context.new_page(), []
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return Visit(site, context, page, complaints)

    yield opened
    for context in contexts:
        context.close()
