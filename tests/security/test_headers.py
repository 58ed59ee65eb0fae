"""Every answer of every service carries the headers that keep browsers from doing too much (S7)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from shared import policy, problems, web
from shared.identity.model import Caller
from tests.world import NAMES, World

EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
DIRECTIVES = {
    "default-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "form-action 'self'",
}
WHO = (None, "clerk", "department", "supervisor")
BODY = {"json": {"not": "wanted"}}
HTML = {"Accept": "text/html"}

every_service = pytest.mark.parametrize("name", NAMES)


def missing(answer: TestResponse) -> list[str]:
    """What an answer should say and does not."""
    said = answer.headers
    lacking = [name for name, value in EXPECTED.items() if said.get(name) != value]
    policy = {each.strip() for each in said.get("Content-Security-Policy", "").split(";")}
    lacking += [each for each in DIRECTIVES if each not in policy]
    lacking += [each for each in policy if "unsafe" in each or "*" in each]
    if answer.request.path.startswith("/static/") and answer.status_code == 200:
        kept = "public, max-age=300"
    else:
        kept = "no-store"
    return lacking if said.get("Cache-Control") == kept else [*lacking, "Cache-Control"]


def paths(rule: Rule) -> str:
    """An address that a rule answers, with something that is not there in each gap."""
    if rule.endpoint == "shared.static":
        return "/static/minqing.css"
    given: dict[str, Any] = dict.fromkeys(rule.arguments, "1")
    given |= {name: 1 for name, kind in rule._converters.items() if kind.__class__.__name__.startswith("Int")}
    built = rule.build(given)
    assert built is not None, rule
    return str(built[1])


def answers(client: FlaskClient, rules: list[Rule]) -> Iterator[TestResponse]:
    """What every route answers, to a program and to a browser."""
    for rule in rules:
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            for headers in ({}, HTML):
                body = BODY if method in ("POST", "PUT", "PATCH") else {}
                yield client.open(paths(rule), method=method, headers=headers, **body)


@every_service
@pytest.mark.parametrize("role", WHO)
def test_every_route_says_all_of_them(world: World, name: str, role: str | None) -> None:
    of = "housing" if role == "department" else None
    client = world.client(name, role, of)
    app = world.app(name)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    got = list(answers(client, list(app.url_map.iter_rules())))
    assert len(got) > 20
    lacking = {(each.request.method, each.request.path, each.status_code): missing(each) for each in got}
    assert {where: what for where, what in lacking.items() if what} == {}


TAKES = {  # where a caller may send something, and who
    "intake": ("clerk", None, "/v1/grievances"),
    "routing": ("department", "housing", "/v1/tasks/2026-000001-7.housing/progress"),
    "oversight": (None, None, "/sign-in"),
}


def _too_large(world: World, name: str, headers: dict[str, str]) -> TestResponse:
    role, of, path = TAKES[name]
    body = "x" * (web.LIMIT + 1) if role is None else json.dumps({"text": "x" * web.LIMIT})
    kind = "application/json" if role else "application/x-www-form-urlencoded"
    sent = headers | {"Content-Type": kind, "Origin": "http://localhost"}
    return world.client(name, role, of).post(path, data=body, headers=sent)


@every_service
@pytest.mark.parametrize("headers", [{}, HTML], ids=["program", "browser"])
def test_every_kind_of_error_says_all_of_them(world: World, name: str, headers: dict[str, str]) -> None:
    app = world.app(name)
    guarded, other = next(
        (rule, role)
        for rule in app.url_map.iter_rules()
        for role in ("department", "clerk", "supervisor")
        if (actions := getattr(app.view_functions[rule.endpoint], "actions", ()))
        and not any(policy.allows(Caller("k", role, None, None), action) for action in actions)
    )
    method = "GET" if "GET" in (guarded.methods or ()) else "POST"
    stranger = world.client(name)
    refused = world.client(name, other, "housing" if other == "department" else None)
    got = [
        stranger.post("/sign-in", data=b"\xff" * 10, headers={"Content-Type": "application/json", **headers}),
        stranger.open(paths(guarded), method=method, headers=headers),
        refused.open(paths(guarded), method=method, headers=headers),
        stranger.get("/nothing-here", headers=headers),
        stranger.delete("/livez", headers=headers),
        _too_large(world, name, headers),
    ]
    assert {403, 404, 405, 413} <= {each.status_code for each in got}
    assert [missing(each) for each in got] == [[]] * len(got)


@every_service
@pytest.mark.parametrize("error", [*problems.Problem.__subclasses__(), RuntimeError])
def test_a_refusal_and_a_failure_say_all_of_them(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, error: type[Exception]
) -> None:
    def broken() -> str:
        raise error

    broken.roles = None  # type: ignore[attr-defined]
    monkeypatch.setitem(world.app(name).view_functions, "health.livez", broken)
    for headers in ({}, HTML):
        answer = world.client(name).get("/livez", headers=headers)
        assert answer.status_code in (getattr(error, "status", 500), 303)
        assert missing(answer) == []


@every_service
def test_only_over_https_it_is_said_that_https_is_wanted(world: World, name: str) -> None:
    client = world.client(name)
    assert "Strict-Transport-Security" not in client.get("/livez").headers
    secure = client.get("/livez", base_url="https://county.example")
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_a_page_needs_no_exception_from_the_policy(world: World) -> None:
    """No inline script or style anywhere: 'self' is enough, and there is no nonce to keep."""
    client = world.client("intake", "clerk")
    for path in ("/", "/sign-in", "/track", "/register", "/grievances"):
        page = client.get(path, headers=HTML).text
        assert not any(inline in page for inline in ("<style", " style=", " onclick=", "javascript:")), path
        assert all("src=" in tag for tag in page.split("<script")[1:]), path
