"""Who is answered which field: what the matrix says, no less and no more (S3)."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from services.intake import schemas
from services.intake.domain import matrix
from services.intake.domain.matrix import READ, RECORD, REVEALED, TRACKED
from shared.identity.model import ROLES
from tests.intake.people import REASON, assigned, registered, signed_in
from tests.world import World

SCOPES: dict[str, dict[str, str]] = {
    "liaison": {"department": "housing"},
    "lead": {"department": "housing"},
    "department": {"department": "housing"},
}
ALL_FIELDS = REASON | {"fields": ["id_number", "address"]}


@pytest.fixture
def number(world: World) -> str:
    """Taken in by the housing office's window, which also handles it, and viewed once."""
    made = assigned(world, "housing", role="department", of="housing", office="housing")
    _reveal(world.client("intake", "clerk"), made)
    return made


def _client(world: World, role: str) -> FlaskClient:
    if not ROLES[role].person:
        return world.client("intake", role, SCOPES[role]["department"])
    return signed_in(world, "somebody", role, **SCOPES.get(role, {}))


def _reveal(client: FlaskClient, number: str) -> Any:
    return client.post(f"/v1/grievances/{number}/petitioners", json=ALL_FIELDS)


def _answers(client: FlaskClient, number: str) -> dict[str, tuple[int, list[Any]]]:
    """What is answered in each situation: the status, and the objects whose fields count."""
    one = client.get(f"/v1/grievances/{number}")
    several = client.get("/v1/grievances")
    record = client.get(f"/v1/grievances/{number}/views")
    shown = _reveal(client, number)
    return {
        READ: (one.status_code, [one.json, *several.json.get("grievances", [])]),
        RECORD: (record.status_code, record.json.get("views", [])),
        REVEALED: (shown.status_code, shown.json.get("petitioners", [])),
    }


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"agent"}))
def test_each_role_is_answered_the_fields_of_the_matrix(world: World, number: str, role: str) -> None:
    for situation, (status, found) in _answers(_client(world, role), number).items():
        known = matrix.allowed(role, situation)
        assert (status == 200) == bool(known), (situation, status)
        for each in found if known else []:
            assert set(each) == known, situation


def test_a_petitioner_is_answered_the_fields_of_the_matrix(world: World) -> None:
    taken = registered(world)
    _reveal(world.client("intake", "clerk"), taken["number"])
    headers = {"Query-Code": taken["query_code"]}
    answer = world.client("intake").get(f"/v1/track/{taken['number']}", headers=headers).json
    assert set(answer) | set(answer["views"][0]) == matrix.allowed(matrix.PETITIONER, TRACKED)


def test_the_matrix_has_every_role_and_no_field_that_nobody_answers() -> None:
    assert set(matrix.MATRIX) == {*ROLES, matrix.PETITIONER}
    answered = {
        field.data_key or name
        for schema in (schemas.Grievance, schemas.Tracking, schemas.Seen, schemas.Revealed, schemas.View)
        for name, field in schema().fields.items()
    }
    assert answered == frozenset[str]().union(*matrix.GROUPS.values())


def test_what_the_matrix_does_not_have_is_denied() -> None:
    assert matrix.allowed("nobody", READ) == matrix.allowed("clerk", "elsewhere") == frozenset()


def test_a_field_that_a_schema_gains_and_the_matrix_lacks_is_not_answered(
    world: World, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = matrix.GROUPS | {"matter": matrix.GROUPS["matter"] - {"text"}}  # type: ignore[operator]
    monkeypatch.setattr(matrix, "GROUPS", fewer)
    assert "text" not in world.client("intake", "clerk").get(f"/v1/grievances/{number}").json


def test_who_brought_it_is_in_no_other_situation() -> None:
    person = {"name", "phone", "id_number", "address"}
    for role in matrix.MATRIX:
        for situation in (READ, RECORD, TRACKED):
            assert not person & matrix.allowed(role, situation), (role, situation)


def test_an_agent_reads_the_matter_of_what_their_station_took_in_and_nobody_s_name(world: World) -> None:
    number = registered(world, office="dongmen-proxy", channel="proxy")["number"]
    answers = _answers(signed_in(world, "somebody", "agent", station="dongmen"), number)
    assert {situation: status for situation, (status, _) in answers.items()} == {
        READ: 200,
        RECORD: 403,
        REVEALED: 403,
    }
    assert all(set(each) == matrix.allowed("agent", READ) for each in answers[READ][1])
