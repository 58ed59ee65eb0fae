"""`python -m tests.security.leaks MODULE …`: run a program of a service that leaks in seven ways.

The product knows nothing of this. `minqing leaktest` has to find every one of them.
"""

import base64
import hashlib
import runpy
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import flask
from sqlalchemy import text

from services.intake import domain, store
from services.intake.domain import Grievance, Petitioner
from shared import telemetry, vault, web
from shared.vault import Vault
from shared.web import answers

_known: dict[str, Petitioner] = {}  # by number, while a grievance is registered


def name_in_a_log_line() -> None:
    """Whoever registers is written down."""
    keeping = store.keeping

    def leaking(safe: Vault, grievance: Grievance, petitioners: Sequence[Petitioner]) -> dict[str, str]:
        _known[grievance.number] = petitioners[0]
        telemetry.log.info("kept", by=petitioners[0].name)
        return keeping(safe, grievance, petitioners)

    store.keeping = leaking


def phone_in_an_event() -> None:
    """The other services are told a petitioner's phone, in base64 behind the text."""
    registered = domain.registered

    def leaking(grievance: Grievance) -> Any:
        phone = (_known[grievance.number].phone or "").encode()
        hidden = base64.b64encode(b"." + phone).decode()
        return replace(registered(grievance), text=f"{grievance.text} {hidden}")

    domain.registered = leaking


def echo_on_an_error_page() -> None:
    """What could not be used is shown again in full."""
    answer = answers.answer

    def leaking(problem: Any) -> Any:
        said = answer(problem)
        said.set_data(said.get_data() + flask.request.get_data())
        return said

    answers.answer = leaking


def address_in_the_clear() -> None:
    """One column is not sealed."""
    close = Vault.close

    def leaking(self: Vault, value: str | None, place: str) -> str | None:
        return value if place.startswith("petitioner.address") else close(self, value, place)

    vault.Vault.close = leaking  # type: ignore[method-assign]


def index_without_a_key() -> None:
    """The blind index is a plain digest, which a table of all phone numbers opens."""

    def leaking(_: Vault, column: str, value: str | None) -> bytes | None:
        return None if value is None else hashlib.sha256(value.encode()).digest()

    vault.Vault.index = leaking  # type: ignore[method-assign]


def text_in_the_metrics() -> None:
    """The figures name what the last grievance is about."""
    _show("intake", "/metrics", "SELECT text FROM grievance LIMIT 1")


def summary_to_strangers() -> None:
    """A ledger carries a case of another department, percent-encoded in a header."""
    _show("routing", "/v1/ledger", "SELECT summary FROM case_file WHERE kind = 'accusation' LIMIT 1")


def _show(name: str, path: str, sql: str) -> None:
    create = web.create

    def leaking(given: Any, blueprints: Any) -> Any:
        app = create(given, blueprints)

        def add(response: Any) -> Any:
            if given.name == name and flask.request.path == path:
                with given.reading() as tx:
                    response.headers["X-Seen"] = quote(str(tx.execute(text(sql)).scalar() or ""))
            return response

        app.after_request(add)
        return app

    web.create = leaking


LEAKS: tuple[Callable[[], None], ...] = (
    name_in_a_log_line,
    phone_in_an_event,
    echo_on_an_error_page,
    address_in_the_clear,
    index_without_a_key,
    text_in_the_metrics,
    summary_to_strangers,
)

if __name__ == "__main__":
    for leak in LEAKS:
        leak()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
