"""The three services behind real addresses, with grievances in every state."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from werkzeug.serving import BaseWSGIServer, make_server

from deploy.minqing.servers import Servers
from shared.identity import accounts, grants
from shared.identity.model import ROLES
from tests.identity.people import person, second_factor
from tests.oversight import cases
from tests.world import NAMES, World

SAMPLES = Path(__file__).parents[2] / "deploy/samples/grievances.jsonl"
ANSWER = {
    "outcome": "solved",
    "facts": "情况属实。",
    "opinion": "已整改。",
    "basis": "《信访工作条例》第三十一条",
}

Caller = tuple[str, str | None]


@dataclass
class Site(World):
    """A world whose services know their public addresses, and listen there.

    `receipt` opens the tracking of an answered grievance. `pages` has every page that has an address: its
    service, its path, and who looks at it. `given` are further settings.
    """

    addresses: dict[str, str] = field(default_factory=dict)
    receipt: dict[str, str] = field(default_factory=dict)
    sessions: dict[Caller, Any] = field(default_factory=dict)
    people: dict[Caller, tuple[str, str | None]] = field(default_factory=dict)
    pages: dict[str, tuple[str, str, Caller | None]] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)

    def environment(self, name: str) -> dict[str, str]:
        """The settings of one service, with the addresses of all."""
        places = {f"MINQING_{each.upper()}_URL": address for each, address in self.addresses.items()}
        return super().environment(name) | places | self.given

    def person(self, caller: Caller) -> tuple[str, str | None]:
        """The login of someone who works as this, and the secret of their second factor if they need one."""
        if caller not in self.people:
            role, of = caller
            scope = {} if of is None else {"department" if role == "department" else "office": of}
            login = f"{role}.{of or 'centre'}"
            account = person(self, login, "liaison" if role == "department" else role, **scope)
            needed = ROLES[role].second_factor
            self.people[caller] = login, second_factor(self, account)[0] if needed else None
        return self.people[caller]

    def act(self, number: str, department: str, what: str, body: Any = None) -> None:
        """Let a department do something with its task."""
        client = self.client("routing", "department", department)
        done = client.post(f"/v1/tasks/{number}.{department}/{what}", json=body)
        assert done.status_code == 200, done.text


@contextmanager
def served(running: Servers, place: Path, **given: str) -> Iterator[Site]:
    """All three services on free ports of this machine, with nothing in them yet."""
    apps: dict[str, Any] = {}
    doors = {name: make_server("127.0.0.1", 0, _late(apps, name), threaded=True) for name in NAMES}
    addresses = {name: f"http://localhost:{door.port}/" for name, door in doors.items()}
    site = Site(running, place / "secrets", place / "clock", addresses=addresses, given=given)
    site.empty()
    apps.update({name: site.app(name) for name in NAMES})
    with _open(*doors.values()):
        yield site
    site.empty()
    site.close()


def _late(apps: dict[str, Any], name: str) -> Callable[..., Any]:
    """An application that is made after its address is known."""
    return lambda environ, start: apps[name](environ, start)


@contextmanager
def _open(*doors: BaseWSGIServer) -> Iterator[None]:
    threads = [threading.Thread(target=door.serve_forever) for door in doors]
    for thread in threads:
        thread.start()
    yield
    for door, thread in zip(doors, threads, strict=True):
        door.shutdown()
        thread.join()
        door.server_close()


def populate(site: Site) -> None:
    """Register what the samples have, bring some of it forward, and let all deadlines of the rest pass."""
    receipts = dict(_register(site, SAMPLES.read_text("utf-8").splitlines()[:24]))
    site.settle()
    _look(site, list(receipts)[:12])
    alone = "SELECT number, min(department) FROM task GROUP BY number HAVING count(*) = 1 ORDER BY number"
    answered, accepted, assigned, *_ = (tuple(row) for row in site.query("routing", alone))
    for number, department in (answered, accepted):
        site.act(number, department, "accept")
    site.act(*answered, "answer", ANSWER)
    site.act(*accepted, "progress", {"note": "已到现场查看。"})
    for _ in range(3):
        site.later(days=12)
        site.tick()
    _published(site)
    site.receipt = receipts[answered[0]]
    site.pages = dict(_public(site)) | dict(_of_staff(site, answered[0], accepted, assigned))
    site.pages |= dict(_of_identity(answered[0])) | dict(_of_people(site)) | dict(_of_notices(site))


def _register(site: Site, lines: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    clerk = site.client("intake", "clerk")
    for n, line in enumerate(lines):
        taken = clerk.post("/v1/grievances", json=json.loads(line), headers={"Idempotency-Key": str(n)})
        yield taken.json["number"], taken.json


def _published(site: Site) -> None:
    """Of the notices that may be, one is published, one withdrawn, one proposed; the others wait."""
    published, withdrawn, proposed, *_ = cases.waiting(site)
    cases.publish(site, published, withdrawn)
    cases.withdraw(site, withdrawn, "期限计算有误，予以撤回。")
    cases.decide(site, proposed, "first", "publication")


def _look(site: Site, numbers: list[str]) -> None:
    """Let somebody be shown who brought the grievances, and have to ask where one is an accusation."""
    client = site.client("intake", "clerk")
    for number in numbers:
        seen = client.post(f"/v1/grievances/{number}/petitioners", json={"reason": "约定现场核实的时间"})
        assert seen.status_code in (200, 202), seen.text


def _public(site: Site) -> Iterator[tuple[str, tuple[str, str, None]]]:
    published, withdrawn, *_ = cases.waiting(site)
    yield "home", ("intake", "", None)
    yield "sign in", ("oversight", "sign-in", None)
    yield "track", ("intake", "track", None)
    yield "not found", ("intake", "nothing-here", None)
    yield "notices", ("oversight", "notices", None)
    yield "notice", ("oversight", f"notices/{published}", None)
    yield "notice withdrawn", ("oversight", f"notices/{withdrawn}", None)


def _of_staff(
    site: Site, answered: str, accepted: tuple[str, str], assigned: tuple[str, str]
) -> Iterator[tuple[str, tuple[str, str, Caller]]]:
    waiting = site.query("routing", "SELECT number FROM case_file WHERE state = 'triage'")[0].number
    clerk, supervisor = ("clerk", None), ("supervisor", None)
    yield "register", ("intake", "register", clerk)
    yield "grievances", ("intake", "grievances", clerk)
    yield "grievance", ("intake", f"grievances/{answered}", clerk)
    yield "triage", ("routing", "triage", clerk)
    yield "case", ("routing", f"triage/{waiting}", clerk)
    yield "ledger", ("routing", "ledger", ("department", accepted[1]))
    yield "ledger of all", ("routing", "ledger", supervisor)
    yield "task to accept", ("routing", f"tasks/{'.'.join(assigned)}", ("department", assigned[1]))
    yield "task in hand", ("routing", f"tasks/{'.'.join(accepted)}", ("department", accepted[1]))
    yield "dashboard", ("oversight", "dashboard", supervisor)
    yield "deadlines", ("oversight", "deadlines", supervisor)
    yield "notices served", ("oversight", "notices", supervisor)


def _of_notices(site: Site) -> Iterator[tuple[str, tuple[str, str, Caller]]]:
    supervisor = ("supervisor", None)
    published, _, proposed, undecided, *_ = cases.waiting(site)
    yield "notices to publish", ("oversight", "notices/waiting", supervisor)
    yield "notice to propose", ("oversight", f"notices/{undecided}", supervisor)
    yield "notice to confirm", ("oversight", f"notices/{proposed}", supervisor)
    yield "notice to withdraw", ("oversight", f"notices/{published}", supervisor)


def _of_identity(answered: str) -> Iterator[tuple[str, tuple[str, str, Caller]]]:
    yield "reason to see who", ("intake", f"grievances/{answered}/petitioners", ("clerk", None))
    yield "who looked", ("intake", "views", ("supervisor", None))


def _of_people(site: Site) -> Iterator[tuple[str, tuple[str, str, Caller | None]]]:
    clerk, supervisor, administrator = ("clerk", None), ("supervisor", None), ("administrator", None)
    yield "me", ("oversight", "me", clerk)
    yield "me with a second factor", ("oversight", "me", supervisor)
    yield "passkeys", ("oversight", "me/passkeys", clerk)
    yield "add a passkey", ("oversight", "sign-in/enrol/passkey", clerk)
    yield "choose a role", ("oversight", "sign-in/role", clerk)
    yield "set up a second factor", ("oversight", "sign-in/enrol", clerk)
    yield "set a password", ("oversight", f"set-up?link={_link(site)}", None)
    yield "people", ("oversight", "people", administrator)
    yield "person", ("oversight", f"people/{_waiting(site)}", administrator)
    yield "keys", ("oversight", "people/keys", administrator)
    yield "changes", ("oversight", "people/changes", administrator)
    yield "policy", ("oversight", "policy", supervisor)


def _waiting(site: Site) -> str:
    """Somebody whose role waits for a second person."""
    with site.services["oversight"].identity.begin() as tx:
        id_ = accounts.add(tx, "wang.wei", "王维", accounts.SETUP)
        grants.ask(tx, id_, "lead", {"department": "housing"}, "somebody")
    return id_


def _link(site: Site) -> str:
    engine = site.services["oversight"].identity
    with engine.begin() as tx:
        return accounts.link(tx, accounts.add(tx, "new.colleague", "新同事", accounts.SETUP), accounts.SETUP)
