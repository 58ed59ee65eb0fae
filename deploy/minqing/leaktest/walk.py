"""The walk over all addresses: every route that reads, as everyone; and nonsense to every route that acts.

The routes are the services' own URL maps. What stands in their gaps is what the databases hold at that time:
every case, task, notice and account; and what was never there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import product
from typing import Any

import httpx
from sqlalchemy import text
from werkzeug.routing import Map, Rule

from deploy.minqing import databases
from deploy.minqing.leaktest import doors
from deploy.minqing.leaktest.cases import ACCUSED, Planter
from deploy.minqing.leaktest.doors import HTML
from deploy.minqing.leaktest.ground import Ground
from deploy.minqing.leaktest.viewers import Viewer
from shared import service, web

READING = {"GET", "HEAD", "OPTIONS"}
OWN = {"/metrics", "/openapi.json"}  # places of their own in the findings
NEVER = ("2026-000001-0", "nothing-here", "'\"><script>1</script>")  # in a gap: no number, no id, no word
# What may stand in a gap: a query on a database, or words.
GAPS: Mapping[str, tuple[str, str] | tuple[str, ...]] = {
    "number": ("routing", "SELECT number FROM case_file ORDER BY number"),
    "task_id": ("routing", "SELECT number || '.' || department FROM task ORDER BY 1"),
    "notice_id": ("oversight", "SELECT max(id) FROM notice GROUP BY rung, published"),
    "account": ("identity", "SELECT id FROM account ORDER BY login LIMIT 3"),
    "session": ("identity", "SELECT id FROM session ORDER BY id LIMIT 1"),
    "grant": ("identity", "SELECT id FROM role_grant ORDER BY id LIMIT 1"),
    "key": ("identity", "SELECT id FROM access_key ORDER BY id LIMIT 1"),
    "what": ("accept", "progress", "answer", "approve"),
    "move": ("propose", "publish", "refuse"),
    "n": ("intake", "SELECT n FROM identity_view ORDER BY n LIMIT 2"),
    "filename": ("minqing.css",),
}

Gaps = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Walk:
    """The suite's addresses, and what may stand in their gaps."""

    ground: Ground
    maps: Mapping[str, Map]
    gaps: Gaps

    def read(self, viewer: Viewer) -> Iterator[httpx.Response]:
        """Everything that everyone could ask for without changing anything, asked for by `viewer`."""
        with httpx.Client(headers=viewer.headers, timeout=doors.TIMEOUT) as http:
            for url in self._addresses(self.gaps, "GET"):
                yield http.get(url, headers={} if "/v1/" in url else HTML)

    def bother(self, viewer: Viewer, planter: Planter) -> Iterator[httpx.Response]:
        """Every route that acts, given what it cannot use, with markers of somebody's identity in it."""
        person = planter.person("nonsense", "nonsense")
        one_each = {name: values[:1] for name, values in self.gaps.items()}
        with httpx.Client(headers=viewer.headers, timeout=doors.TIMEOUT) as http:
            for url in self._addresses(one_each, "POST", "PUT", "PATCH", "DELETE"):
                own = {"Origin": url[: url.index("/", len("http://"))]}  # else a door would not even look
                for sent in _nonsense(person):
                    yield http.post(url, **{**sent, "headers": own | sent.get("headers", {})})

    def _addresses(self, gaps: Gaps, *methods: str) -> Iterator[str]:
        for name, routes in self.maps.items():
            for rule in routes.iter_rules():
                if set(methods) & (rule.methods or set()):
                    yield from (
                        f"{self.ground.plan.urls[name]}{path}" for path in self._filled(rule, routes, gaps)
                    )

    def _filled(self, rule: Rule, routes: Map, gaps: Gaps) -> Iterator[str]:
        """A route's addresses. One without gaps may be a list: it is asked for its parts as well."""
        adapter, names = routes.bind(""), sorted(rule.arguments)
        for values in product(*(gaps.get(name, gaps["number"]) for name in names)):
            yield adapter.build(rule.endpoint, dict(zip(names, values, strict=True)))
        if not names and "GET" in (rule.methods or ()):
            yield from (f"{adapter.build(rule.endpoint)}?{query}" for query in self._queries())

    def _queries(self) -> Iterator[str]:
        yield f"department={ACCUSED}"
        yield f"number={self.gaps['number'][0]}"


def over(ground: Ground) -> Walk:
    """The walk over a suite as it stands."""
    gaps = {name: tuple(_in(ground, *of)) + NEVER[:1] for name, of in GAPS.items()}
    gaps["number"] += NEVER[1:]
    gaps["n"] = (*gaps["n"][:-1], "999999")  # its routes take numbers alone
    return Walk(ground, {name: _map(ground, name) for name in databases.SERVICES}, gaps)


def _in(ground: Ground, *of: str) -> Sequence[str]:
    urls = ground.plan.database_urls()
    if of[0] not in urls:
        return of
    with databases.opened(urls[of[0]]) as tx:
        return [str(value) for value in tx.execute(text(of[1])).scalars()]


def _map(ground: Ground, name: str) -> Map:
    """The URL map of a service, from an application that nobody calls."""
    given = service.start(name, ground.plan.environments[name])
    try:
        return web.create(given, import_module(f"services.{name}.api").BLUEPRINTS).url_map
    finally:
        given.engine.dispose()
        given.identity.dispose()


def _nonsense(person: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Bodies that no route can use: as JSON and as a form; each has a person's fields, wrongly."""
    broken = {
        **person,
        "phone": f"{person['phone']}-x-{person['phone']}",
        "id_number": person["id_number"][:-1],
    }
    broken |= {"name": person["name"] * 20}
    crowd = {"petitioners": [broken], "kind": person["name"], "office": "nowhere", "unknown": person}
    form = {f"petitioners.0.{name}": value for name, value in broken.items()}
    form |= {"login": person["name"], "code": person["phone"], "reason": "", "phone": person["address"]}
    yield {"json": crowd}
    yield {"json": {**person, "note": person, "reason": person, "facts": person}}
    yield {
        "content": f'{{"name": "{person["name"]}"'.encode(),
        "headers": {"Content-Type": "application/json"},
    }
    yield {"data": form, "headers": HTML}
