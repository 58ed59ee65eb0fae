"""Whether a process lives, whether it can work, and its figures."""

from typing import cast

from flask import Blueprint, Response, current_app, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from shared import inbox, outbox
from shared.service import Service
from shared.web.access import public

BLUEPRINT = Blueprint("health", __name__)


@BLUEPRINT.get("/livez")
@public
def livez() -> Response:
    """The process answers; touches nothing else."""
    return jsonify(status="ok")


@BLUEPRINT.get("/readyz")
@public
def readyz() -> Response:
    """The database answers and has its tables; 503 if not. Redis is no condition: the API works without."""
    service = cast(Service, current_app.extensions["minqing"])
    with service.reading() as connection:
        figures = outbox.figures(connection)
    return jsonify(status="ok", county=service.county.version, **figures)


@BLUEPRINT.get("/metrics")
@public
def metrics() -> Response:
    """Delivery's figures for Prometheus, read from the database. The gateway does not pass this path on."""
    service = cast(Service, current_app.extensions["minqing"])
    with service.reading() as connection:
        figures = outbox.figures(connection) | inbox.figures(connection)
    registry = CollectorRegistry()
    for name, value in figures.items():
        Gauge(f"minqing_{name}", name.replace("_", " "), registry=registry).set(value)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
