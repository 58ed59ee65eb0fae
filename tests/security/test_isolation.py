"""Everyone sees what is theirs and not one line more: every route, every role, cases of every kind (S1).

What is expected is asked of the policy alone, by the facts of each case; what the services answer is compared
with it, case by case. `tests/policy` says that the policy is right.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from shared import county, policy
from shared.identity import accounts, grants, sessions
from shared.identity.model import Caller
from tests.identity.people import browser, entered, person
from tests.world import COUNTY, NAMES, World

SITE = "https://localhost"
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
DIRECTORY = county.load(COUNTY)
SUMMARIES = ("说不清的一件事", "路灯不亮", "另一件说不清的事", "拖欠工资")
KINDS = ("claim", "accusation", "suggestion", "inquiry")
OFFICES = ("hotline", "dongmen-proxy", "housing")
UNITS = (None, "housing", "market", "yunmen-town", "centre", "discipline")
PLACES = (None, "dongmen", "heling")
NUMBER = re.compile(r"\d{4}-\d{6}-\d")

# Who walks: people in each role, and machines with keys.
PEOPLE: Mapping[str, Mapping[str, str]] = {
    "clerk": {},
    "clerk hotline": {"office": "hotline"},
    "clerk housing": {"office": "housing"},
    "agent": {"station": "dongmen"},
    "liaison": {"department": "housing"},
    "lead": {"department": "market"},
    "supervisor": {},
    "supervisor discipline": {"department": "discipline"},
    "leader": {},
    "leader yunmen": {"area": "yunmen-town"},
    "delegate": {},
    "administrator": {},
    "auditor": {},
}
KEYS = (
    ("department", "housing"),
    ("department", "yunmen-town"),
    ("clerk", "legal-aid"),
    ("supervisor", None),
)


Rows = dict[str, dict[str, Any]]  # the facts of each row, by its id


@dataclass
class Walker:
    """Somebody who asks for everything."""

    name: str
    caller: Caller | None
    clients: Mapping[str, FlaskClient]

    def ask(self, service: str, method: str, path: str, **body: Any) -> Any:
        """The answer of a service."""
        headers = {"Origin": SITE}
        return self.clients[service].open(path, method=method, base_url=SITE, headers=headers, **body)

    def expects(self, actions: tuple[str, ...], facts: Mapping[str, Any]) -> set[int]:
        """The statuses of a refusal that the policy asks for; none if the case is within reach."""
        allowed = [action for action in actions if policy.allows(self.caller, action)]
        if not allowed:
            return {403} if self.caller else {401}
        if any(self.reaches(action, facts) for action in allowed):
            return set()
        seen = "handling" in facts and self.reaches("grievance.read", facts)
        return {403} if seen else {404}  # what one sees and may not do is no secret

    def reaches(self, action: str, facts: Mapping[str, Any]) -> bool:
        """Whether the policy lets them do this to a row with these facts."""
        if not policy.allows(self.caller, action):
            return False
        return policy.reach(self.caller, action, DIRECTORY).holds(facts)


@dataclass
class Scene:
    """A county full of cases, with who walks through it and the facts of each row."""

    world: World
    walkers: list[Walker]
    grievances: Rows = field(default_factory=dict)
    waiting: Rows = field(default_factory=dict)
    tasks: Rows = field(default_factory=dict)
    deadlines: Rows = field(default_factory=dict)
    notices: Rows = field(default_factory=dict)
    requests: Rows = field(default_factory=dict)

    def look(self) -> None:
        """Read the facts from the databases, past every door."""
        accused = "CASE WHEN kind = 'accusation' THEN unit END AS accused"
        self._look_at_intake(accused)
        case = f"SELECT number AS id, NULL AS department, place, {accused} FROM case_file"
        self.waiting = self._facts("routing", f"{case} WHERE state = 'triage'")
        task = "SELECT number || '.' || department AS id, department, place"
        self.tasks = self._facts("routing", f"{task}, {accused} FROM task JOIN case_file USING (number)")
        owed = f"SELECT id, department, place, {accused} FROM deadline JOIN watched USING (number)"
        self.deadlines = self._facts("oversight", owed)
        decided = "SELECT FROM notice_decision WHERE notice = id AND move = 'publish'"
        public = f"CASE WHEN EXISTS ({decided}) THEN 'yes' END AS published"
        notice = f"SELECT id, department, place, {public}, {accused} FROM notice JOIN watched USING (number)"
        self.notices = self._facts("oversight", notice)

    def _look_at_intake(self, accused: str) -> None:
        handling = "array_remove(lead || cooperating, NULL) AS handling"
        facts = f"unit, {accused}, CASE WHEN kind <> 'accusation' THEN 'yes' END AS open, {handling}"
        grievance = f"SELECT number AS id, office, place, {facts} FROM grievance"
        self.grievances = self._facts("intake", grievance)
        asked = "JOIN grievance USING (number) WHERE what = 'asked'"
        request = f"SELECT n AS id, grievance.office, place, unit, {accused} FROM identity_view {asked}"
        self.requests = self._facts("intake", request)

    def _facts(self, service: str, sql: str) -> Rows:
        found = [dict(row._mapping) for row in self.world.query(service, sql)]
        for row in found:
            row |= {"handling": frozenset(row["handling"])} if "handling" in row else {}
        return {str(row.pop("id")): row for row in found}


def _register(world: World) -> int:
    """Register a case of every kind that there is."""
    combined = list(product(KINDS, OFFICES, UNITS, PLACES))
    for n, (kind, office, unit, place) in enumerate(combined):
        given = {"kind": kind, "office": office, "channel": "phone" if office == "hotline" else "visit"}
        given |= {"summary": f"{SUMMARIES[n % len(SUMMARIES)]}{n}", "unit": unit, "place": place}
        role, of = ("department", "housing") if office == "housing" else ("clerk", None)
        answer = world.register(f"k{n}", role=role, of=of, **given)
        assert answer.status_code == 201, answer.text
    return len(combined)


def _decide(world: World) -> None:
    """Assign a third of what waits, so that departments have tasks of every kind."""
    supervisor = world.client("routing", "supervisor")
    waiting = [
        row.number for row in world.query("routing", "SELECT number FROM case_file WHERE state = 'triage'")
    ]
    for n, number in enumerate(waiting[::3]):
        lead, other = (("housing", "market"), ("discipline", "housing"))[n % 2]
        body = {"lead": lead, "cooperating": [other], "reason": "职责在此"}
        supervisor.post(f"/v1/triage/{number}/decision", json=body)


def _ask(world: World) -> None:
    """Let a clerk of the centre ask who brought some accusations, which takes a second person."""
    clerk = world.client("intake", "clerk")
    accusing = world.query("intake", "SELECT number FROM grievance WHERE kind = 'accusation' ORDER BY number")
    for [number] in accusing[::2]:
        clerk.post(f"/v1/grievances/{number}/petitioners", json={"reason": "约定现场核实的时间"})


def _publish(world: World) -> None:
    """Let two supervisors publish every fourth notice that may be."""
    waiting = world.query("oversight", "SELECT id FROM notice WHERE publishable ORDER BY id")
    clients = [world.client("oversight", "supervisor", of) for of in (None, "another")]
    for [id_] in waiting[::4]:
        for client, path in zip(clients, ("publication", "publication/confirm"), strict=True):
            answer = client.post(f"/v1/notices/{id_}/{path}")
            assert answer.status_code == 200, answer.text


def _walkers(world: World) -> Iterator[Walker]:
    yield Walker("anyone", None, {name: world.app(name).test_client() for name in NAMES})
    for n, (name, scope) in enumerate(PEOPLE.items()):
        role = name.split()[0]
        yield _person(world, name, person(world, f"walker.{n}", role, **scope), role)
    yield _two_roles(world)
    for role, of in KEYS:
        department, office = (of if role == body else None for body in ("department", "clerk"))
        clients = {name: world.client(name, role, of) for name in NAMES}
        yield Walker(f"key of {role} {of}", Caller("k", role, department, office), clients)


def _two_roles(world: World) -> Walker:
    """A supervisor who is liaison of a department as well: what accuses it is out of sight in either role."""
    account = person(world, "walker.both", "supervisor")
    with world.services["oversight"].identity.begin() as tx:
        grants.ask(tx, account, "liaison", {"department": "housing"}, accounts.SETUP)
    return _person(world, "supervisor, liaison of housing", account, "supervisor")


def _person(world: World, name: str, account: str, role: str) -> Walker:
    reference = entered(world, account, role)
    caller = sessions.caller(world.services["oversight"].identity, reference)
    assert caller is not None
    return Walker(name, caller, {service: browser(world, service, reference) for service in NAMES})


@pytest.fixture(scope="module")
def scene(shared_world: World) -> Scene:
    """Cases of every kind, in triage, with departments, overdue and named in notices."""
    shared_world.empty()
    shared_world.__dict__.pop("workers", None)
    shared_world.at(MONDAY)
    assert _register(shared_world) >= 200
    shared_world.settle()
    _decide(shared_world)
    shared_world.settle()
    shared_world.later(days=50)
    shared_world.tick()
    _publish(shared_world)
    _ask(shared_world)
    made = Scene(shared_world, list(_walkers(shared_world)))
    made.look()
    return made


# ------------------------------------------------------------------------------------------------ the walk

# How each route that names a row is called, and whose facts decide; `what` is one of the moves of a page.
ROWS = {"number": "grievances", "task_id": "tasks", "notice_id": "notices", "n": "requests"}
MOVE = {"views.decide": "refuse", "intake.decide": "refuse"}  # what is done at `what`, if not accept
NOTICES = 9  # of so many notices one is read by all: they are many, and alike
WAITING = ("/triage/<number>", "/triage/<number>/decision")
ANSWER = {"outcome": "solved", "facts": "属实", "opinion": "已办", "basis": "职责所在"}
BODIES: Mapping[str, dict[str, Any]] = {
    "/v1/triage/<number>/decision": {"json": {"lead": "no-such", "cooperating": [], "reason": "职责在此"}},
    "/triage/<number>": {"data": {"lead": "no-such", "reason": "职责在此"}},
    "/v1/grievances/<number>/petitioners": {"json": {"reason": "约定现场核实的时间"}},
    "/grievances/<number>/petitioners": {"data": {"reason": "约定现场核实的时间"}},
    "/v1/tasks/<task_id>/object": {"json": {"reason": "不属本单位职责。"}},
    "/v1/tasks/<task_id>/progress": {"json": {"note": "已到现场。"}},
    "/v1/tasks/<task_id>/explain": {"json": {"explanation": "由牵头单位统一办理。"}},
    "/v1/tasks/<task_id>/answer": {"json": ANSWER},
    "/v1/notices/<notice_id>/publication/confirm": {"json": {"seen": 99}},  # so that nothing is published
    "/v1/notices/<notice_id>/publication/refuse": {"json": {"reason": "情况不实。"}},
    "/v1/notices/<notice_id>/withdrawal": {"json": {"reason": "情况不实。"}},
    "/v1/notices/<notice_id>/withdrawal/confirm": {"json": {"seen": 99}},
    "/v1/notices/<notice_id>/withdrawal/refuse": {"json": {"reason": "情况属实。"}},
}
# Their rows are people and keys, not cases: tests/oversight/test_people walks them.
NO_CASES = ("/me", "/people", "/v1/track", "/track", "/sign", "/set-up")


def _routes(world: World) -> Iterator[tuple[str, Rule, tuple[str, ...]]]:
    """Each guarded route: its service, its rule, and the actions that let somebody in."""
    for service in NAMES:
        app = world.app(service)
        for rule in app.url_map.iter_rules():
            actions = getattr(app.view_functions[rule.endpoint], "actions", ())
            if actions or "/notices" in rule.rule:
                yield service, rule, NOTICE if "/notices" in rule.rule and _method(rule) == "GET" else actions


def _method(rule: Rule) -> str:
    return next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"}))


def test_every_route_that_names_a_row_is_walked(scene: Scene) -> None:
    for _, rule, _ in _routes(scene.world):
        if not rule.rule.startswith(NO_CASES):
            assert rule.arguments <= {*ROWS, "what", "move"}, f"{rule.rule}: say in ROWS whose facts decide"
            assert _method(rule) == "GET" or not rule.arguments or _body(rule) is not None, rule.rule


def _body(rule: Rule) -> dict[str, Any] | None:
    if rule.rule in BODIES:
        return BODIES[rule.rule]
    return {} if rule.rule.endswith(("/accept", "/<what>", "/<move>", "/publication")) else None


def _rows(scene: Scene, rule: Rule) -> Rows:
    if rule.rule.removeprefix("/v1") in WAITING:
        return scene.waiting
    [name] = rule.arguments & set(ROWS)
    rows: Rows = getattr(scene, ROWS[name])
    return rows if name != "notice_id" else dict(list(rows.items())[::NOTICES])


def _wrong(scene: Scene, walker: Walker, service: str, rule: Rule, actions: tuple[str, ...]) -> list[str]:
    """Where the answers of one route to one walker are not what the policy says."""
    method, body, wrong = _method(rule), _body(rule) or {}, []
    for id_, facts in _rows(scene, rule).items():
        expected = walker.expects(actions, facts)
        path = re.sub("<(int:)?(number|task_id|notice_id|n)>", id_, rule.rule)
        path = path.replace("<what>", MOVE.get(rule.endpoint, "accept")).replace("<move>", "propose")
        answer = walker.ask(service, method, path, **body)
        refused = answer.status_code in {401, 403, 404}
        if refused != bool(expected) or (refused and answer.status_code not in expected):
            wrong.append(f"{walker.name}: {method} {path}: {answer.status_code}, expected {expected or 'in'}")
        if expected == {404} and id_[:13] in answer.text.replace(path, ""):
            wrong.append(f"{walker.name}: {method} {path} tells of it")
        if not any(policy.allows(walker.caller, action) for action in actions):
            break  # refused for the role, whatever the case
    return wrong


@pytest.mark.timeout(900)
@pytest.mark.parametrize("reading", [True, False], ids=["reading", "acting"])
def test_each_route_lets_each_role_reach_exactly_the_cases_that_the_policy_says(
    scene: Scene,
    reading: bool,  # noqa: FBT001
) -> None:
    wrong = [
        flaw
        for service, rule, actions in _routes(scene.world)
        if rule.arguments & set(ROWS) and (_method(rule) == "GET") is reading
        for walker in scene.walkers
        for flaw in _wrong(scene, walker, service, rule, actions)
    ]
    assert not wrong, f"{len(wrong)}: {wrong[:20]}"


# ----------------------------------------------------------------------------------------- lists and counts

Listed = tuple[str, str, str, tuple[str, ...], str, Callable[[Any], str]]
NOTICE = ("notice.watch", "notice.read")
LISTS: list[Listed] = [
    ("intake", "/v1/grievances", "grievances", ("grievance.read",), "grievances", itemgetter("number")),
    ("routing", "/v1/triage", "waiting", ("triage.read",), "waiting", lambda row: row["case"]["number"]),
    ("routing", "/v1/ledger", "tasks", ("task.read",), "tasks", itemgetter("id")),
    ("oversight", "/v1/deadlines", "deadlines", ("deadline.read",), "deadlines", itemgetter("id")),
    ("oversight", "/v1/notices", "notices", NOTICE, "notices", itemgetter("id")),
]


@pytest.mark.parametrize("at", LISTS, ids=lambda at: at[1])
def test_a_list_and_its_count_hold_exactly_what_is_within_reach(scene: Scene, at: Listed) -> None:
    service, path, key, actions, rows, id_of = at
    scene.look()
    for walker in scene.walkers:
        known = getattr(scene, rows).items()
        expected = {id_ for id_, facts in known if not walker.expects(actions, facts)}
        first = walker.ask(service, "GET", path)
        if not any(policy.allows(walker.caller, action) for action in actions):
            assert first.status_code in {401, 403}, walker.name
            continue
        pages = range(1, first.json["total"] // 50 + 2)
        listed = [row for n in pages for row in walker.ask(service, "GET", f"{path}?page={n}").json[key]]
        assert (first.json["total"], {id_of(row) for row in listed}) == (len(expected), expected), walker.name


def test_a_search_by_phone_finds_exactly_what_is_within_reach(scene: Scene) -> None:
    """All were brought by one person; nobody finds accusations, nor what is about their own unit."""
    scene.look()
    for walker in scene.walkers:
        sought = {"phone": "19900000001"}
        first = walker.ask("intake", "POST", "/v1/grievances/search", json=sought)
        if not policy.allows(walker.caller, "petitioner.search"):
            assert first.status_code in {401, 403}, walker.name
            continue
        reached = walker.reaches
        within = {id_ for id_, facts in scene.grievances.items() if reached("petitioner.search", facts)}
        pages = [sought | {"page": n} for n in range(1, first.json["total"] // 50 + 2)]
        found = [walker.ask("intake", "POST", "/v1/grievances/search", json=page).json for page in pages]
        numbers = {row["number"] for page in found for row in page["grievances"]}
        assert (first.json["total"], numbers) == (len(within), within), walker.name


PAGES = (
    ("intake", "/grievances"),
    ("routing", "/triage"),
    ("routing", "/ledger"),
    ("oversight", "/deadlines"),
    ("oversight", "/dashboard"),
    ("oversight", "/v1/dashboard"),
)


def test_no_page_of_a_list_and_no_dashboard_names_a_case_out_of_reach(scene: Scene) -> None:
    scene.look()
    reading = ("grievance.read", "triage.read", "task.read", "deadline.read")
    for walker in scene.walkers:
        within = {
            id_[:13]
            for rows in (scene.grievances, scene.waiting, scene.tasks, scene.deadlines)
            for id_, facts in rows.items()
            if any(not walker.expects((a,), facts) for a in reading if set(_asked(a)) <= set(facts))
        }
        for service, path in PAGES:
            named = set(NUMBER.findall(walker.ask(service, "GET", path).text))
            assert named <= within, (walker.name, path, named - within)


def _asked(action: str) -> set[str]:
    """The fields that an action's rows ask for."""
    wanted = policy.ACTIONS[action]
    return {"accused", *(part.field for rows in wanted.rows.values() for part in rows.parts)}


def test_the_figures_of_the_dashboard_count_only_what_is_within_reach(scene: Scene) -> None:
    scene.look()
    for walker in scene.walkers:
        if policy.allows(walker.caller, "dashboard.read"):
            reach = policy.reach(walker.caller, "dashboard.read", DIRECTORY)
            counted = sum(reach.holds(facts) for facts in scene.grievances.values())
            found = walker.ask("oversight", "GET", "/v1/dashboard").json
            assert sum(office["batches"] for office in found["offices"]) == counted, walker.name
