"""A deployment under examination: where its parts are, and what may be said of them."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import Connection

from deploy.minqing import databases, suite
from shared import database

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True)
class Finding:
    """Something unsafe: what it is and the cure, in one line of Chinese and one of English."""

    zh: str
    en: str


@dataclass(frozen=True)
class Deployment:
    """Where the parts of a suite are. What is not known (None, or missing from a mapping) is not examined.

    databases     the owners' addresses, by database     redis      the administrator's address of the broker
    brokers       the services' own addresses of it      public     the addresses that people type
    data          the folder of `minqing up`             secrets    the folder of key files
    clock         the file that moves the suite's clock  durable    whether PostgreSQL must be durable
    """

    databases: Mapping[str, str]
    redis: str | None
    brokers: Mapping[str, str]
    public: Mapping[str, str]
    data: Path | None = None
    secrets: Path | None = None
    clock: Path | None = None
    durable: bool = True

    def open_to_others(self) -> bool:
        """Whether people reach it from other machines."""
        return any(urlsplit(url).hostname not in LOOPBACK for url in self.public.values())

    @contextmanager
    def reading(self, name: str) -> Iterator[Connection]:
        """A connection to one of its databases, as the owner."""
        with databases.reached(self.databases[name]) as engine, database.reading(engine) as connection:
            yield connection


Check = Callable[[Deployment], Iterator[Finding]]


def found(data: Path, environ: Mapping[str, str] = os.environ) -> Deployment:
    """What the environment names (as for other commands), else the suite that was started on `data`.

    MINQING_REDIS_ADMIN_URL (or _FILE) names the broker for its administrator.
    """
    if named := databases.given(environ):
        return _given(named, environ)
    known = suite.find(data)
    settings = known.environments["intake"]
    return Deployment(
        databases=known.database_urls(),
        redis=known.redis_url or None,
        brokers={name: each["MINQING_REDIS_URL"] for name, each in known.environments.items()},
        public=known.urls,
        data=data,
        secrets=Path(settings["MINQING_SECRETS"]),
        clock=Path(settings["MINQING_CLOCK"]),
    )


def _given(named: Mapping[str, str], environ: Mapping[str, str]) -> Deployment:
    file = environ.get("MINQING_REDIS_ADMIN_URL_FILE")
    redis = Path(file).read_text().strip() if file else environ.get("MINQING_REDIS_ADMIN_URL")
    addresses = {name: environ.get(f"MINQING_{name.upper()}_URL") for name in databases.SERVICES}
    secrets, clock = environ.get("MINQING_SECRETS"), environ.get("MINQING_CLOCK")
    return Deployment(
        databases=named,
        redis=redis,
        brokers={},
        public={name: url for name, url in addresses.items() if url},
        secrets=Path(secrets) if secrets else None,
        clock=Path(clock) if clock else None,
        durable=environ.get("MINQING_DURABLE", "yes") != "no",
    )
