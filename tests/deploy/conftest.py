"""Folders that the servers' account can reach, which those of pytest are not when root runs the tests."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def data() -> Iterator[Path]:
    """An empty data folder."""
    folder = Path(tempfile.mkdtemp(prefix="minqing-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)
