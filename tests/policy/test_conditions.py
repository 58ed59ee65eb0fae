"""One rule, two readings: what Python says of a row, PostgreSQL says of the same row."""

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Text, literal, select

from shared.policy.conditions import where
from shared.policy.reach import Clause, Reach
from tests.world import World

FIELDS = ("office", "place", "unit", "accused")
WORDS = st.sampled_from(["hotline", "housing", "dongmen", "o'hara", ""])
CLAUSES = st.builds(Clause, st.sampled_from(FIELDS), st.frozensets(WORDS, max_size=3), st.booleans())
ROWS = st.fixed_dictionaries({field: st.none() | WORDS for field in FIELDS})


def test_a_reach_holds_of_a_row_exactly_if_its_condition_finds_it(world: World) -> None:
    with world.services["intake"].reading() as tx:

        @settings(max_examples=300, deadline=None)
        @given(st.lists(CLAUSES, max_size=4), ROWS)
        def agree(clauses: list[Clause], row: dict[str, str | None]) -> None:
            reach = Reach(tuple(clauses))
            columns = {field: literal(value, Text) for field, value in row.items()}
            found = tx.execute(select(1).where(where(reach, columns))).all()
            assert bool(found) is reach.holds(row)

        agree()
