"""The ground that harder faults pull away: it gives way where it should, and nowhere else."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import ground
from tests.faults.ground import NotPossible

TAKEN = """
import errno, socket, sys
from pathlib import Path
from tests.faults import ground
try:
    ground.take()
except ground.NotPossible as error:
    sys.exit(f"not possible here: {error}")
"""

CABLE = """
def connects(port):
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
    except TimeoutError:
        return False
    return True

with socket.create_server(("127.0.0.1", 0)) as cut, socket.create_server(("127.0.0.1", 0)) as other:
    port, beside = cut.getsockname()[1], other.getsockname()[1]
    print(connects(port))
    with ground.cut(port):
        print(connects(port), connects(beside))
    print(connects(port))
"""

DISK = """
def keeps(file):
    try:
        file.write_bytes(b"x" * 100_000)
    except OSError as error:
        assert error.errno == errno.ENOSPC
        return False
    return True

folder = Path(sys.argv[1])
disk = ground.Disk(folder)
disk.put_under()
disk.fill()
print((folder / "kept").read_text(), keeps(folder / "new"))
disk.free()
print(keeps(folder / "new"))
disk.take_away()
print(sorted(each.name for each in folder.iterdir()))
"""


def _on_own_ground(code: str, *words: str) -> list[str]:
    """The lines that a program prints, in a process with network and mounts of its own."""
    command = [sys.executable, "-c", TAKEN + code, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.stderr.startswith("not possible here"):
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "pull", [lambda _: ground.cut(1).__enter__(), lambda place: ground.Disk(place).put_under()]
)
def test_ground_that_was_not_taken_is_not_touched(pull: Callable[[Path], None], tmp_path: Path) -> None:
    with pytest.raises(NotPossible):
        pull(tmp_path)


def test_a_cut_cable_lets_nothing_through_until_it_is_mended_and_others_are_whole() -> None:
    assert _on_own_ground(CABLE) == ["True", "False True", "True"]


def test_a_full_disk_takes_nothing_until_it_is_freed_and_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "kept").write_text("kept")
    assert _on_own_ground(DISK, str(folder)) == ["kept False", "True", "['kept', 'new']"]
    assert not folder.is_mount()
    assert sorted(each.name for each in folder.iterdir()) == ["kept", "new"]


@pytest.mark.parametrize("hours", [1, -1])
def test_a_wrong_clock_is_wrong_by_so_much_and_sleeps_as_long_as_it_should(hours: int) -> None:
    try:
        environment = os.environ | ground.skewed(hours)
    except NotPossible as error:
        pytest.skip(str(error))
    code = "import time; b = time.monotonic(); time.sleep(0.2); print(time.time(), time.monotonic() - b)"
    said = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    clock, slept = map(float, said.split())
    assert abs(clock - time.time() - hours * 3600) < 60
    assert 0.2 <= slept < 5
