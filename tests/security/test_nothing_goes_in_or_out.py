"""No view takes a file (S10), and nothing in the product asks another machine for anything (S16)."""

import ast
import io
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.security.routes import SITE, Suite
from tests.world import World

ROOT = Path(__file__).resolve().parents[2]
ACTING = ("POST", "PUT", "PATCH", "DELETE")
MARK = b"GIF89a-not-to-be-kept-anywhere"
# Modules that ask other machines, and who may import which.
OUTGOING = {"aiohttp", "ftplib", "http.client", "httpx", "requests", "smtplib", "urllib.request", "urllib3"}
EXCEPTIONS = {"shared/identity/oidc.py": {"httpx"}}  # the OpenID issuer that is configured
PRODUCT = sorted(file for folder in ("services", "shared") for file in (ROOT / folder).rglob("*.py"))


@pytest.fixture
def suite(world: World) -> Suite:
    return Suite(world)


def _stored(suite: Suite) -> list[str]:
    """The tables in which a part of the file stands, as text or as bytes."""
    return [table for table, rows in suite.rows() if MARK.decode() in rows or MARK.hex() in rows]


def test_no_view_takes_a_file(suite: Suite) -> None:
    for route in suite.routes(*ACTING):
        for role in ("clerk", "liaison", "supervisor", "administrator"):
            suite.sign_in(role)
            answer = suite.call(route, role, {"Origin": SITE}, data=_with_a_file())
            assert answer.status_code < 500, (str(route), role, answer.text)
            assert MARK not in answer.data, (str(route), role)
    assert _stored(suite) == []


def test_a_file_that_was_stored_would_be_seen(suite: Suite) -> None:
    with suite.world.services["intake"].transaction() as tx:
        tx.execute(text("INSERT INTO lookup_failure VALUES (:of, now())"), {"of": MARK.decode()})
    assert _stored(suite) == ["intake.lookup_failure"]


def _with_a_file() -> dict[str, object]:
    """A form whose fields are a file each: multipart, as a browser would send it."""
    names = ("text", "note", "facts", "petitioners.0.name", "file", "login", "name")
    return {name: (io.BytesIO(MARK), f"{name}.gif", "image/gif") for name in names}


@pytest.mark.parametrize("file", PRODUCT, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_asks_another_machine(file: Path) -> None:
    allowed = EXCEPTIONS.get(str(file.relative_to(ROOT)), set())
    assert _imported(ast.parse(file.read_text("utf-8"))) & OUTGOING <= allowed


@pytest.mark.parametrize(
    "source",
    ["import urllib.request", "from urllib import request", "from http.client import x", "import httpx"],
)
def test_an_import_is_seen_however_it_is_written(source: str) -> None:
    assert _imported(ast.parse(source)) & OUTGOING


def test_every_exception_is_a_file_of_the_product() -> None:
    assert all((ROOT / name).exists() for name in EXCEPTIONS)


def _imported(tree: ast.Module) -> set[str]:
    """Every module that is imported, with the packages that it is in and the names taken from it."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found | {name.partition(".")[0] for name in found}
