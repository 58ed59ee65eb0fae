"""When too much waits, and when the disk is nearly full: who is refused, and what they are told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared import delivery, disk
from shared.disk import Space
from tests.intake.test_pages import FORM, browser, ids_linked
from tests.world import World, grievance


@pytest.fixture
def crowded(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """An intake that has as many events waiting as it may have."""
    monkeypatch.setattr(delivery, "MOST_BACKLOG", 2)
    assert world.register("first").status_code == 201
    return world


def post(world: World, key: str = "k", **headers: str) -> Any:
    client = world.client("intake", "clerk")
    return client.post("/v1/grievances", json=grievance(), headers={"Idempotency-Key": key, **headers})


@pytest.mark.parametrize("priority", ["u=7", "i, u=7"])
def test_a_bulk_transfer_waits_while_too_much_is_unconfirmed(crowded: World, priority: str) -> None:
    refused = post(crowded, Priority=priority)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "10")
    assert refused.content_type == "application/problem+json"
    assert (refused.json["title"], refused.json["title_en"]) == (
        "积压较多，批量登记请稍候",
        "Too much is waiting; bulk registration pauses",
    )
    assert crowded.count("intake", "grievance") == 1


def test_a_bulk_transfer_goes_on_as_soon_as_something_was_confirmed(crowded: World) -> None:
    crowded.query("intake", "UPDATE outbox SET state = 'confirmed' WHERE dest = 'routing' RETURNING 1")
    assert post(crowded, Priority="u=7").status_code == 201


@pytest.mark.parametrize("headers", [{}, {"Priority": "u=3"}, {"Priority": "\x7f,,u"}, {"Priority": "u=77"}])
def test_a_single_grievance_is_never_refused_for_what_waits(crowded: World, headers: dict[str, str]) -> None:
    assert post(crowded, **headers).status_code == 201
    assert browser(crowded, "clerk").post("/register", data=FORM).status_code == 201


@pytest.fixture
def short(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """An intake whose disk has reached its reserve."""
    monkeypatch.setitem(vars(world.services["intake"].settings), "disk", tmp_path)
    monkeypatch.setattr(disk, "space", lambda _: Space(999_999_999, 10_000_000_000))
    return world


@pytest.fixture
def full(world: World) -> Iterator[World]:
    """An intake whose database answers that its disk is full."""
    raising = "BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END"
    with world.services["intake"].transaction() as tx:
        tx.exec_driver_sql(f"CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS '{_quoted(raising)}'")
        tx.exec_driver_sql("CREATE TRIGGER fill BEFORE INSERT ON outbox EXECUTE FUNCTION fill()")
    yield world
    with world.services["intake"].transaction() as tx:
        tx.exec_driver_sql("DROP FUNCTION fill CASCADE")


def _quoted(body: str) -> str:
    return body.replace("'", "''")


@pytest.mark.parametrize("state", ["short", "full"])
def test_without_room_nothing_is_registered_and_no_number_given(
    state: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(state)
    refused = post(world)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "60")
    assert refused.json["detail_en"].endswith("nothing was registered, and there is no number")
    assert "number" not in refused.json
    assert (world.count("intake", "grievance"), world.count("intake", "idempotent_request")) == (0, 0)


@pytest.mark.parametrize("state", ["short", "full"])
def test_without_room_the_page_keeps_what_was_typed_and_says_so(
    state: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(state)
    answer = browser(world, "clerk").post("/register", data=FORM)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert ids_linked(answer.text) == {"submit"}
    assert "本次没有登记，也没有产生编号" in answer.text and "都还在本页" in answer.text
    assert FORM["text"] in answer.text and "何桂兰" in answer.text
    assert f'value="{FORM["key"]}"' in answer.text
    assert world.count("intake", "grievance") == 0


def test_with_room_again_the_same_request_is_registered(
    short: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert post(short).status_code == 503
    monkeypatch.setattr(disk, "space", lambda _: Space(2_000_000_000, 10_000_000_000))
    assert post(short).status_code == 201


def test_the_description_of_the_api_says_when_to_come_again(world: World) -> None:
    described = world.client("intake").get("/openapi.json").json
    answers = described["paths"]["/v1/grievances"]["post"]["responses"]
    for status in ("429", "503"):
        assert "Retry-After" in answers[status]["headers"]
