"""What an enemy types: it is refused, soon, and never as a fault of ours."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from services.intake.schemas import MOST_PETITIONERS
from shared import numbers
from shared.identity import passwords
from shared.problems import Malformed
from tests.world import World

HERE = {"Origin": "http://localhost"}
# Each mark of the second kind is to be brought before all of the first: the square of their number.
HEAP = "\u0345" * 40_000 + "\u0334" * 40_000
PARTED = "\u200b".join(HEAP[at : at + 20] for at in range(0, len(HEAP), 20))  # by what is left out
SOON = 5  # seconds; this heap took three times as long, and half a megabyte minutes


@contextmanager
def soon() -> Iterator[None]:
    """Fails where the work inside takes long, also on a busy machine."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < SOON


def _register(world: World, **changes: object) -> int:
    return int(world.register(**changes).status_code)


@pytest.mark.parametrize(
    ("status", "send"),
    [
        (400, lambda w: w.client("intake").post("/track", data={"number": HEAP, "code": "x"}).status_code),
        (422, lambda w: _register(w, text=HEAP)),
        (422, lambda w: _register(w, text=PARTED)),
        (422, lambda w: _register(w, petitioners=[{"name": "甲", "phone": HEAP}])),
        (422, lambda w: _register(w, petitioners=[{"name": "甲", "id_number": HEAP}])),
        (422, lambda w: w.client("intake", "clerk").post("/grievances", data={"phone": HEAP}).status_code),
        (401, lambda w: _sign_in(w.client("oversight"), HEAP)),
    ],
)
def test_a_heap_of_marks_is_refused_soon(world: World, status: int, send: Callable[[World], int]) -> None:
    with soon():
        assert send(world) == status


def _sign_in(browser: FlaskClient, password: str) -> int:
    typed = {"login": "lin", "password": password}
    return browser.post("/sign-in", data=typed, headers=HERE).status_code


def test_marks_that_languages_use_are_taken(world: World) -> None:
    written = "Việt Nam, ཧྐྵྨླྺྼྻྂ, a" + "\u0301" * 30
    assert _register(world, text=written) == 201
    assert _register(world, key="2", text=written + "\u0301") == 422


def test_a_password_that_is_far_too_long_is_no_other_password() -> None:
    kept = passwords.close("光" * passwords.LONGEST)
    assert passwords.fits(kept, "光" * passwords.LONGEST)
    assert not passwords.fits(kept, "光" * 5 * passwords.LONGEST)
    assert passwords.refusal("光" * 5 * passwords.LONGEST, "lin") == passwords.LENGTH


def test_a_phone_or_document_number_is_no_longer_than_one(world: World) -> None:
    for wrong in ({"phone": "19900000001" + " " * 30}, {"id_number": "-" * 23 + "11010519491231002X"}):
        answer = world.register(petitioners=[{"name": "甲"} | wrong])
        assert [e["field"] for e in answer.json["errors"]] == [f"petitioners.0.{next(iter(wrong))}"]


def test_what_is_too_long_is_no_number() -> None:
    with pytest.raises(Malformed):
        numbers.parse(numbers.make(2026, 1) + " " * numbers.LONGEST)


def _json(world: World, body: bytes) -> TestResponse:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    return world.client("intake", "clerk").post("/v1/grievances", data=body, headers=headers)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"kind": ' + b"9" * 10_000 + b"}",
        b'{"kind": NaN}',
        b'{"\\ud800": 1}',
        b'{"\xff": 1}',
    ],
)
def test_what_no_json_text_may_hold_is_refused(world: World, body: bytes) -> None:
    answer = _json(world, body)
    assert (answer.status_code, answer.json["errors"][0]["reason"]) == (400, "不是有效的 JSON")


def test_an_empty_body_lacks_what_is_required(world: World) -> None:
    assert {each["reason"] for each in _json(world, b"").json["errors"]} == {"必填"}


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_utc_does_not_have_is_refused(world: World, moment: str) -> None:
    assert [e["field"] for e in world.register(received_at=moment).json["errors"]] == ["received_at"]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("oversight", "/v1/notices?department=%00"),
        ("oversight", "/v1/notices/%00"),
        ("oversight", "/notices/a%00b"),
        ("oversight", "/v1/deadlines?number=%00"),
        ("routing", "/v1/ledger?department=%00"),
    ],
)
def test_an_address_with_what_no_row_can_hold_is_refused(world: World, name: str, path: str) -> None:
    assert world.client(name, "supervisor").get(path).status_code == 400


@pytest.mark.parametrize(
    "origin", ["http://[", "http://[::1", "null", "http://localhost.evil.example", "http://x@localhost"]
)
def test_an_origin_that_is_not_ours_is_refused_whatever_it_is(world: World, origin: str) -> None:
    browser = world.client("oversight")
    assert browser.post("/sign-out", headers={"Origin": origin}).status_code == 403
    assert browser.post("/sign-out", headers=HERE).status_code == 303


def test_petitioners_are_counted_before_they_are_read(world: World) -> None:
    answer = _json(world, orjson.dumps({"petitioners": [{"n": 1}] * 40_000}))
    found = [each["reason"] for each in answer.json["errors"] if each["field"].startswith("petitioners")]
    assert found == ["长度须在 1 至 2000 之间"]


def test_an_answer_names_no_more_faults_than_anyone_reads(world: World) -> None:
    answer = _json(world, orjson.dumps({f"f{n}": 1 for n in range(5000)}))
    assert (answer.status_code, len(answer.json["errors"])) == (422, 200)


def test_a_form_with_more_petitioners_than_may_be_is_not_read_to_its_end(world: World) -> None:
    many = {f"petitioners.{n}.name": "甲" for n in range(9000)}
    page = world.client("intake", "clerk").post("/register/people", data=many).text
    assert f'name="petitioners.{MOST_PETITIONERS}.name"' in page
    assert f'name="petitioners.{MOST_PETITIONERS + 2}.name"' not in page


def test_whom_to_drop_may_be_anything(world: World) -> None:
    typed = {"petitioners.0.name": "甲", "petitioners.1.name": "乙"}
    for drop, left in (("9" * 5000, "甲乙"), ("x", "甲乙"), ("0", "乙")):
        page = world.client("intake", "clerk").post("/register/people", data=typed | {"drop": drop}).text
        assert re.findall('value="([甲乙])"', page) == list(left)
