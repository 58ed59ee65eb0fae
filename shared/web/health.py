"""Whether a process lives, whether it can work, and its figures.

`/metrics` gives, read from the database at that moment, each with the label `service`:

| metric | labels | what it is |
|---|---|---|
| minqing_outbox_unconfirmed | dest | events that `dest` has not confirmed |
| minqing_outbox_oldest_unconfirmed_seconds | dest | how long the oldest of them waits; 0 if there is none |
| minqing_outbox_parked | dest | events that `dest` could not apply |
| minqing_inbox_parked | | events that this service could not apply |
| minqing_inbox_held | | events that came before their predecessors |
| minqing_quarantined | | messages ever set aside that none of ours has sent |
| minqing_divergent_days | | days on which a source and this service do not agree about what was said |
| minqing_heartbeat_age_seconds | of | age of a sign of life: `worker`, `from intake` (its last canary), |
| | | `compared intake`, `backup`; +Inf if there never was one |
| minqing_clock_ahead_seconds | | this API's clock against its database's; what it stamps is off by so much |
| minqing_disk_free_bytes | | free on the database's disk, if MINQING_DISK names it |
| minqing_disk_free_ratio | | the same as a share of the disk |

`deploy/alerts.yaml` has the limits, `docs/operations.md` what to do.
"""

import math
from collections.abc import Iterator, Mapping

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import Connection

from shared import contracts, database, disk, heartbeat, inbox, outbox, reconcile
from shared.clock import Clock
from shared.service import Service
from shared.web.access import public
from shared.web.serving import service

BLUEPRINT = Blueprint("health", __name__)

Figure = tuple[str, Mapping[str, str], float]  # name, labels, value


@BLUEPRINT.get("/livez")
@public
def livez() -> Response:
    """The process answers; touches nothing else."""
    return jsonify(status="ok")


@BLUEPRINT.get("/readyz")
@public
def readyz() -> Response:
    """The database answers and has its tables; 503 if not. Redis is no condition: the API works without."""
    with service().reading() as connection:
        figures = outbox.figures(connection)
    return jsonify(status="ok", county=service().county.version, **figures)


@BLUEPRINT.get("/metrics")
@public
def metrics() -> Response:
    """The figures for Prometheus. The gateway does not pass this path on."""
    given = service()
    with given.reading() as connection:
        figures = [*_delivery(given, connection), *_disk(given)]
    return Response(_exposed(given.name, figures), content_type=CONTENT_TYPE_LATEST)


def _delivery(given: Service, tx: Connection) -> Iterator[Figure]:
    for dest, waiting in outbox.waiting(tx, contracts.readers_of(given.name)).items():
        for name in ("unconfirmed", "oldest_unconfirmed_seconds", "parked"):
            yield f"outbox_{name}", {"dest": dest}, waiting[name]
    for name, value in inbox.figures(tx).items():
        yield name if name == "quarantined" else f"inbox_{name}", {}, value
    yield "divergent_days", {}, reconcile.divergent_days(tx)
    yield "clock_ahead_seconds", {}, (Clock(None).now() - database.now(tx)).total_seconds()
    for of, seconds in {**_expected(given.name), **heartbeat.ages(tx)}.items():
        yield "heartbeat_age_seconds", {"of": of}, seconds


def _expected(name: str) -> dict[str, float]:
    """The signs of life that a service should give or hear, as if none ever came."""
    sources = contracts.sources_of(name)
    names = ("worker", "backup", *(f"from {s}" for s in sources), *map(reconcile.compared, sources))
    return dict.fromkeys(names, math.inf)


def _disk(given: Service) -> Iterator[Figure]:
    if given.settings.disk is not None:
        space = disk.space(given.settings.disk)
        yield "disk_free_bytes", {}, space.free
        yield "disk_free_ratio", {}, space.free / space.total


def _exposed(service: str, figures: list[Figure]) -> bytes:
    """The figures in Prometheus's text format."""
    registry, gauges = CollectorRegistry(), dict[str, Gauge]()
    for name, labels, value in figures:
        if name not in gauges:
            names = ("service", *labels)
            gauges[name] = Gauge(f"minqing_{name}", name.replace("_", " "), names, registry=registry)
        gauges[name].labels(service=service, **labels).set(value)
    return generate_latest(registry)
