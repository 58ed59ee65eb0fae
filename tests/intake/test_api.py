"""Intake's HTTP door, on real PostgreSQL."""

import pytest

from services.intake import actions
from services.intake.schemas import NewGrievance
from shared import numbers
from shared.identity.model import Caller
from tests.world import World, grievance


def test_a_registered_grievance_gets_a_number_and_a_query_code(world: World) -> None:
    answer = world.register()
    assert answer.status_code == 201, answer.text
    assert answer.json["number"].startswith("2026-000001-")
    assert len(answer.json["query_code"]) == 9


def test_the_event_is_kept_in_the_same_transaction_for_each_reader(world: World) -> None:
    number = world.register().json["number"]
    rows = world.query("intake", "SELECT dest, subject, sequence, state FROM outbox ORDER BY dest")
    assert [tuple(row) for row in rows] == [
        ("oversight", number, 1, "pending"),
        ("routing", number, 1, "pending"),
    ]


def test_no_petitioner_is_in_the_event_or_readable_in_the_database(world: World) -> None:
    world.register(petitioners=[{"name": "标记人名甲", "phone": "19900001234", "address": "标记巷九号"}])
    for table in ("outbox", "petitioner", "grievance", "idempotent_request"):
        dump = str(world.query("intake", f"SELECT t::text FROM {table} t"))
        assert not any(mark in dump for mark in ("标记人名甲", "19900001234", "标记巷九号")), table


def test_the_same_key_and_body_gets_the_same_number_and_one_grievance(world: World) -> None:
    first, second = world.register("same"), world.register("same")
    assert (second.status_code, second.json) == (201, first.json)
    assert world.count("intake", "grievance") == 1
    assert world.count("intake", "outbox") == 2


def test_the_same_key_with_another_body_is_refused(world: World) -> None:
    world.register("same")
    answer = world.register("same", summary="另一件事")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "Idempotency-Key"


def test_a_missing_key_is_refused(world: World) -> None:
    answer = world.client("intake", "clerk").post("/v1/grievances", json=grievance())
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "rumour"}, "kind"),
        ({"extra": 1}, "extra"),
        ({"text": "坏\x00字"}, "text"),
        ({"text": "长" * 10_001}, "text"),
        ({"summary": "   "}, "summary"),
        ({"summary": 7}, "summary"),
        ({"office": "nowhere"}, "office"),
        ({"unit": "nobody"}, "unit"),
        ({"place": "atlantis"}, "place"),
        ({"category": "none-such"}, "category"),
        ({"urgency": "urgent"}, "urgency"),
        ({"petitioners": []}, "petitioners"),
        ({"petitioners": [{"name": "甲", "phone": "12"}]}, "petitioners.0.phone"),
        ({"petitioners": [{"name": "甲", "id_number": "110105194912310021"}]}, "petitioners.0.id_number"),
        ({"petitioners": [{"name": f"人{n}", "representative": True} for n in range(6)]}, "petitioners"),
        ({"petitioners": [{"name": f"人{n}"} for n in range(6)]}, "petitioners"),
        ({"received_at": "2026-03-01T09:30:00"}, "received_at"),
        ({"received_at": "2999-03-01T09:30:00+08:00"}, "received_at"),
    ],
)
def test_what_is_wrong_is_named_field_by_field(world: World, changes: dict, field: str) -> None:
    answer = world.register(**changes)
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json["errors"]]
    assert all(error["reason"] and error["reason_en"] for error in answer.json["errors"])
    assert world.count("intake", "grievance") == 0


@pytest.mark.parametrize("body", ["{", "", "[]", '"text"', "null"])
def test_what_is_no_json_object_is_refused(world: World, body: str) -> None:
    client = world.client("intake", "clerk")
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = client.post("/v1/grievances", data=body, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert answer.content_type == "application/problem+json"


def test_nobody_registers_without_a_key(world: World) -> None:
    headers = {"Idempotency-Key": "k"}
    answer = world.client("intake").post("/v1/grievances", json=grievance(), headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_department_registers_only_at_its_own_window(world: World) -> None:
    assert world.register(role="department", of="housing", office="housing").status_code == 201
    assert world.register("2", role="department", of="housing", office="hotline").status_code == 403


def test_a_department_cannot_see_a_case_that_complains_about_it(world: World) -> None:
    number = world.register(role="department", of="housing", office="housing", unit="housing").json["number"]
    client = world.client("intake", "department", "housing")
    assert client.get(f"/v1/grievances/{number}").status_code == 404
    assert client.get("/v1/grievances").json["total"] == 0
    assert world.client("intake", "supervisor").get(f"/v1/grievances/{number}").status_code == 200


def test_a_clerk_of_one_office_does_not_see_those_of_another(world: World) -> None:
    number = world.register(office="legal-aid").json["number"]
    assert world.client("intake", "clerk", "hotline").get(f"/v1/grievances/{number}").status_code == 404
    assert world.client("intake", "clerk", "legal-aid").get(f"/v1/grievances/{number}").status_code == 200


def test_a_number_with_a_wrong_check_digit_is_told_apart_from_an_unknown_one(world: World) -> None:
    client = world.client("intake", "supervisor")
    number = world.register().json["number"]
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert client.get(f"/v1/grievances/{wrong}").status_code == 400
    spaced = number.replace("-", " ").translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    assert client.get(f"/v1/grievances/{spaced}").json["number"] == number


def test_those_of_one_person_are_found_by_any_spelling_of_the_phone(world: World) -> None:
    world.register("1", petitioners=[{"name": "甲", "phone": "+86 199-0000-0007"}])
    world.register("2", petitioners=[{"name": "乙", "phone": "19900000008"}])
    found = (
        world.client("intake", "clerk").post("/v1/grievances/search", json={"phone": "199 0000 0007"}).json
    )
    assert found["total"] == 1


def test_a_petitioner_follows_with_number_and_code(world: World) -> None:
    taken = world.register().json
    client = world.client("intake")
    headers = {"Query-Code": taken["query_code"].lower().replace("-", " ")}
    seen = client.get(f"/v1/track/{taken['number']}", headers=headers)
    assert seen.status_code == 200, seen.text
    assert seen.json["status"] == "registered"
    assert "petitioners" not in seen.json


def test_a_wrong_code_and_an_unknown_number_get_the_same_answer(world: World) -> None:
    number = world.register().json["number"]
    client = world.client("intake")
    wrong_code = client.get(f"/v1/track/{number}", headers={"Query-Code": "AAAA-AAAA"})
    unknown = client.get(f"/v1/track/{numbers.make(2026, 999)}", headers={"Query-Code": "AAAA-AAAA"})
    assert wrong_code.status_code == unknown.status_code == 404
    assert wrong_code.json["detail"] == unknown.json["detail"]


def test_guessing_codes_is_stopped_also_after_redis_was_wiped(world: World) -> None:
    taken = world.register().json
    client = world.client("intake")
    path, right = f"/v1/track/{taken['number']}", {"Query-Code": taken["query_code"]}
    for _ in range(20):
        assert client.get(path, headers={"Query-Code": "AAAA-AAAA"}).status_code == 404
    world.redis.flushall()
    refused = client.get(path, headers=right)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    world.later(hours=1, minutes=1)
    assert client.get(path, headers=right).status_code == 200


def test_who_fails_at_a_number_shuts_it_to_their_own_address_and_not_to_its_owner(world: World) -> None:
    taken = world.register().json
    client = world.client("intake")
    path, enemy = f"/v1/track/{taken['number']}", {"REMOTE_ADDR": "192.0.2.66"}
    wrong, right = {"Query-Code": "AAAA-AAAA"}, {"Query-Code": taken["query_code"]}
    statuses = [client.get(path, headers=wrong, environ_base=enemy).status_code for _ in range(100)]
    assert statuses == [404] * 20 + [429] * 80
    assert client.get(path, headers=right).status_code == 200


def test_a_thousand_failures_from_many_addresses_shut_a_number_to_everybody(world: World) -> None:
    """They are made where they are kept: a thousand requests would say no more."""
    taken = world.register().json
    client = world.client("intake")
    path, right = f"/v1/track/{taken['number']}", {"Query-Code": taken["query_code"]}
    failed = (
        "INSERT INTO lookup_failure SELECT :of, now() - n * interval '1 second'"
        " FROM generate_series(1, 999) AS n RETURNING 1"
    )
    world.query("intake", failed, of=f"number {taken['number']}")
    assert client.get(path, headers=right).status_code == 200
    assert client.get(path, headers={"Query-Code": "AAAA-AAAA"}).status_code == 404
    assert client.get(path, headers=right).status_code == 429
    assert client.get(f"/v1/track/{numbers.make(2026, 999)}", headers=right).status_code == 404


def test_guesses_from_one_household_are_counted_together(world: World) -> None:
    client = world.client("intake")
    for n in range(20):
        client.get(f"/v1/track/{numbers.make(2026, n + 1)}", environ_base={"REMOTE_ADDR": f"2001:db8::{n}"})
    refused = client.get(f"/v1/track/{numbers.make(2026, 99)}", environ_base={"REMOTE_ADDR": "2001:db8::99"})
    assert refused.status_code == 429


def test_the_api_serves_while_redis_is_unreachable(world: World) -> None:
    assert world.services["intake"].settings.redis_url  # the api has it in tests, and must not use it
    world.redis.connection_pool.disconnect()
    assert world.client("intake").get("/readyz").status_code == 200


def test_every_answer_carries_the_security_headers(world: World) -> None:
    answer = world.client("intake").get("/livez")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_api_describes_itself(world: World) -> None:
    described = world.client("intake").get("/openapi.json").json
    assert described["openapi"] == "3.1.0"
    assert "/v1/grievances" in described["paths"]


def test_a_person_who_signs_in_again_and_sends_the_same_form_gives_no_second_number(world: World) -> None:
    """A session ends; who they are, and what they are answerable for, does not."""
    new = NewGrievance().load(grievance())
    first, second = (Caller(session, "clerk", None, None, account="lin") for session in ("s1", "s2"))
    given, _ = actions.register(world.services["intake"], first, "same form", new)
    again, _ = actions.register(world.services["intake"], second, "same form", new)
    assert again.number == given.number
    assert [row.registered_by for row in world.query("intake", "SELECT registered_by FROM grievance")] == [
        "lin"
    ]
