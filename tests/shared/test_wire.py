"""Events and frames as they travel."""

import types
import typing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import contracts, keyring, wire
from shared.wire import Postmark, Unreadable
from tests.shared import said

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
MOMENTS = st.datetimes(timezones=st.just(UTC))
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: WORDS,
    int: st.integers(-(2**31), 2**31),
    bool: st.booleans(),
    datetime: MOMENTS,
}


def _values(hint: Any) -> st.SearchStrategy[Any]:
    if typing.get_origin(hint) is types.UnionType:
        return st.none() | _values(typing.get_args(hint)[0])
    if typing.get_origin(hint) is tuple:
        return st.lists(WORDS, max_size=4).map(tuple)
    return VALUES[hint]


def _events(event: type) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(event)
    return st.builds(event, **{name: _values(hint) for name, hint in hints.items()})


@pytest.mark.parametrize("event", list(contracts.READERS), ids=lambda event: event.__name__)
@given(data=st.data())
def test_every_event_survives_the_journey_whatever_it_holds(event: type, data: st.DataObject) -> None:
    said_ = data.draw(_events(event))
    assert wire.read(contracts.name(event), wire.parse(wire.write(said_))) == said_


def test_fields_that_a_newer_sender_adds_are_ignored() -> None:
    data = wire.parse(wire.write(said.registered())) | {"colour": "red"}
    assert wire.read("grievance.registered", data) == said.registered()


@pytest.mark.parametrize(
    "changes",
    [
        {"registered_at": datetime(2026, 3, 1)},  # noqa: DTZ001 - a naive time is the point
        {"petitioners": "3"},
        {"kind": None},
        {"text": "坏\0字"},
    ],
)
def test_an_event_that_breaks_its_contract_is_not_written(changes: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match="schema-invalid"):
        wire.write(said.registered(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"registered_at": "2026-03-01T09:30:00"},
        {"registered_at": "yesterday"},
        {"petitioners": "3"},
        {"petitioners": 1.5},
        {"kind": None},
        {"kind": 7},
        {"summary": ["a"]},
    ],
)
def test_data_that_breaks_the_contract_is_not_read(changes: dict[str, Any]) -> None:
    data = wire.parse(wire.write(said.registered())) | changes
    with pytest.raises(Unreadable) as caught:
        wire.read("grievance.registered", data)
    assert caught.value.reason == "schema-invalid"


def test_data_without_a_field_is_not_read() -> None:
    data = wire.parse(wire.write(said.registered()))
    del data["summary"]
    with pytest.raises(Unreadable, match="schema-invalid"):
        wire.read("grievance.registered", data)


def test_a_type_that_nobody_declared_is_not_read() -> None:
    with pytest.raises(Unreadable) as caught:
        wire.read("grievance.forgotten", {})
    assert caught.value.reason == "type-unknown"


# ------------------------------------------------------------------------------------------- envelopes


def test_an_envelope_survives_the_journey() -> None:
    sent = said.envelope(said.registered(), 1, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    raw = {**sent.dump(), "time": sent.time.isoformat()}
    assert wire.envelope(raw, "intake") == sent


@pytest.mark.parametrize("raw", [None, 7, "text", [], {}, {"id": "x"}])
def test_what_is_no_envelope_is_refused(raw: Any) -> None:
    with pytest.raises(Unreadable) as caught:
        wire.envelope(raw, "intake")
    assert caught.value.reason == "schema-invalid"


@pytest.mark.parametrize("changes", [{"sequence": 0}, {"sequence": -1}, {"sequence": "1"}, {"id": "1"}])
def test_an_envelope_with_an_impossible_place_or_id_is_refused(changes: dict[str, Any]) -> None:
    sent = said.envelope(said.registered(), 1)
    with pytest.raises(Unreadable, match="schema-invalid"):
        wire.envelope({**sent.dump(), "time": sent.time.isoformat(), **changes}, "intake")


def test_nobody_speaks_for_another_service() -> None:
    sent = said.envelope(said.registered(), 1)
    with pytest.raises(Unreadable) as caught:
        wire.envelope({**sent.dump(), "time": sent.time.isoformat()}, "oversight")
    assert caught.value.reason == "signature-bad"


# ---------------------------------------------------------------------------------------------- frames


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("keys") / "secrets"
    keyring.create(place)
    return place


def _postmark(secrets: Path, service: str) -> Postmark:
    return Postmark(keyring.signer(secrets, service), keyring.seal(secrets, "bus"))


def test_a_frame_opens_for_its_addressee(secrets: Path) -> None:
    frame = _postmark(secrets, "intake").close("routing", "events", [{"a": "民"}])
    opened = _postmark(secrets, "routing").open(frame)
    assert (opened.sender, opened.kind, opened.body) == ("intake", "events", [{"a": "民"}])


def test_nothing_of_the_body_can_be_read_on_the_way(secrets: Path) -> None:
    frame = _postmark(secrets, "intake").close("routing", "events", [{"text": "secret-matter"}])
    assert "secret-matter" not in str(frame)


def _refused(secrets: Path, message: Any, service: str = "routing") -> str:
    with pytest.raises(Unreadable) as caught:
        _postmark(secrets, service).open(message)
    return caught.value.reason


def test_a_frame_for_another_service_is_refused(secrets: Path) -> None:
    frame = _postmark(secrets, "intake").close("routing", "events", [])
    assert _refused(secrets, frame, "oversight") == "frame-invalid"


@pytest.mark.parametrize(
    ("old", "new"), [("routing", "oversight"), ("intake", "oversight"), ("events", "receipts"), ("1|", "2|")]
)
def test_a_frame_with_a_changed_header_is_refused(secrets: Path, old: str, new: str) -> None:
    frame = _postmark(secrets, "intake").close("routing", "events", [])
    changed = frame | {"header": frame["header"].replace(old, new)}
    assert _refused(secrets, changed, new if old == "routing" else "routing") == "signature-bad"


@given(place=st.integers(0, 10_000), letter=st.sampled_from("AZaz09+/="))
def test_a_frame_with_any_changed_letter_is_refused(secrets: Path, place: int, letter: str) -> None:
    frame = _postmark(secrets, "intake").close("routing", "events", [{"a": 1}])
    for part in ("body", "sig"):
        at = place % (len(frame[part]) - 3)  # the very last letters of base64 hold bits that mean nothing
        changed = frame[part][:at] + letter + frame[part][at + 1 :]
        if changed != frame[part]:
            assert _refused(secrets, frame | {part: changed}) in ("signature-bad", "frame-invalid")


def test_a_frame_signed_by_a_stranger_is_refused(secrets: Path, tmp_path: Path) -> None:
    keyring.create(tmp_path / "strange")
    stranger = replace(_postmark(secrets, "intake"), signer=keyring.signer(tmp_path / "strange", "intake"))
    assert _refused(secrets, stranger.close("routing", "events", [])) == "signature-bad"


def test_a_frame_sealed_with_a_strange_key_is_refused(secrets: Path, tmp_path: Path) -> None:
    keyring.create(tmp_path / "strange")
    stranger = replace(_postmark(secrets, "intake"), seal=keyring.seal(tmp_path / "strange", "bus"))
    assert _refused(secrets, stranger.close("routing", "events", [])) == "signature-bad"


@pytest.mark.parametrize(
    "message",
    [None, 7, "text", [], {}, {"header": 1, "body": 2, "sig": 3}, {"header": "a|b", "body": "", "sig": ""},
     {"header": "1|intake|routing|events", "body": "\ud800", "sig": "AA=="},
     {"header": "1|intake|routing|events", "body": [], "sig": 5}],
)  # fmt: skip
def test_what_is_no_frame_is_refused_with_a_reason(secrets: Path, message: Any) -> None:
    assert _refused(secrets, message) in ("frame-invalid", "signature-bad")


@pytest.mark.parametrize(
    ("kind", "body"),
    [("events", {}), ("events", None), ("receipts", []), ("receipts", {"applied": 7, "parked": {}}),
     ("receipts", {"applied": [], "parked": {"id": 3}}), ("receipts", {}), ("gossip", [])],
)  # fmt: skip
def test_a_frame_whose_body_is_not_of_its_kind_is_refused(secrets: Path, kind: str, body: Any) -> None:
    frame = _postmark(secrets, "intake").close("routing", kind, body)
    assert _refused(secrets, frame) == "frame-invalid"
