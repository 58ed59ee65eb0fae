"""The course of all cases: registered, decided, answered or left lying until the county names the department.

Everything goes through the services' doors, each case by the API or by the pages; every answer is kept.
"""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
from sqlalchemy import text

from deploy.minqing import clock, databases, suite
from deploy.minqing.clock import Hands
from deploy.minqing.leaktest import cases, doors
from deploy.minqing.leaktest.cases import LEADS, Case, Planter
from deploy.minqing.leaktest.findings import Found
from deploy.minqing.leaktest.ground import Ground
from deploy.minqing.replay.acts import Who
from deploy.minqing.replay.onlooker import Onlooker
from deploy.minqing.trouble import Trouble
from shared.identity.model import Caller

BEGINS = timedelta(days=60)  # before now
WAITS = (timedelta(days=16), timedelta(days=8), timedelta(days=20))  # until each rung has been taken
CODES = re.compile(r'class="code">([^<]+)<')  # number and query code on a receipt
TASKS = text("SELECT department FROM task WHERE number = :number ORDER BY role, department")  # lead last
LEADS_ALONE = {"explain", "object"}  # steps that only the lead takes
CLERK, SUPERVISOR = Who("clerk"), Who("supervisor")


class Act(NamedTuple):
    """A request that somebody makes about a case, at the case's door."""

    case: Case
    who: Who
    service: str
    path: str
    body: Mapping[str, Any]


@dataclass
class Course:
    """Cases under way. `seen` is every answer, with the labels of the cases whose words may stand in it."""

    ground: Ground
    planter: Planter
    cases: list[Case] = field(default_factory=cases.every)
    seen: list[tuple[Found, frozenset[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.http = httpx.Client(timeout=doors.TIMEOUT)
        self._known: dict[tuple[Who, str], dict[str, str]] = {}

    def close(self) -> None:
        """Let go of the connections."""
        self.http.close()

    def past(self) -> AbstractContextManager[Hands]:
        """Let it be two months ago while the block lasts."""
        return clock.past(suite.clock_file(self.ground.data), datetime.now(UTC) - BEGINS)

    def register(self) -> None:
        """Register all, each at its door."""
        for case in self.cases:
            request = self.planter.grievance(case)
            if case.door == "api":
                taken = self._do(Act(case, CLERK, "intake", "/v1/grievances", request)).json()
                case.number, case.code = taken["number"], taken["query_code"]
            else:
                page = self._do(Act(case, CLERK, "intake", "/register", dict(cases.form(request))))
                case.number, case.code = CODES.findall(page.text)

    def go_on(self, hands: Hands) -> None:
        """Do with each what is to be done, and let time pass over all."""
        with closing(Onlooker(self.ground.plan)) as onlooker:
            for case in self.cases:
                for step in cases.STEPS[case.kind, case.door]:
                    onlooker.await_settled()
                    self._take(case, step)
            for wait in WAITS:
                onlooker.await_settled()
                hands.move(hands.now() + wait)
                onlooker.await_passed(hands.now())
            onlooker.await_settled()
        for case in self.cases:
            case.departments = self._departments(case)

    def follow(self) -> None:
        """Let each petitioner look at both doors, and the centre's clerks search by phone at both."""
        url = self.ground.plan.urls["intake"]
        for case in self.cases:
            code, form = {"Query-Code": case.code}, {"number": case.number, "code": case.code}
            phone = {"phone": self._planted(case, "phone")}
            by_key, at_page = self._who(CLERK, "api"), self._who(CLERK, "page") | {"Origin": url}
            for answer in (
                self.http.get(f"{url}/v1/track/{case.number}", headers=code),
                self.http.post(f"{url}/track", data=form),
                self.http.post(f"{url}/v1/grievances/search", json=phone, headers=by_key),
                self.http.post(f"{url}/grievances", data=phone, headers=at_page | doors.HTML),
            ):
                self._keep(case, answer)

    def _take(self, case: Case, step: str) -> None:
        if step == "decide":
            body = {"lead": LEADS[case.kind], **self.planter.words(case, step, lead=True)}
            path = {"api": "/v1/triage/{}/decision", "page": "/triage/{}"}[case.door].format(case.number)
            self._do(Act(case, SUPERVISOR, "routing", path, body))
            return
        *others, lead = self._departments(case)
        for department in (lead,) if step in LEADS_ALONE else (*others, lead):
            body = self.planter.words(case, step, lead=department == lead)
            path = f"{'/v1' if case.door == 'api' else ''}/tasks/{case.number}.{department}/{step}"
            self._do(Act(case, Who("department", department), "routing", path, body))

    def _departments(self, case: Case) -> tuple[str, ...]:
        with databases.opened(self.ground.plan.database_urls()["routing"]) as tx:
            return tuple(tx.execute(TASKS, {"number": case.number}).scalars())

    def _planted(self, case: Case, name: str) -> str:
        return next(m.value for m in self.planter.planted if (m.case, m.field) == (case.label, name))

    def _do(self, act: Act) -> httpx.Response:
        base = self.ground.plan.urls[act.service]
        again, headers = f"{act.case.label} {act.path} {len(self.seen)}", self._who(act.who, act.case.door)
        if act.case.door == "api":
            sent = headers | {"Idempotency-Key": again}
            answer = self.http.post(base + act.path, json=act.body, headers=sent)
        else:
            sent = headers | {"Origin": base, **doors.HTML}
            answer = self.http.post(base + act.path, data={"key": again, **act.body}, headers=sent)
        return self._keep(act.case, answer)

    def _keep(self, case: Case, answer: httpx.Response) -> httpx.Response:
        if answer.status_code >= 400:
            said = f"{answer.request.method} {answer.request.url.path} → {answer.status_code}"
            raise Trouble(f"{said}\n{answer.text[:2000]}", f"The course of “{case.label}” ended there")
        self.seen.append((doors.found("acting", answer), frozenset({case.label})))
        return answer

    def _who(self, who: Who, door: str) -> dict[str, str]:
        """How someone shows who they are at a door: made when they first act there."""
        if (who, door) not in self._known:
            if door == "api":
                found = doors.key(self.ground, Caller("", who.role, who.of, None))
            else:
                role = "liaison" if who.of else who.role
                scope = {"department": who.of} if who.of else {}
                found = doors.session(self.ground, f"acting.{role}.{who.of}", role, scope)
            self._known[who, door] = dict(found)
        return self._known[who, door]
