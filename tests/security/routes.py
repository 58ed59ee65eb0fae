"""Every route of the services, with something real in its gaps; who is signed in; what all tables hold."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Connection, text
from werkzeug.test import TestResponse

from shared.identity import accounts, grants, sessions
from shared.web import cookie
from tests.identity.people import PASSWORD, entered, person
from tests.world import NAMES, World, grievance

SITE = "https://localhost"
DEPARTMENT = "urban-management"
LIGHTS = {"summary": "路灯不亮", "channel": "phone", "office": "hotline"}
UNCLEAR = {"summary": "说不清的一件事", "text": "说不清，要当面谈。"}  # no rule knows where it belongs
ROLES: Mapping[str, Mapping[str, str]] = {
    "clerk": {},
    "agent": {"station": "yunmen-town"},
    "liaison": {"department": DEPARTMENT},
    "lead": {"department": DEPARTMENT},
    "supervisor": {},
    "leader": {},
    "delegate": {},
    "administrator": {},
    "auditor": {},
}

# What each route that acts is sent so that it would do something. Any other gets OTHERWISE.
PERSON = {"name": "何桂兰", "phone": "199 0000 0001"}
WRITTEN = {"outcome": "solved", "facts": "属实。", "opinion": "已修复。", "basis": "《条例》第三十一条"}
DECISION = {"lead": DEPARTMENT, "reason": "职责在此"}
FORM = {f"petitioners.0.{part}": value for part, value in PERSON.items()}
SENT: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("intake", "/v1/grievances"): {"json": grievance()},
    ("intake", "/v1/grievances/search"): {"json": {"phone": PERSON["phone"]}},
    ("intake", "/grievances"): {"data": {"phone": PERSON["phone"]}},
    ("intake", "/register"): {"data": {**grievance(), **FORM, "key": "one-of-this-form"}},
    ("routing", "/v1/triage/<number>/decision"): {"json": DECISION},
    ("routing", "/triage/<number>"): {"data": DECISION},
    ("routing", "/v1/tasks/<task_id>/object"): {"json": {"reason": "不属本单位"}},
    ("routing", "/v1/tasks/<task_id>/progress"): {"json": {"note": "已到现场"}},
    ("routing", "/v1/tasks/<task_id>/explain"): {"json": {"explanation": "由本单位办理"}},
    ("routing", "/v1/tasks/<task_id>/answer"): {"json": WRITTEN},
    ("oversight", "/sign-in"): {"data": {"login": "clerk", "password": PASSWORD}},
    ("oversight", "/me/password"): {"data": {"current": PASSWORD, "password": "另一个 很长的 口令"}},
    ("oversight", "/me/recovery"): {"data": {"again": PASSWORD}},
    ("oversight", "/people"): {"data": {"login": "new.one", "name": "新人", "role": "clerk"}},
    ("oversight", "/people/<account>/roles"): {"data": {"role": "auditor"}},
}
OTHERWISE: Mapping[str, Any] = {"data": {"note": "x"}}
# Columns that reading may write: when a key was used last, by the hour.
UNWATCHED = ("last_used_at",)


@dataclass(frozen=True)
class Route:
    """A way to call a view: of which service, by which method, at what address."""

    service: str
    rule: str
    method: str
    path: str
    view: Any

    def __str__(self) -> str:
        return f"{self.service} {self.method} {self.rule}"


@dataclass
class Suite:
    """A world with cases in each state and somebody signed in for each role."""

    world: World
    cookies: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    gaps: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = [self.register(**LIGHTS), self.register(**UNCLEAR)]
        self.world.settle()
        self.world.later(days=50)
        self.world.tick()
        self.world.tick()
        others = [self._employ(role, **scope) for role, scope in ROLES.items()]
        engine = self.world.services["oversight"].identity
        other = person(self.world, "other", "clerk")
        begun = sessions.living(engine, sessions.begin(engine, other, "127.0.0.1", "test"))
        assert begun is not None
        with engine.begin() as tx:
            waiting = grants.ask(tx, other, "supervisor", {}, others[0])
            link = accounts.link(tx, person(self.world, "unready", "clerk", password=None), accounts.SETUP)
        self.gaps = {
            "number": numbers[1],
            "task_id": f"{numbers[0]}.{DEPARTMENT}",
            "notice_id": str(self.world.query("oversight", "SELECT id FROM notice WHERE publishable")[0][0]),
            "account": other,
            "session": begun.id,
            "grant": waiting,
            "key": self.world.key("clerk").split("_")[2],
            "what": "accept",
            "move": "propose",
            "n": self._asked(),
            "filename": "minqing.css",
            "link": link,
        }

    def routes(self, *methods: str) -> Iterator[Route]:
        """Every route with one of these methods. KeyError for a gap that nothing is known for."""
        for name in NAMES:
            app = self.world.app(name)
            adapter = app.url_map.bind("localhost")
            for rule in app.url_map.iter_rules():
                for method in sorted(set(methods) & (rule.methods or set())):
                    path = adapter.build(
                        rule.endpoint, {gap: self.gaps[gap] for gap in rule.arguments}, method
                    )
                    yield Route(name, rule.rule, method, path, app.view_functions[rule.endpoint])

    def call(
        self, route: Route, role: str | None, headers: Mapping[str, str], data: Any = None
    ) -> TestResponse:
        """Call a route as a browser where somebody is signed in, or nobody; with `data` or its usual body."""
        browser = self.as_role(role, route.service)
        sent = SENT.get((route.service, route.rule), OTHERWISE) if data is None else {"data": data}
        sent = sent if route.method != "GET" else {}
        key = {"Idempotency-Key": f"{role} {route.rule}"}
        return browser.open(
            route.path, method=route.method, base_url=SITE, headers={**key, **headers}, **sent
        )

    def as_role(self, role: str | None, service: str) -> FlaskClient:
        """A browser at a service in which somebody works in this role, or nobody does."""
        browser: FlaskClient = self.world.app(service).test_client()
        if role is not None:
            browser.set_cookie(f"__Host-{cookie.NAME}", self.cookies[role], secure=True)
        return browser

    def digest(self) -> dict[str, str]:
        """What every table of the four databases holds, as a digest."""
        return {table: hashlib.sha256(rows.encode()).hexdigest() for table, rows in self.rows()}

    def rows(self) -> Iterator[tuple[str, str]]:
        """Every table of the four databases, by its name, and what it holds as text."""
        engines = {name: self.world.services[name].engine for name in NAMES}
        for name, engine in {**engines, "identity": self.world.services["oversight"].identity}.items():
            with engine.begin() as tx:
                yield from ((f"{name}.{table}", rows) for table, rows in _rows(tx))

    def _asked(self) -> str:
        """The place of a request to be shown who brought an accusation."""
        number = self.register(kind="accusation", summary="举报", unit="tax")
        asked = self.world.client("intake", "clerk").post(
            f"/v1/grievances/{number}/petitioners", json={"reason": "约定现场核实的时间"}
        )
        assert asked.status_code == 202, asked.text
        return str(asked.json["request"])

    def register(self, **changes: Any) -> str:
        """Register a grievance; return its number."""
        taken = self.world.register(changes["summary"], **changes)
        assert taken.status_code == 201, taken.text
        return str(taken.json["number"])

    def sign_in(self, role: str) -> None:
        """Give a role a new session."""
        reference = entered(self.world, self.accounts[role], role)
        self.cookies[role] = str(cookie._signer_of(self.world.secrets).dumps(reference))

    def _employ(self, role: str, **scope: str) -> str:
        account = person(self.world, role, role, **scope)
        self.accounts[role] = account
        self.sign_in(role)
        return account


def _rows(tx: Connection) -> Iterator[tuple[str, str]]:
    tables = tx.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"))
    for table in tables.scalars().all():
        row = " - ".join(["to_jsonb(t)", *(f"'{column}'" for column in UNWATCHED)])
        rows = f"string_agg(({row})::text, '|' ORDER BY ({row})::text)"
        yield table, tx.execute(text(f"SELECT coalesce({rows}, '') FROM {table} t")).scalar_one()
