"""The figures that alarms are made of."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared import disk, heartbeat
from shared.clock import Clock
from shared.disk import Space
from tests.world import NAMES, World

MOVING = ("heartbeat_age_seconds", "clock_ahead_seconds")  # never quite 0


def figures(world: World, name: str = "intake") -> dict[tuple[str, str], float]:
    """What /metrics gives, by name and by the one label that it has besides the service."""
    answer = world.client(name).get("/metrics")
    assert answer.status_code == 200
    samples = [s for family in text_string_to_metric_families(answer.text) for s in family.samples]
    assert {sample.labels.pop("service") for sample in samples} == {name}
    return {
        (sample.name.removeprefix("minqing_"), "".join(sample.labels.values())): sample.value
        for sample in samples
    }


@pytest.mark.parametrize("name", NAMES)
def test_what_is_well_is_zero_and_what_never_gave_a_sign_of_life_is_infinitely_old(
    world: World, name: str
) -> None:
    found = figures(world, name)
    assert {value for (figure, _), value in found.items() if figure not in MOVING} == {0.0}
    assert (
        found["heartbeat_age_seconds", "worker"] == found["heartbeat_age_seconds", "backup"] == float("inf")
    )


def test_what_waits_is_counted_for_each_destination(world: World) -> None:
    world.register()
    world.query("intake", "UPDATE outbox SET created_at = now() - interval '90 s' RETURNING 1")
    world.query("intake", "UPDATE outbox SET state = 'parked' WHERE dest = 'oversight' RETURNING 1")
    found = figures(world)
    assert (found["outbox_unconfirmed", "routing"], found["outbox_unconfirmed", "oversight"]) == (1, 0)
    assert (found["outbox_parked", "routing"], found["outbox_parked", "oversight"]) == (0, 1)
    assert 90 <= found["outbox_oldest_unconfirmed_seconds", "routing"] < 120
    assert found["outbox_oldest_unconfirmed_seconds", "oversight"] == 0


@pytest.mark.parametrize(
    ("statement", "figure"),
    [
        ("UPDATE inbox SET status = 'parked' WHERE source = 'intake' RETURNING 1", "inbox_parked"),
        ("UPDATE inbox SET status = 'held' WHERE source = 'intake' RETURNING 1", "inbox_held"),
        ("INSERT INTO quarantine (reason, error, content) VALUES ('r', 'e', 'c') RETURNING 1", "quarantined"),
        (
            "INSERT INTO divergence (source, day, said, heard) "
            "VALUES ('intake', now(), 'a', 'b') RETURNING 1",
            "divergent_days",
        ),
    ],
)
def test_what_a_person_must_look_at_is_counted(world: World, statement: str, figure: str) -> None:
    world.register()
    world.settle()
    assert figures(world, "routing")[figure, ""] == 0
    world.query("routing", statement)
    assert figures(world, "routing")[figure, ""] == 1


def test_a_sign_of_life_has_its_age(world: World) -> None:
    with world.services["routing"].transaction() as tx:
        heartbeat.beat(tx, "from intake")
    world.query("routing", "UPDATE heartbeat SET at = at - interval '5 minutes' RETURNING 1")
    found = figures(world, "routing")
    assert 300 <= found["heartbeat_age_seconds", "from intake"] < 330
    assert found["heartbeat_age_seconds", "from oversight"] == float("inf")


def test_the_disk_is_measured_where_it_is_named(world: World, tmp_path: Path, monkeypatch: Any) -> None:
    assert ("disk_free_bytes", "") not in figures(world)
    monkeypatch.setitem(vars(world.services["intake"].settings), "disk", tmp_path)
    monkeypatch.setattr(disk, "space", lambda _: Space(25, 100))
    found = figures(world)
    assert (found["disk_free_bytes", ""], found["disk_free_ratio", ""]) == (25, 0.25)


def test_readiness_tells_what_waits_in_all(world: World) -> None:
    world.register()
    answer = world.client("intake").get("/readyz").json
    assert (answer["outbox_unconfirmed"], answer["outbox_parked"]) == (2, 0)
    assert answer["oldest_unconfirmed_seconds"] >= 0


def test_a_clock_that_is_off_its_databases_shows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert abs(figures(world)["clock_ahead_seconds", ""]) < 2
    monkeypatch.setattr(Clock, "now", lambda _: datetime.now(UTC) - timedelta(hours=1))
    assert -3602 < figures(world)["clock_ahead_seconds", ""] < -3598
