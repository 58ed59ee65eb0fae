"""What a second attack found, on what was new then: each is an attempt that succeeded once."""

import pytest

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


@pytest.mark.parametrize("path", [f"/v1/views/{HUGE}/approve", f"/views/{HUGE}/refuse", "/v1/views/0/approve"])
def test_a_place_that_no_record_has_is_not_found(world: World, path: str) -> None:
    assert world.client("intake", "supervisor").post(path).status_code == 404
