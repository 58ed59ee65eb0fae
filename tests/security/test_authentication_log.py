"""Every attempt to come in is in the log: who, by what, with what success; and never a secret."""

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from shared import identity
from shared.identity import factors
from tests.identity.people import PASSWORD, person, second_factor
from tests.world import World

SITE = "https://localhost"
TYPED = "what somebody typed"  # pragma: allowlist secret


@pytest.fixture
def browser(world: World) -> FlaskClient:
    return world.app("oversight").test_client()


def _post(browser: FlaskClient, path: str, **data: str) -> list[dict[str, object]]:
    """What the log says of a form that is sent, but for the request itself."""
    with capture_logs() as logs:
        browser.post(path, base_url=SITE, data=data, headers={"Origin": SITE})
    return [dict(each) for each in logs if each["event"] != "request"]


def test_each_step_through_the_door_is_told(world: World, browser: FlaskClient) -> None:
    id_ = person(world, "lin", "supervisor")
    secret, _ = second_factor(world, id_)
    (began,) = _post(browser, "/sign-in", login="lin", password=PASSWORD)
    assert (began["event"], began["account"]) == ("session began", id_)
    shown, entered = _post(browser, "/sign-in/factor", code=factors.pyotp.TOTP(secret).now())
    assert (shown["event"], shown["session"]) == ("factor shown", began["session"])
    assert (entered["event"], entered["role"]) == ("role entered", "supervisor")
    (ended,) = _post(browser, "/sign-out")
    assert (ended["event"], ended["account"], ended["why"]) == ("session ended", id_, "signed out")


def test_each_refusal_is_told_without_what_was_typed(world: World, browser: FlaskClient) -> None:
    id_ = person(world, "lin", "supervisor")
    second_factor(world, id_)
    (unknown,) = _post(browser, "/sign-in", login="my whole password", password=TYPED)
    assert (unknown["event"], unknown["account"]) == ("password refused", None)
    (wrong,) = _post(browser, "/sign-in", login="lin", password=TYPED)
    assert (wrong["event"], wrong["account"], wrong["log_level"]) == ("password refused", id_, "warning")
    _post(browser, "/sign-in", login="lin", password=PASSWORD)
    (code,) = _post(browser, "/sign-in/factor", code="000000")
    assert (code["event"], code["account"]) == ("code refused", id_)
    assert not [each for each in (unknown, wrong, code) if "typed" in str(each) or "whole" in str(each)]


def test_a_door_that_is_shut_is_told(world: World, browser: FlaskClient) -> None:
    for _ in range(10):
        _post(browser, "/sign-in", login="lin", password=TYPED)
    (shut,) = _post(browser, "/sign-in", login="lin", password=TYPED)
    assert (shut["event"], shut["doors"]) == ("door shut", ["login", "address"])


def test_a_key_that_is_refused_is_told_by_its_id_alone(world: World) -> None:
    text = world.key("clerk")
    engine, key = world.services["oversight"].identity, text.split("_")[2]
    identity.revoke(engine, key)
    with capture_logs() as logs:
        assert identity.verify(engine, text) is None
        assert identity.verify(engine, "a secret of something else") is None
    assert [(each["event"], each["key"]) for each in logs] == [("key refused", key), ("key refused", "")]


def test_a_request_is_told_with_who_sent_it_and_a_refusal_too(world: World) -> None:
    client = world.client("routing", "department", "housing")
    key = world.key("department", "housing").split("_")[2]
    with capture_logs() as logs:
        client.get("/v1/ledger")
        client.get("/v1/triage")
        world.client("routing").get("/v1/ledger?of=a-secret")
    told = [(each["path"], each["status"], each["by"]) for each in logs if each["event"] == "request"]
    assert told == [("/v1/ledger", 200, key), ("/v1/triage", 403, key), ("/v1/ledger", 401, None)]
