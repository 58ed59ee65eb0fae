"""The checks of `make lint` and `make sbom`, each tried on something that is not as it should be."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy import audit
from shared import identity

ROOT = Path(__file__).resolve().parents[2]
RUNNING = ("requirements.txt", "requirements-embedded.txt")


class Advisories(ThreadingHTTPServer):
    """A source of advisories in OSV's form, on the loopback: `flawed` are the libraries with a flaw."""

    flawed: set[str] = set()


class Answer(BaseHTTPRequestHandler):
    """What it says when it is asked."""

    server: Advisories

    def do_POST(self) -> None:
        """Answer one question."""
        length = int(self.headers["Content-Length"])
        name = json.loads(self.rfile.read(length))["package"]["name"]
        affected = [{"package": {"name": name, "ecosystem": "PyPI"}}]
        flaw = {"id": "TEST-1", "summary": "flaw", "affected": affected, "schema_version": "1.0.0"}
        body = json.dumps({"vulns": [flaw]} if name in self.server.flawed else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def advisories(monkeypatch: pytest.MonkeyPatch) -> Iterator[Advisories]:
    with Advisories(("127.0.0.1", 0), Answer) as server:
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", f"http://127.0.0.1:{server.server_port}/v1/query")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def two_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pinned = "".join(f"{name}==1.0 --hash=sha256:{'0' * 64}\n" for name in ("sound", "unsound"))
    (tmp_path / "all.txt").write_text(pinned)
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    monkeypatch.setattr(audit, "LISTS", ("all.txt",))
    monkeypatch.setattr(audit, "SOURCES", ("osv",))


@pytest.mark.usefixtures("two_libraries")
def test_a_library_with_a_known_flaw_stops(
    advisories: Advisories, capsys: pytest.CaptureFixture[str]
) -> None:
    advisories.flawed = {"jinja2", "unsound"}
    assert audit.main() == 1
    said = capsys.readouterr().out
    assert "unsound 1.0: TEST-1" in said and "known flaws: 1 (osv)" in said


@pytest.mark.usefixtures("two_libraries")
def test_libraries_without_a_known_flaw_pass(
    advisories: Advisories, capsys: pytest.CaptureFixture[str]
) -> None:
    advisories.flawed = {"jinja2"}
    assert audit.main() == 0
    assert "known flaws: 0 (osv)" in capsys.readouterr().out


@pytest.mark.usefixtures("two_libraries")
def test_a_source_that_knows_nothing_is_not_believed(
    advisories: Advisories, capsys: pytest.CaptureFixture[str]
) -> None:
    assert advisories.flawed == set()
    assert audit.main() == 0
    assert "NOT CHECKED: no advisory source reached" in capsys.readouterr().out


@pytest.mark.usefixtures("two_libraries")
def test_a_source_that_is_not_there_is_said_not_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", "http://127.0.0.1:1/v1/query")
    assert audit.main() == 0
    assert "NOT CHECKED: no advisory source reached" in capsys.readouterr().out


def test_a_library_that_cannot_be_looked_up_is_a_finding() -> None:
    assert audit.findings([{"name": "lost", "skip_reason": "not found"}]) == ["lost: not found"]


def _make(target: str, *variables: str) -> subprocess.CompletedProcess[str]:
    """Run a target of the Makefile with the libraries that run this test."""
    command = [
        "make",
        "--no-print-directory",
        "--assume-old=.venv/.dev",
        f"BIN={Path(sys.executable).parent}",
    ]
    return subprocess.run(
        [*command, *variables, target], cwd=ROOT, capture_output=True, text=True, check=False
    )


def _scan(file: Path) -> subprocess.CompletedProcess[str]:
    return _make("scan", f"SCANNED={file}")


def test_an_access_key_that_was_left_in_a_file_is_found(tmp_path: Path) -> None:
    body = f"{identity.PREFIX}_{'a1' * 4}_{'b2' * 16}"
    leaked = tmp_path / "notes.txt"
    leaked.write_text(f"the clerk's: {body}_{identity._check(body)}\n")
    scan = _scan(leaked)
    assert scan.returncode != 0
    assert "Minqing access key" in scan.stdout


def test_a_password_in_an_address_is_found(tmp_path: Path) -> None:
    leaked = tmp_path / "settings.py"
    leaked.write_text('url = "postgresql://intake:' + 'Tr0ub4dor3xyz@db/intake"\n')
    assert _scan(leaked).returncode != 0


def test_what_is_no_secret_is_let_pass(tmp_path: Path) -> None:
    plain = tmp_path / "plain.py"
    plain.write_text('greeting = "keys look like mq_live_<id>_<secret>_<check>"\n')
    assert _scan(plain).returncode == 0


@pytest.fixture(scope="module")
def sbom(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `make sbom` writes."""
    made = tmp_path_factory.mktemp("sbom") / "sbom.json"
    done = _make("sbom", f"SBOM={made}")
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(made.read_text("utf-8"))
    return content


def test_the_list_of_parts_has_every_library_that_is_pinned_for_running(sbom: dict[str, Any]) -> None:
    pinned = {
        tuple(found)
        for name in RUNNING
        for found in re.findall(r"^([\w.-]+)==([\w.+-]+)", (ROOT / name).read_text("utf-8"), re.MULTILINE)
    }
    listed = {(part["name"], part["version"]) for part in sbom["components"]}
    assert pinned and pinned <= listed
    assert sbom["bomFormat"] == "CycloneDX"
    assert sbom["metadata"]["component"]["name"] == "minqing"


def test_the_list_of_parts_says_by_which_digest_each_is_known(sbom: dict[str, Any]) -> None:
    for part in sbom["components"]:
        digests = [each for link in part["externalReferences"] for each in link.get("hashes", ())]
        assert digests, part["name"]
