"""JSON logs with one correlation id from the request through every queue (W3C traceparent)."""

import logging
import re
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import orjson
import structlog
from structlog.contextvars import bind_contextvars, get_contextvars

TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

_TRACES: ContextVar[Mapping[str, str | None]] = ContextVar("traces", default={})  # noqa: B039 - never changed

log: Any = structlog.get_logger()


def configure(service: str, process: str, stream: str = "stdout") -> None:
    """One JSON line per thing done, on `stdout` or `stderr`: time in UTC, level, service, process, trace."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event).decode()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(getattr(sys, stream)),
    )
    bind_contextvars(service=service, process=process)


def begin(trace: str | None) -> None:
    """Start the work of one request: in the trace that the caller brought, or in a new one."""
    valid = trace is not None and TRACEPARENT.fullmatch(trace)
    bind_contextvars(trace=trace if valid else f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01")


def traceparent(number: str = "") -> str | None:
    """The trace that the present work belongs to, if it is done for this grievance."""
    return _TRACES.get().get(number) or get_contextvars().get("trace")


@contextmanager
def following(traces: Mapping[str, str | None]) -> Iterator[None]:
    """What is done inside for a grievance, by its number, belongs to its own trace."""
    token = _TRACES.set(traces)
    try:
        yield
    finally:
        _TRACES.reset(token)
