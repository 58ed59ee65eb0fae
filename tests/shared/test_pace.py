"""How fast one caller may ask in general."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from services.intake import api
from shared import web
from shared.web import cookie, pace
from shared.web.pace import MOST, Pace
from tests.identity.people import entered, person
from tests.world import World, grievance

HERE, NEIGHBOUR = {"REMOTE_ADDR": "192.0.2.1"}, {"REMOTE_ADDR": "192.0.2.2"}
RATE, KEY_RATE = 3, 5


def _admitted(kept: Pace, who: str, asked: int, now: float, rate: int = 600) -> int:
    return sum(kept.admits(who, rate, now) for _ in range(asked))


@pytest.mark.parametrize("rate", [60, 600, 6000, 7776])
def test_a_minutes_worth_may_come_at_once_and_as_much_in_every_minute_after(rate: int) -> None:
    kept = Pace()
    assert _admitted(kept, "a", 2 * rate, now=1000.0, rate=rate) == rate
    assert _admitted(kept, "a", 2 * rate, now=1030.0, rate=rate) == rate // 2
    assert _admitted(kept, "a", 2 * rate, now=9999.0, rate=rate) == rate


def test_what_is_refused_does_not_count_so_that_a_second_is_enough_to_wait() -> None:
    kept = Pace()
    _admitted(kept, "a", 10_000, now=0.0, rate=60)
    assert [kept.admits("a", 60, now) for now in (1.0, 1.1, 2.0)] == [True, False, True]


def test_one_caller_takes_nothing_from_another() -> None:
    kept = Pace()
    _admitted(kept, "a", 10_000, now=0.0)
    assert kept.admits("b", 600, 0.0)


def test_a_crowd_of_addresses_does_not_fill_the_memory_and_the_busy_are_kept() -> None:
    kept = Pace()
    _admitted(kept, "busy", 600, now=0.0)
    for n in range(MOST + 10):
        kept.admits(f"address:{n}", 600, 0.0)
        if n % 1000 == 0:
            assert not kept.admits("busy", 600, 0.0)
    assert len(kept._due) == MOST


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steady clock stands still, so that how fast a test runs decides nothing."""
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: 0.0))


@pytest.fixture
def hurried(world: World, stopped: None) -> Iterator[Any]:
    """Intake, where three requests a minute are allowed, and five with a key."""
    service = world.services["intake"]
    settings = replace(service.settings, rate=RATE, key_rate=KEY_RATE)
    app = web.create(replace(service, settings=settings), api.BLUEPRINTS)
    yield app
    app.extensions["minqing"].engine.dispose()


def _statuses(client: FlaskClient, path: str, times: int, **given: Any) -> list[int]:
    return [client.get(path, **given).status_code for _ in range(times)]


def test_who_does_not_say_who_they_are_is_counted_by_address(hurried: Any) -> None:
    client = hurried.test_client()
    assert _statuses(client, "/track", 4, environ_base=HERE) == [200] * 3 + [429]
    assert _statuses(client, "/track", 1, environ_base=NEIGHBOUR) == [200]
    household = [{"REMOTE_ADDR": f"2001:db8::{n}"} for n in range(4)]
    assert [client.get("/", environ_base=each).status_code for each in household][-1] == 429


def test_a_false_key_or_session_is_worth_no_count_of_its_own(hurried: Any) -> None:
    client = hurried.test_client()
    for n in range(3):
        client.get("/track", headers={"Authorization": f"Bearer mq_live_{n}"})
    client.set_cookie("minqing_session", "forged")
    assert _statuses(client, "/track", 1) == [429]


def test_a_key_has_a_count_of_its_own_wherever_it_is_used_from(world: World, hurried: Any) -> None:
    def ask(key: str, address: dict[str, str]) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return int(
            hurried.test_client().get("/v1/grievances", headers=headers, environ_base=address).status_code
        )

    mine, other = world.key("clerk"), world.key("clerk", "hotline")
    assert [ask(mine, address) for address in (HERE, HERE, HERE, NEIGHBOUR, NEIGHBOUR)] == [200] * 5
    assert [ask(mine, HERE), ask(mine, NEIGHBOUR), ask(other, HERE)] == [429, 429, 200]


def test_an_account_is_one_caller_in_all_its_sessions_and_its_office_is_not_held_up(
    world: World, hurried: Any
) -> None:
    lin, wang = person(world, "lin", "clerk"), person(world, "wang", "clerk")

    def window(account: str) -> FlaskClient:
        made: FlaskClient = hurried.test_client()
        with hurried.test_request_context():
            session = cookie.signed(entered(world, account, "clerk"))
        made.set_cookie(f"__Host-{cookie.NAME}", session, secure=True)
        return made

    at = {"base_url": "https://localhost", "environ_base": HERE}
    first, second = window(lin), window(lin)
    assert _statuses(first, "/register", 2, **at) == [200] * 2
    assert _statuses(second, "/register", 2, **at) == [200, 429]
    assert _statuses(window(wang), "/register", 1, **at) == [200]
    assert _statuses(hurried.test_client(), "/track", 1, **at) == [200]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/static/minqing.css"])
def test_health_figures_and_the_files_of_pages_are_free(hurried: Any, path: str) -> None:
    assert _statuses(hurried.test_client(), path, 5) == [200] * 5


def test_an_address_that_leads_nowhere_counts_as_well(hurried: Any) -> None:
    assert _statuses(hurried.test_client(), "/nowhere", 4) == [404] * 3 + [429]


@pytest.fixture
def out_of_breath(world: World, hurried: Any) -> Callable[..., Any]:
    """Sends a form or a document of a clerk whose pace is used up."""
    client = hurried.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {world.key('clerk')}"
    _statuses(client, "/v1/grievances", KEY_RATE)
    return client.post  # type: ignore[no-any-return]


def test_a_program_is_told_in_both_languages_that_nothing_was_done_and_when_to_come_back(
    world: World, out_of_breath: Callable[..., Any]
) -> None:
    answer = out_of_breath("/v1/grievances", json=grievance(), headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.content_type) == (429, "application/problem+json")
    assert answer.headers["Retry-After"] == "1"
    assert answer.json["type"] == "urn:minqing:problem:too-fast"
    assert "没有处理" in answer.json["detail"]
    assert "not handled" in answer.json["detail_en"]
    assert world.count("intake", "grievance") == 0


@pytest.mark.parametrize(
    ("language", "kept", "do"),
    [("zh", "没有保存", "刷新本页"), ("en", "Nothing you sent this time was kept", "reload this page")],
)
def test_a_person_is_told_what_became_of_what_was_typed(
    out_of_breath: Callable[..., Any], language: str, kept: str, do: str
) -> None:
    answer = out_of_breath("/register", data={}, headers={"Accept": "text/html", "Accept-Language": language})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert kept in answer.text
    assert do in answer.text
