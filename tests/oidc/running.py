"""A real provider program as a process of its own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).parent / "county_provider.py"
PYTHON = ROOT / ".venv/provider/bin/python"  # `make test` puts it there
LOGIN, PASSWORD, NAME = "lin.qiushi", "county password", "林秋实"  # pragma: allowlist secret


@contextmanager
def serving(port: int, back: str, log: Path) -> Iterator[None]:
    """It, until the block ends; it leads browsers to `back`."""
    with log.open("w") as errors:
        command = [PYTHON, PROGRAM, str(port), back]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "listening\n", log.read_text()
            try:
                yield
            finally:
                process.kill()
