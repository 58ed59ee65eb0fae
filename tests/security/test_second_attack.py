"""What a second attack found, on what was new then: each is an attempt that succeeded once."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from services.oversight import events
from shared.identity import accounts, grants
from shared.web import cookie
from tests.identity.people import entered, person
from tests.intake.people import PHONE, REASON, assigned, registered, signed_in
from tests.oversight.cases import after, hear, waiting
from tests.oversight.cases import assigned as case_assigned
from tests.oversight.cases import registered as case_registered
from tests.world import World


@pytest.mark.parametrize("kind", ["claim", "accusation"])
def test_a_retry_by_who_may_not_read_it_answers_the_number_that_was_given(world: World, kind: str) -> None:
    """A window that registers what is about its own unit: the retry gave a number that nobody has."""
    matter = {"kind": kind, "office": "housing", "unit": "housing", "role": "department", "of": "housing"}
    first = world.register(**matter)
    world.later(minutes=10)
    again = world.register(**matter)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json == first.json
    followed = world.client("intake").get(
        f"/v1/track/{again.json['number']}", headers={"Query-Code": again.json["query_code"]}
    )
    assert followed.status_code == 200


HUGE = "9" * 30


@pytest.mark.parametrize(
    "path", [f"/v1/views/{HUGE}/approve", f"/views/{HUGE}/refuse", "/v1/views/0/approve"]
)
def test_a_place_that_no_record_has_is_not_found(world: World, path: str) -> None:
    assert world.client("intake", "supervisor").post(path).status_code == 404


# ------------------------------------------------------------------------- who complains, and about whom


def _both(world: World, role: str, department: str, service: str = "intake") -> FlaskClient:
    """A browser of somebody who works in `role` and is liaison of a department as well."""
    account = person(world, f"{role}.{department}", role)
    with world.services["oversight"].identity.begin() as tx:
        grants.ask(tx, account, "liaison", {"department": department}, accounts.SETUP)
    browser = world.app(service).test_client()
    with world.app(service).test_request_context():
        browser.set_cookie(cookie.NAME, cookie.signed(entered(world, account, role)))
    browser.environ_base["HTTP_ORIGIN"] = "http://localhost"
    return browser


def _reveal(client: FlaskClient, number: str, **more: Any) -> Any:
    return client.post(f"/v1/grievances/{number}/petitioners", json=REASON | more)


def test_another_role_does_not_spare_the_unit_complained_about_the_second_person(world: World) -> None:
    number = assigned(world, "tax", unit="tax")
    assert _reveal(_both(world, "clerk", "housing"), number).status_code == 200
    assert _reveal(_both(world, "clerk", "tax"), number).status_code == 202


def test_an_office_of_the_township_complained_about_needs_the_second_person(world: World) -> None:
    own = {"role": "clerk", "of": "yunmen-station", "office": "yunmen-station", "unit": "yunmen-town"}
    number = registered(world, **own)["number"]
    assert _reveal(world.client("intake", "clerk", "yunmen-station"), number).status_code == 202
    assert _reveal(world.client("intake", "clerk"), number).status_code == 200


def test_nobody_of_the_unit_complained_about_is_its_second_person(world: World) -> None:
    number = assigned(world, "tax", unit="tax")
    n = _reveal(world.client("intake", "department", "tax"), number).json["request"]
    for role in ("supervisor", "clerk"):
        assert _both(world, role, "tax").post(f"/v1/views/{n}/approve").status_code == 404
    assert _both(world, "supervisor", "housing").post(f"/v1/views/{n}/approve").status_code == 200


def test_what_was_agreed_to_is_shown_for_the_reason_that_was_agreed_to(world: World) -> None:
    """It is the one that the petitioner reads."""
    number = registered(world, kind="accusation", unit="tax")["number"]
    asker = world.client("intake", "clerk")
    n = _reveal(asker, number).json["request"]
    assert world.client("intake", "supervisor").post(f"/v1/views/{n}/approve").status_code == 200
    assert _reveal(asker, number, reason="无可奉告").status_code == 202


def test_the_log_holds_no_end_of_the_record_that_was_never_kept(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """A field that cannot be opened undoes the line: its end, noted, would cry wolf ever after."""
    number = registered(world)["number"]
    [[name]] = world.query("intake", "SELECT name FROM petitioner WHERE position = 0")
    spoil = "UPDATE petitioner SET name = :to WHERE position = 0 RETURNING 1"
    world.query("intake", spoil, to="v1.00000000.AAAA")
    assert _reveal(world.client("intake", "clerk"), number).status_code == 500
    assert world.count("intake", "identity_view") == 0
    assert '"identity view"' not in capsys.readouterr().out
    world.query("intake", spoil, to=name)
    assert _reveal(world.client("intake", "clerk"), number).status_code == 200
    [[digest]] = world.query("intake", "SELECT digest FROM identity_view")
    assert f'"head":"1:{digest}"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("role", "of", "found"),
    [("clerk", None, {"about none", "about tax"}), ("clerk", "yunmen-station", {"about none"})],
)
def test_phone_numbers_cannot_be_tried_for_who_accuses_or_who_complains_about_ones_own_unit(
    world: World, role: str, of: str | None, found: set[str]
) -> None:
    office = of or "administrative-reception"
    matters: list[dict[str, Any]] = [
        {"summary": "about none"},
        {"summary": "accuses tax", "kind": "accusation", "unit": "tax"},
        {"summary": "about own", "unit": "yunmen-town" if of else "centre"},
    ]
    for n, matter in enumerate([*matters, *([] if of else [{"summary": "about tax", "unit": "tax"}])]):
        registered(world, str(n), role=role, of=of, office=office, **matter)
    client = world.client("intake", role, of)
    answer = client.post("/v1/grievances/search", json={"phone": PHONE}).json
    assert {each["summary"] for each in answer["grievances"]} == found
    assert answer["total"] == len(found)
    kept = world.query("intake", "SELECT found FROM identity_view WHERE what = 'searched'")
    assert [row.found for row in kept] == [len(found)]


@pytest.mark.parametrize("role", ["supervisor", "leader", "auditor"])
def test_rank_alone_finds_nobody_by_phone(world: World, role: str) -> None:
    registered(world)
    high = signed_in(world, "high", role)
    assert high.post("/v1/grievances/search", json={"phone": PHONE}).status_code == 403
    assert high.post("/grievances", data={"phone": PHONE}).status_code == 403
    assert 'name="phone"' not in high.get("/grievances", headers={"Accept": "text/html"}).text
    assert high.get("/v1/grievances").json["total"] == 1


# ----------------------------------------------------------------------------------------------- notices


def test_a_supervisor_decides_nothing_of_a_notice_that_names_their_own_unit(world: World) -> None:
    """They could refuse its publication alone, and it waited no more."""
    world.at(after(hours=1))
    hear(world, case_registered(), case_assigned(lead="tax"))
    world.at(after(days=60))
    events.on_tick(world.services["oversight"])
    id_ = waiting(world)[0]
    own, other = (_both(world, "supervisor", each, "oversight") for each in ("tax", "market"))
    reason = {"reason": "情况不实。"}
    assert own.post(f"/v1/notices/{id_}/publication/refuse", json=reason).status_code == 404
    assert own.post(f"/notices/{id_}/refuse", data={"refuse-reason": "情况不实。"}).status_code == 404
    pages = [each.get(f"/notices/{id_}", headers={"Accept": "text/html"}).text for each in (own, other)]
    assert [id_ in page for page in pages] == [True, True]
    assert ["/refuse" in page for page in pages] == [False, True]
    assert other.post(f"/v1/notices/{id_}/publication/refuse", json=reason).status_code == 200


# ------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    "unseen",
    [
        "\u200b" * 4,
        "\u200d\u200c\u200d\u200c",
        "\u3164" * 4,
        "\u2800" * 4,
        "看\u200b\u200b\u2060",
        "\U000e0041" * 4,
    ],
)
def test_a_reason_that_nobody_can_see_is_none(world: World, unseen: str) -> None:
    number = registered(world)["number"]
    answer = _reveal(world.client("intake", "clerk"), number, reason=unseen)
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "reason")


def test_nothing_that_is_written_turns_what_stands_around_it(world: World) -> None:
    number = registered(world, summary="\u202e水压\u202c不足\ufeff")["number"]
    assert world.client("intake", "clerk").get(f"/v1/grievances/{number}").json["summary"] == "水压不足"
    family = "一家👨\u200d👩\u200d👧"
    assert world.register("2", summary=family).status_code == 201
