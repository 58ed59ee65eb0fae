"""What answers never do: speak to other sites, tell about the inside, serve what is no page."""

from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from tests.security.test_headers import answers, every_service
from tests.world import World

SECRET = "postgresql://intake@db: password authentication failed"  # pragma: allowlist secret


@every_service
def test_no_other_site_may_read_an_answer(world: World, name: str) -> None:
    client = world.client(name)
    client.environ_base["HTTP_ORIGIN"] = "https://elsewhere.example"
    said = list(answers(client, list(world.app(name).url_map.iter_rules())))
    assert len(said) > 20
    assert not [each.request.path for each in said if "Access-Control-Allow-Origin" in each.headers]


@every_service
def test_a_text_says_how_its_letters_are_written(world: World, name: str) -> None:
    """JSON is UTF-8 by its standard (RFC 8259) and has no such parameter."""
    told = {
        each.content_type
        for each in answers(world.client(name), list(world.app(name).url_map.iter_rules()))
        if each.data
    }
    assert told
    for kind in told:
        assert "json" in kind or "charset=utf-8" in kind, kind
    assert "charset=utf-8" in world.client(name).get("/static/seal.svg").content_type


@every_service
@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND"])
def test_a_method_that_nothing_needs_is_refused(world: World, name: str, method: str) -> None:
    assert world.client(name).open("/livez", method=method).status_code == 405


@every_service
@pytest.mark.parametrize(
    "path", ["/static/", "/static", "/static/../api.py", "/static/%2e%2e/api.py", "/.git/config"]
)
def test_nothing_but_the_files_of_the_pages_is_served(world: World, name: str, path: str) -> None:
    assert world.client(name).get(path).status_code == 404


def test_a_database_error_holds_no_value(world: World) -> None:
    with pytest.raises(DBAPIError) as raised:
        world.query("intake", "SELECT 1 / 0, CAST(:words AS text)", words="what a petitioner said")
    assert "1 / 0" in str(raised.value)
    assert "petitioner" not in str(raised.value)


def test_the_interface_says_what_its_own_kinds_of_numbers_look_like(world: World) -> None:
    described = world.client("intake").get("/openapi.json").json["components"]["schemas"]["Petitioner"]
    assert all("·" in described["properties"][name]["description"] for name in ("phone", "id_number"))


@every_service
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_failure_tells_nothing_of_the_inside(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, accept: str
) -> None:
    def broken() -> Any:
        raise RuntimeError(SECRET)

    broken.roles = None  # type: ignore[attr-defined]
    app = world.app(name)
    monkeypatch.setitem(app.view_functions, "health.livez", broken)
    assert not app.debug
    answer = world.client(name).get("/livez", headers={"Accept": accept})
    assert answer.status_code == 500
    assert not [word for word in (SECRET, "Traceback", "RuntimeError", ".py") if word in answer.text]
