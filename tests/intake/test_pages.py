"""Intake's pages, as a browser without JavaScript uses them."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from shared import numbers
from tests.intake.people import signed_in
from tests.world import World

FORM = {
    "key": "a key made when the form was rendered",
    "kind": "claim",
    "office": "administrative-reception",
    "channel": "visit",
    "urgency": "",
    "category": "",
    "place": "",
    "unit": "",
    "received_at": "",
    "summary": "小区二次供水水压不足",
    "text": "六楼以上早晚高峰没有水。",
    "petitioners.0.name": "何桂兰",
    "petitioners.0.phone": "199 0000 0001",
    "petitioners.0.id_number": "",
    "petitioners.0.address": "",
}


def person(n: int, name: str, **more: str) -> dict[str, str]:
    return {f"petitioners.{n}.{part}": words for part, words in ({"name": name} | more).items()}


@pytest.fixture
def clerk(world: World) -> FlaskClient:
    return browser(world, "clerk")


def browser(world: World, role: str | None = None, of: str | None = None) -> FlaskClient:
    client = world.client("intake", role, of)
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


def ids_linked(page: str) -> set[str]:
    """The fields that the error summary leads to; each must be there."""
    summary = re.search(r'role="alert".*?</div>', page, re.DOTALL)
    links = set(re.findall(r'href="#([^"]+)"', summary[0] if summary else ""))
    assert all(f'id="{each}"' in page for each in links)
    return links


def receipt(page: str) -> tuple[str, str]:
    number, code = re.findall(r'<span class="code">([^<]+)</span>', page)
    return number, code


def test_what_a_clerk_registers_gets_a_receipt_that_opens_its_tracking(clerk: FlaskClient) -> None:
    answer = clerk.post("/register", data=FORM)
    assert answer.status_code == 201
    number, code = receipt(answer.text)
    seen = clerk.post("/track", data={"number": number, "code": code.lower()})
    assert seen.status_code == 200
    assert FORM["summary"] in seen.text
    assert "何桂兰" not in seen.text


def test_a_form_that_is_sent_twice_registers_once(world: World, clerk: FlaskClient) -> None:
    first, second = clerk.post("/register", data=FORM), clerk.post("/register", data=FORM)
    assert receipt(first.text) == receipt(second.text)
    assert world.count("intake", "grievance") == 1


def test_each_form_brings_a_key_of_its_own(clerk: FlaskClient) -> None:
    keys = {re.findall(r'name="key" value="([^"]+)"', clerk.get("/register").text)[0] for _ in range(2)}
    assert len(keys) == 2


def test_a_key_that_was_used_for_something_else_registers_nothing(world: World, clerk: FlaskClient) -> None:
    clerk.post("/register", data=FORM)
    again = clerk.post("/register", data=FORM | {"summary": "另一件事"})
    assert again.status_code == 422
    assert world.count("intake", "grievance") == 1
    assert "另一件事" in again.text
    assert ids_linked(again.text) == {"submit"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": ""}, "kind"),
        ({"summary": "  "}, "summary"),
        ({"office": ""}, "office"),
        ({"office": "nowhere"}, "office"),
        ({"urgency": "urgent"}, "urgency"),
        ({"received_at": "2999-01-01T09:00"}, "received_at"),
        ({"received_at": "yesterday"}, "received_at"),
        ({"petitioners.0.name": "", "petitioners.0.phone": ""}, "petitioners.0.name"),
        ({"petitioners.0.phone": "12"}, "petitioners.0.phone"),
        ({"petitioners.0.id_number": "110105194912310021"}, "petitioners.0.id_number"),
        ({key: words for n in range(6) for key, words in person(n, f"人{n}").items()}, "petitioners"),
    ],
)
def test_what_is_wrong_is_linked_and_nothing_typed_is_lost(
    world: World, clerk: FlaskClient, changes: dict[str, Any], field: str
) -> None:
    answer = clerk.post("/register", data=FORM | changes)
    assert answer.status_code == 422
    assert ids_linked(answer.text) == {field}
    assert FORM["text"] in answer.text
    assert f'value="{FORM["key"]}"' in answer.text
    assert world.count("intake", "grievance") == 0


def test_petitioners_are_added_and_removed_without_losing_what_was_typed(clerk: FlaskClient) -> None:
    more = clerk.post("/register/people", data=FORM | {"add": "1"}).text
    assert 'id="petitioners.1.name"' in more and "何桂兰" in more and FORM["text"] in more
    both = FORM | person(1, "赵二", representative="true")
    less = clerk.post("/register/people", data=both | {"drop": "0"}).text
    assert 'id="petitioners.1.name"' not in less and "何桂兰" not in less and "赵二" in less


def test_several_petitioners_are_one_grievance(world: World, clerk: FlaskClient) -> None:
    group = {key: words for n in range(6) for key, words in person(n, f"人{n}").items()}
    answer = clerk.post("/register", data=FORM | group | {"petitioners.2.representative": "true"})
    assert answer.status_code == 201
    assert world.query("intake", "SELECT petitioners FROM grievance")[0][0] == 6


def test_a_time_of_receipt_is_beijing_time(world: World, clerk: FlaskClient) -> None:
    assert clerk.post("/register", data=FORM | {"received_at": "2026-03-01T09:30"}).status_code == 201
    kept = world.query("intake", "SELECT received_at AT TIME ZONE 'UTC' FROM grievance")[0][0]
    assert f"{kept:%Y-%m-%d %H:%M}" == "2026-03-01 01:30"


def offered(page: str) -> dict[str, bool]:
    """The offices that a form offers, and whether each is chosen already."""
    chosen = re.search(r'<select id="office".*?</select>', page, re.DOTALL)
    options = re.findall(r'<option value="([^"]+)"( selected)?>', chosen[0] if chosen else "")
    return {office: bool(selected) for office, selected in options}


@pytest.mark.parametrize(
    ("role", "scope", "some"),
    [
        ("clerk", {}, "hotline"),
        ("clerk", {"office": "legal-aid"}, "legal-aid"),
        ("agent", {"station": "dongmen"}, "dongmen-proxy"),
        ("liaison", {"department": "housing"}, "housing"),
    ],
)
def test_the_form_offers_exactly_the_offices_that_are_taken(
    world: World, role: str, scope: dict[str, str], some: str
) -> None:
    someone = signed_in(world, "someone", role, **scope)
    offices = offered(someone.get("/register").text)
    assert some in offices
    assert list(offices.values()) == ([True] if scope else [False] * len(offices))
    for n, office in enumerate(world.services["intake"].county.offices):
        given = FORM | {"key": f"the key of form {n}", "office": office}
        assert someone.post("/register", data=given).status_code == (201 if office in offices else 403)


def test_a_form_of_another_office_is_refused_at_its_field_and_nothing_typed_is_lost(world: World) -> None:
    agent = signed_in(world, "agent", "agent", station="dongmen")
    answer = agent.post("/register", data=FORM | {"office": "hotline"})
    assert answer.status_code == 403
    assert ids_linked(answer.text) == {"office"}
    assert all(FORM[name] in answer.text for name in ("key", "summary", "text", "petitioners.0.name"))
    assert world.count("intake", "grievance") == 0


def test_a_wrong_code_and_an_unknown_number_look_the_same(clerk: FlaskClient) -> None:
    number, _ = receipt(clerk.post("/register", data=FORM).text)
    wrong = clerk.post("/track", data={"number": number, "code": "AAAA-AAAA"})
    other = numbers.make(2026, 999)
    unknown = clerk.post("/track", data={"number": other, "code": "AAAA-AAAA"})
    assert wrong.status_code == unknown.status_code == 404
    assert ids_linked(wrong.text) == ids_linked(unknown.text) == {"code"}
    assert wrong.text.replace(number, other) == unknown.text


def test_a_number_with_a_wrong_digit_is_said_to_be_mistyped(world: World) -> None:
    answer = browser(world).post("/track", data={"number": "2026-000001-1", "code": "AAAA-AAAA"})
    assert answer.status_code == 400
    assert ids_linked(answer.text) == {"number"}


def test_a_petitioner_reads_who_is_responsible_what_is_due_and_the_answer(world: World) -> None:
    taken = world.register().json
    world.settle()
    written = {
        "outcome": "solved",
        "facts": "水泵已更换。",
        "opinion": "已恢复供水。",
        "basis": "《条例》第三条",
    }
    # The lead answers after those who cooperate.
    for row in world.query("routing", "SELECT department FROM task ORDER BY role"):
        lead = row.department
        department = world.client("routing", "department", lead)
        for act, body in (("accept", None), ("answer", written)):
            done = department.post(f"/v1/tasks/{taken['number']}.{lead}/{act}", json=body)
            assert done.status_code == 200, done.text
    world.settle()
    page = browser(world).post("/track", data={"number": taken["number"], "code": taken["query_code"]}).text
    name = world.services["intake"].county.departments[lead].name.zh
    assert all(words in page for words in (name, "水泵已更换。", "《条例》第三条", "已解决", "受理告知"))


def test_an_accused_department_finds_nothing_of_it_in_its_list(world: World) -> None:
    number = world.register(role="department", of="housing", office="housing", unit="housing").json["number"]
    accused = browser(world, "department", "housing")
    assert number not in accused.get("/grievances").text
    assert accused.get(f"/grievances/{number}").status_code == 404
    assert number in browser(world, "supervisor").get("/grievances").text


def test_grievances_of_one_person_are_found_by_phone_which_no_address_shows(
    world: World, clerk: FlaskClient
) -> None:
    first = world.register("1", petitioners=[{"name": "甲", "phone": "19900000007"}]).json["number"]
    second = world.register("2", petitioners=[{"name": "乙", "phone": "19900000008"}]).json["number"]
    found = clerk.post("/grievances", data={"phone": "199 0000 0007"})
    assert first in found.text and second not in found.text
    assert ids_linked(clerk.post("/grievances", data={"phone": "1"}).text) == {"phone"}


@pytest.mark.parametrize("path", ["/register", "/grievances", "/grievances/2026-000001-7"])
def test_a_page_for_staff_asks_a_stranger_to_sign_in(world: World, path: str) -> None:
    answer = browser(world).get(path)
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"/sign-in?{urlencode({'next': f'intake:{path}'})}",
    )


def test_a_supervisor_cannot_register(world: World) -> None:
    assert browser(world, "supervisor").get("/register").status_code == 403
