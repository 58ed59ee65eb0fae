"""What stands in the databases, counted: written down with a backup, and met again when it is restored."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from deploy.minqing import databases

# By service and name. All of them only ever grow.
QUERIES = {
    "intake": {
        "registered": "SELECT count(*) FROM grievance",
        "highest": "SELECT coalesce(max(split_part(number, '-', 2)::bigint), 0) FROM grievance",
        "petitioners": "SELECT count(*) FROM petitioner",
        "said": "SELECT coalesce(max(serial), 0) FROM outbox",
        "heard": "SELECT coalesce(sum(n), 0) FROM stream_position",
    },
    "routing": {
        "cases": "SELECT count(*) FROM case_file",
        "ledger": "SELECT count(*) FROM ledger_entry",
        "said": "SELECT coalesce(max(serial), 0) FROM outbox",
        "heard": "SELECT coalesce(sum(n), 0) FROM stream_position",
    },
    "oversight": {
        "watched": "SELECT count(*) FROM watched",
        "notices": "SELECT count(*) FROM notice",
        "said": "SELECT coalesce(max(serial), 0) FROM outbox",
        "heard": "SELECT coalesce(sum(n), 0) FROM stream_position",
    },
}

Figures = Mapping[str, Mapping[str, int]]


def take(urls: Mapping[str, str]) -> Figures:
    """Return the figures of the databases at `urls`, by service."""
    return {service: _take(urls[service], queries) for service, queries in QUERIES.items()}


def missed(expected: Figures, found: Figures) -> list[str]:
    """Name each figure that was expected and is not reached."""
    return [
        f"{service}.{name}: {found.get(service, {}).get(name)} < {n}"
        for service, named in expected.items()
        for name, n in named.items()
        if found.get(service, {}).get(name, -1) < n
    ]


def _take(url: str, queries: Mapping[str, str]) -> dict[str, int]:
    with databases.opened(url) as tx:
        return {name: _number(tx, query) for name, query in queries.items()}


def _number(tx: Connection, query: str) -> Any:
    return int(tx.execute(text(query)).scalar_one())
