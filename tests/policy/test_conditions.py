"""One rule, two readings: what Python says of a row, PostgreSQL says of the same row."""

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, Text, insert, literal, select

from shared import policy
from shared.county.terms import KINDS
from shared.policy import conditions
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
            found = tx.execute(select(1).where(conditions.where(reach, columns))).all()
            assert bool(found) is reach.holds(row)

        agree()


def test_who_is_accused_is_the_same_in_python_and_in_a_table(world: World) -> None:
    grievance = Table(
        "matter", MetaData(), Column("kind", Text), Column("unit", Text), prefixes=["TEMPORARY"]
    )
    rows = [{"kind": kind, "unit": unit} for kind in KINDS for unit in ("housing", None)]
    with world.services["intake"].transaction() as tx:
        grievance.create(tx)
        tx.execute(insert(grievance), rows)
        found = tx.execute(select(grievance, conditions.accused(grievance).label("accused"))).all()
        grievance.drop(tx)
    assert len(found) == len(rows)
    assert all(row.accused == policy.accused(row.kind, row.unit) for row in found)
    assert {row.accused for row in found} == {"housing", None}
