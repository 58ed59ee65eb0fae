"""No page offers what is refused: everybody follows every link and presses every button of theirs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import pytest
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from shared.identity import grants
from tests.security.pages import Page, Press
from tests.security.routes import DEPARTMENT, ROLES, SITE, UNCLEAR, Suite
from tests.world import NAMES, World

REFUSED = (401, 403, 404, 405, 409)
# Buttons after which somebody is not who they were. Whoever walks is not to be put out by another who does.
LEAVING = ("/sign-out", "/sign-in/role")


@dataclass
class Walk:
    """Somebody who goes wherever the pages lead: what was pressed, and what was refused to them."""

    suite: Suite
    role: str
    pressed: set[tuple[str, str, str]] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    taken: int = 0

    def go(self) -> None:
        """Start at every page that has an address of its own, follow the links, press the buttons."""
        seen: set[tuple[str, str]] = set()
        ahead = [(service, "/") for service in ("intake", "oversight")]
        while ahead:
            place = ahead.pop()
            if place not in seen:
                seen.add(place)
                ahead += [next_ for next_ in self._stop(*place) if next_ not in seen]

    def _stop(self, service: str, path: str) -> list[tuple[str, str]]:
        """Press every button of a page, each on the page as it is by then; then where its links lead."""
        answer = self._follow(service, path)
        while answer.mimetype == "text/html":
            page = Page(answer.text)
            press = next(self._unpressed(service, path, page), None)
            if press is None:
                return list(self._links(service, path, page))
            self._press(service, path, press)
            answer = self._ask(service, path)  # it may be no more, once that was done
        return []

    def _follow(self, service: str, path: str, press: Press | None = None) -> TestResponse:
        answer = self._ask(service, path, press)
        if answer.status_code in REFUSED:
            method = press.method if press else "GET"
            self.refused.append(f"{self.role}: {method} {service} {path}: {answer.status_code}")
        return answer

    def _ask(self, service: str, path: str, press: Press | None = None) -> TestResponse:
        method, sent = (press.method, dict(press.sent)) if press else ("GET", None)
        headers = {"Origin": SITE, "Accept": "text/html"}
        browser = self.suite.as_role(self.role, service)
        return browser.open(path, method=method, data=sent, base_url=SITE, headers=headers)

    def _unpressed(self, service: str, path: str, page: Page) -> Iterator[Press]:
        for press in page.presses():
            if _place(service, path, press) not in self.pressed and not self._puts_out(press.action):
                yield press

    def _puts_out(self, action: str) -> bool:
        held = grants.all_of(self.suite.world.services["oversight"].identity)
        walkers = set(self.suite.accounts.values())
        walkers |= {grant.id for account in walkers for grant in held[account]}
        return action in LEAVING or bool(walkers & set(action.split("/")))

    def _press(self, service: str, path: str, press: Press) -> None:
        to = press.action or path
        self.pressed.add(_place(service, path, press))
        if press.method == "GET":
            self._follow(service, f"{urlsplit(to).path}?{urlencode(press.sent)}")
            return
        answer = self._follow(_service(self.suite, service, to, "POST"), to, press)
        self.taken += answer.status_code < 400
        self.suite.world.settle()
        self.suite.sign_in(self.role)  # it may have ended the session

    def _links(self, service: str, path: str, page: Page) -> Iterator[tuple[str, str]]:
        for link in page.links:
            parts = urlsplit(link)
            if not parts.netloc and (parts.path or parts.query) and "lang=" not in parts.query:
                target = (parts.path or urlsplit(path).path) + (f"?{parts.query}" if parts.query else "")
                yield _service(self.suite, service, target, "GET"), target


def _place(service: str, path: str, press: Press) -> tuple[str, str, str]:
    """What tells a button from others: one of many sessions is like any other, and there are ever more."""
    return service, re.sub("/sessions/[^/]+/", "/sessions/", urlsplit(press.action or path).path), press.words


def _service(suite: Suite, here: str, target: str, method: str) -> str:
    """The service that has this address: the tests give all three one host."""
    for name in (here, *NAMES):
        try:
            suite.world.app(name).url_map.bind("localhost").match(urlsplit(target).path, method)
        except HTTPException:
            continue
        return name
    raise AssertionError(f"{method} {target} leads nowhere")


@pytest.fixture
def suite(world: World) -> Suite:
    """With what waits for somebody else: whoever asked, and whoever has to wait, is offered no decision."""
    made = Suite(world)
    _ask_for_a_role(made)
    _ask_to_be_shown(made)
    _ask_for_a_withdrawal(made)
    _link_a_case(made)
    return made


def _ask_for_a_role(suite: Suite) -> None:
    with suite.world.services["oversight"].identity.begin() as tx:
        grants.ask(tx, suite.gaps["account"], "auditor", {}, suite.accounts["administrator"])


def _ask_to_be_shown(suite: Suite) -> None:
    sql = "SELECT number FROM grievance WHERE kind = 'accusation'"
    number = suite.world.query("intake", sql)[0].number
    _act(suite, "clerk", "intake", f"/grievances/{number}/petitioners", 202, reason="约定核实的时间")


def _ask_for_a_withdrawal(suite: Suite) -> None:
    path = f"/v1/notices/{suite.gaps['notice_id']}/publication"
    for of, step in ((None, ""), ("another", "/confirm")):
        answer = suite.world.client("oversight", "supervisor", of).post(path + step)
        assert answer.status_code == 200, answer.text
    path = f"/notices/{suite.gaps['notice_id']}/ask_withdrawal"
    _act(suite, "supervisor", "oversight", path, 303, **{"ask_withdrawal-reason": "情况不实。"})


def _link_a_case(suite: Suite) -> None:
    """The walkers' unit leads and has accepted, another one cooperates and has not answered."""
    number = suite.register(**(UNCLEAR | {"summary": "另一件说不清的事"}))
    suite.world.settle()
    decided = {"lead": DEPARTMENT, "cooperating": "market", "reason": "职责在此"}
    _act(suite, "supervisor", "routing", f"/triage/{number}", 303, **decided)
    _act(suite, "liaison", "routing", f"/tasks/{number}.{DEPARTMENT}/accept", 303)
    suite.world.settle()


def _act(suite: Suite, role: str, service: str, path: str, status: int, **data: str) -> None:
    browser = suite.as_role(role, service)
    answer = browser.post(path, data=data, base_url=SITE, headers={"Origin": SITE})
    assert answer.status_code == status, answer.text


@pytest.mark.timeout(600)
def test_no_page_offers_what_is_refused(suite: Suite) -> None:
    walks = [Walk(suite, role) for role in ROLES]
    for walk in walks:
        walk.go()
    assert [each for walk in walks for each in walk.refused] == []
    assert sum(walk.taken for walk in walks) > 50
