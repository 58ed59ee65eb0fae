"""Clerks who register and departments that act, all at once, and write down what they were told.

A client repeats an operation with its key until it knows what became of it, as a good client does; some
give up, and some send the same twice, one after the other or at the same time.
"""

import hashlib
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx

from tests.faults.history import ACCEPT, ANSWER, EXPLAIN, PROGRESS, REGISTER, History
from tests.faults.suite import Suite
from tests.world import grievance

CLIENTS = 8
OPEN, MOST = 4, 12  # cases that a client has under way: that can go on, and at most
PACE = 0.12  # seconds between two operations of a client, at most
GIVES_UP = 0.15  # of the clients that got no answer
TWICE = 0.1  # of the registrations
PATIENCE = 20.0  # seconds after the end in which clients still ask for what they do not know
NOT_HERE = 60.0  # seconds after which a grievance that no department finds is left alone
NOT_SENT, NO_ANSWER = -1, 0  # beside the statuses of HTTP
FOUND = {ACCEPT: "task.accepted", EXPLAIN: "case.explained", ANSWER: "task.answered"}

# Matters, and the departments that the county's rules give them to, the lead first; none: a person decides.
MATTERS: tuple[tuple[dict[str, Any], tuple[str, ...]], ...] = (
    ({"summary": "路灯不亮", "channel": "phone", "office": "hotline"}, ("urban-management",)),
    ({"summary": "工地扬尘严重"}, ("housing", "environment", "urban-management")),
    ({"summary": "说不清的一件事"}, ()),
)
WEIGHTS = (6, 3, 1)
WRITTEN = {"opinion": "已责令整改。", "basis": "《大气污染防治法》第六十九条"}


def digest(text: str) -> str:
    """What the history keeps of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Ask:
    """An operation to be asked for: by whom, of whom, with what, and what is kept of it."""

    id: str
    op: str
    service: str
    path: str
    caller: str
    body: Mapping[str, Any] | None
    kept: Mapping[str, Any]


@dataclass
class Course:
    """What is still to be done with a grievance, in its order."""

    number: str
    todo: deque[Ask]
    not_before: float = 0.0
    since: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Crowd:
    """What all clients share: addresses, access keys by caller, the history, and when it is over."""

    urls: Mapping[str, str]
    keys: Mapping[str, str]
    history: History
    stopping: threading.Event
    twins: ThreadPoolExecutor


@dataclass
class Client:
    """One of them."""

    name: str
    crowd: Crowd
    random: Random
    http: httpx.Client
    courses: list[Course] = field(default_factory=list)
    asked: int = 0
    leaves_at: float | None = None

    def work(self) -> None:
        """Register and act until it is over."""
        while not self.crowd.stopping.wait(self.random.uniform(0, PACE)):
            ready = [course for course in self.courses if course.not_before < time.monotonic()]
            if len(ready) < OPEN and len(self.courses) < MOST:
                self._register()
            elif ready:
                self._go_on(self.random.choice(ready))

    def _register(self) -> None:
        matter, departments = self.random.choices(MATTERS, WEIGHTS)[0]
        ask = self._asking(REGISTER, "intake", "/v1/grievances", "clerk", text=self._words(), **matter)
        kept = {"departments": departments, "sha256": digest((ask.body or {})["text"])}
        ask = Ask(**{**vars(ask), "body": grievance(**(ask.body or {})), "kept": kept})
        if self.random.random() < TWICE / 2:
            self.crowd.twins.submit(self._try, ask)
        number = self._ask(ask)
        if number and self.random.random() < TWICE / 2:
            self._try(ask)
        if number and departments:
            self.courses.append(Course(number, deque(self._script(number, departments))))

    def _script(self, number: str, departments: tuple[str, ...]) -> Iterator[Ask]:
        """All that departments do with a grievance."""
        lead, *others = departments
        yield from (self._act(ACCEPT, number, department) for department in departments)
        if others:
            yield self._act(EXPLAIN, number, lead, explanation=self._words())
        for index in range(self.random.randint(2, 5)):
            yield self._act(PROGRESS, number, self.random.choice(departments), index, note=self._words())
        for department in [*others, lead]:
            given = {"outcome": "solved"} if department == lead else {}
            ask = self._act(ANSWER, number, department, facts=self._words(), **WRITTEN, **given)
            yield Ask(**{**vars(ask), "kept": {**ask.kept, "lead": department == lead}})

    def _act(self, op: str, number: str, department: str, index: int = 0, **body: str) -> Ask:
        ask = self._asking(op, "routing", f"/v1/tasks/{number}.{department}/{op}", department, **body)
        said = next((body[name] for name in ("note", "explanation", "facts") if name in body), None)
        kept = {"number": number, "departments": [department], "index": index}
        kept |= {"sha256": digest(said)} if said else {}
        return Ask(**{**vars(ask), "kept": kept})

    def _asking(self, op: str, service: str, path: str, caller: str, **body: Any) -> Ask:
        self.asked += 1
        return Ask(f"{self.name}/{self.asked}", op, service, path, caller, body or None, {})

    def _words(self) -> str:
        return "".join(self.random.choices("甲乙丙丁戊己庚辛壬癸é𠮷", k=24)) + self.random.randbytes(6).hex()

    # Asking

    def _go_on(self, course: Course) -> None:
        """Take the next step of a grievance, once routing knows it; one that fails is left alone."""
        outcome = self._ask(course.todo[0])
        if outcome is None:
            self.courses.remove(course)
        elif outcome == "":
            course.not_before = time.monotonic() + 0.5
            if time.monotonic() - course.since > NOT_HERE:
                self.courses.remove(course)
        else:
            course.todo.popleft()
            if not course.todo:
                self.courses.remove(course)

    def _ask(self, ask: Ask) -> str | None:
        """The number when it is done; "" if it is too early for it; None if it was refused or given up."""
        while True:
            status, number = self._try(ask)
            if status in (200, 201):
                return number
            if status == 404:
                return ""
            if self._hopeless(status):
                return None
            time.sleep(self.random.uniform(0.2, 1.0))

    def _hopeless(self, status: int) -> bool:
        if status not in (NOT_SENT, NO_ANSWER, 409, 429) and status < 500:
            return True
        if self.crowd.stopping.is_set():
            self.leaves_at = self.leaves_at or time.monotonic() + PATIENCE
        late = self.leaves_at is not None and time.monotonic() > self.leaves_at
        return late or self.random.random() < GIVES_UP

    def _try(self, ask: Ask) -> tuple[int, str]:
        """Ask once, and write down what is asked and what comes of it."""
        self.crowd.history.write("invoke", id=ask.id, op=ask.op, key=ask.id, **ask.kept)
        began = time.monotonic()
        status, number = self._send(ask)
        if status == 409 and ask.op in FOUND and self._stands(ask):
            status = 200  # an earlier try was heard
        kind = _kind(status)
        told = {"number": number} if number else {}
        self.crowd.history.write(kind, id=ask.id, status=status, seconds=time.monotonic() - began, **told)
        return status, number

    def _send(self, ask: Ask) -> tuple[int, str]:
        """Status and number of the answer; NO_ANSWER leaves open what was done, NOT_SENT does not."""
        headers = {"Idempotency-Key": ask.id, "Authorization": f"Bearer {self.crowd.keys[ask.caller]}"}
        url = self.crowd.urls[ask.service] + ask.path
        try:
            answer = self.http.post(url, json=ask.body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return NOT_SENT, ""
        except httpx.HTTPError:
            return NO_ANSWER, ""
        given = answer.json().get("number", "") if answer.status_code == 201 else ask.kept.get("number", "")
        return answer.status_code, given

    def _stands(self, ask: Ask) -> bool:
        """Whether the department's ledger shows what was asked for."""
        headers = {"Authorization": f"Bearer {self.crowd.keys[ask.caller]}"}
        url = self.crowd.urls[ask.service] + ask.path.rpartition("/")[0]
        try:
            answer = self.http.get(url, headers=headers)
        except httpx.HTTPError:
            return False
        entries = answer.json()["entries"] if answer.status_code == 200 else []
        return FOUND[ask.op] in {entry["what"] for entry in entries}


def _kind(status: int) -> str:
    """What a status says of the try, as the history names it."""
    if status in (200, 201):
        return "ok"
    return "fail" if status == NOT_SENT or 400 <= status < 500 else "info"


@contextmanager
def at_work(suite: Suite, seed: int, clients: int = CLIENTS) -> Iterator[None]:
    """Clients work while the block lasts; afterwards they ask once more for what they do not know."""
    departments = {department for _, named in MATTERS for department in named}
    keys = {department: suite.key("department", department) for department in departments}
    keys["clerk"] = suite.key("clerk")
    stopping = threading.Event()
    with ThreadPoolExecutor(2 * clients) as pool, httpx.Client(timeout=10) as http:
        crowd = Crowd(suite.urls, keys, suite.history, stopping, pool)
        names = [f"{seed}/{n}" for n in range(clients)]
        working = [pool.submit(Client(name, crowd, Random(name), http).work) for name in names]
        try:
            yield
        finally:
            stopping.set()
        for each in working:
            each.result()
