"""One request, one effect."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from shared import idempotency
from shared.idempotency import Request
from shared.problems import Invalid, Malformed
from tests.world import World, grievance

REQUEST = Request("caller", "key", b"digest")


@pytest.mark.parametrize("key", [None, "", "a" * 201, "a\nb", "a\0b", "\u200b"])
def test_a_key_that_cannot_be_used_is_refused(key: str | None) -> None:
    with pytest.raises(Malformed):
        idempotency.checked(key)


def test_a_request_gets_the_number_it_claimed_first(world: World) -> None:
    for wanted in ("one", "two"):
        with world.services["intake"].transaction() as tx:
            assert idempotency.claim(tx, REQUEST, wanted) == "one"


def test_the_same_key_of_another_caller_is_another_request(world: World) -> None:
    with world.services["intake"].transaction() as tx:
        assert idempotency.claim(tx, REQUEST, "one") == "one"
        assert idempotency.claim(tx, Request("other", "key", b"digest"), "two") == "two"


def test_the_same_key_for_another_body_is_refused(world: World) -> None:
    with world.services["intake"].transaction() as tx:
        idempotency.claim(tx, REQUEST, "one")
        with pytest.raises(Invalid) as caught:
            idempotency.claim(tx, Request("caller", "key", b"other"), "two")
    assert [fault.field for fault in caught.value.faults] == ["Idempotency-Key"]


def test_what_was_rolled_back_claimed_nothing(world: World) -> None:
    with pytest.raises(RuntimeError), world.services["intake"].transaction() as tx:
        idempotency.claim(tx, REQUEST, "one")
        raise RuntimeError
    with world.services["intake"].transaction() as tx:
        assert idempotency.claim(tx, REQUEST, "two") == "two"


def test_many_equal_requests_at_once_become_one_grievance(world: World) -> None:
    world.key("clerk")
    together = Barrier(4)

    def send(_: int) -> tuple[int, str]:
        client = world.client("intake", "clerk")
        together.wait()
        answer = client.post("/v1/grievances", json=grievance(), headers={"Idempotency-Key": "same"})
        return answer.status_code, answer.json["number"]

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(send, range(4)))
    assert len(answers) == 1
    assert answers.pop()[0] == 201
    assert (world.count("intake", "grievance"), world.count("intake", "outbox")) == (1, 2)


def test_while_the_first_is_still_running_the_second_is_told_to_wait(world: World) -> None:
    client = world.client("intake", "clerk")
    key = world.key("clerk").split("_")[2]
    with world.services["intake"].transaction() as tx:
        idempotency.claim(tx, Request(key, "same", b"digest"), "one")
        answer = client.post("/v1/grievances", json=grievance(), headers={"Idempotency-Key": "same"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (409, "1")
    assert world.count("intake", "grievance") == 0
