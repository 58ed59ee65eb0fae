"""A page of a list, and how long the list is."""

import pytest
from sqlalchemy import func, select

from shared import paging
from shared.paging import PAGE
from tests.world import World


@pytest.mark.parametrize(
    ("page", "first", "rows"), [(1, 1, PAGE), (2, PAGE + 1, PAGE), (3, 2 * PAGE + 1, 2), (4, None, 0)]
)
def test_a_page_has_its_rows_and_the_whole_list_is_counted(
    world: World, page: int, first: int | None, rows: int
) -> None:
    n = func.generate_series(1, 2 * PAGE + 2).column_valued("n")
    with world.services["intake"].reading() as tx:
        total, found = paging.read(tx, select(n).order_by(n), page)
    assert (total, len(found)) == (2 * PAGE + 2, rows)
    assert next((row.n for row in found), None) == first
