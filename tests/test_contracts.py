"""What the services tell each other: yesterday's messages stay readable, and every word has its reader."""

import dataclasses
import typing
from datetime import datetime
from importlib import import_module
from pathlib import Path

import orjson
import pytest

from shared import contracts, wire

GOLDEN = Path(__file__).parent / "contracts"
SERVICES = tuple(contracts.ROUTES)
EVENTS = tuple(contracts.READERS)
ALLOWED = {str, int, bool, datetime, str | None, datetime | None, tuple[str, ...]}
PERSONAL = {"name", "phone", "address", "id_number", "petitioner", "email"}


@pytest.mark.parametrize("event", EVENTS, ids=contracts.name)
def test_yesterdays_message_is_still_read(event: type) -> None:
    raw = orjson.loads((GOLDEN / f"{contracts.name(event)}.json").read_bytes())
    envelope = wire.envelope(raw, raw["source"])
    read = wire.read(envelope.type, envelope.data)
    assert type(read) is event
    assert wire.parse(wire.write(read)) == raw["data"]
    assert (raw["specversion"], raw["subject"]) == ("1.0", read.number)


def test_there_is_no_message_without_its_event() -> None:
    assert {file.stem for file in GOLDEN.glob("*.json")} == set(wire.TYPES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_a_handler_for_exactly_what_it_hears(service: str) -> None:
    door = import_module(f"services.{service}.events")
    heard = {event for event, readers in contracts.READERS.items() if service in readers}
    assert set(door.CONSUMES) == heard


@pytest.mark.parametrize("event", EVENTS, ids=contracts.name)
def test_an_event_is_frozen_flat_and_says_what_it_is(event: type) -> None:
    assert dataclasses.is_dataclass(event)
    assert event.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert event.__doc__
    assert event.__doc__.strip().endswith((".", "。"))
    hints = typing.get_type_hints(event)
    assert set(hints.values()) <= ALLOWED
    assert next(iter(hints)) == "number"


@pytest.mark.parametrize("event", EVENTS, ids=contracts.name)
def test_an_event_never_carries_a_person(event: type) -> None:
    assert not PERSONAL & set(typing.get_type_hints(event))


def test_every_event_is_said_by_one_service_and_heard_by_others() -> None:
    said = [event for events in contracts.ROUTES.values() for event in events]
    assert len(said) == len(set(said))
    assert set(said) == set(typing.get_args(contracts.Event))
    for service, events in contracts.ROUTES.items():
        for readers in events.values():
            assert readers
            assert service not in readers
            assert set(readers) <= set(SERVICES)


def test_who_speaks_to_whom_follows_from_the_routes() -> None:
    for service in SERVICES:
        for reader in contracts.readers_of(service):
            assert service in contracts.sources_of(reader)
