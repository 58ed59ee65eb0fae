"""The reserve of the database's disk."""

from pathlib import Path

import pytest

from shared import disk
from shared.disk import Space

GB = 1_000_000_000


@pytest.mark.parametrize(
    ("free", "total", "short"),
    [
        (50 * GB, 1000 * GB, False),
        (50 * GB - 1, 1000 * GB, True),  # 5 %
        (GB, 10 * GB, False),
        (GB - 1, 10 * GB, True),  # 1 GB, though it is nearly 10 %
        (0, 0, True),
    ],
)
def test_the_reserve_is_the_larger_of_a_share_and_a_size(free: int, total: int, *, short: bool) -> None:
    assert disk.is_short(Space(free, total)) is short


def test_the_disk_of_a_folder_is_measured(tmp_path: Path) -> None:
    space = disk.space(tmp_path)
    assert 0 <= space.free <= space.total
