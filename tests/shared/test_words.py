"""Every code that a page may meet has its words."""

from collections.abc import Collection
from itertools import chain

import pytest

from services.intake import domain as intake
from services.oversight import domain as oversight
from services.routing import domain as routing
from shared import county, words
from shared.county import terms
from shared.identity import model
from tests.world import COUNTY

DIRECTORY = county.load(COUNTY)


@pytest.mark.parametrize(
    ("named", "codes"),
    [
        (words.KINDS, terms.KINDS),
        (words.KIND_HINTS, terms.KINDS),
        (words.CHANNELS, terms.CHANNELS),
        (words.URGENCIES, terms.URGENCIES),
        (words.STATUSES, intake.MOVES),
        (words.ROLES, routing.ROLES),
        (words.TASKS, routing.TASK_MOVES),
        (words.OUTCOMES, routing.OUTCOMES),
        (words.DEADLINES, oversight.STATES),
        (words.NOTICES, oversight.MOVES),
        (words.NOTICE_MOVES, {move for moves in oversight.MOVES.values() for move in moves}),
        (words.PEOPLE, model.ROLES),
        (words.OFFICE_KINDS, {office.kind for office in DIRECTORY.offices.values()}),
        (words.DEPARTMENT_KINDS, {department.kind for department in DIRECTORY.departments.values()}),
    ],
)
def test_each_code_has_its_words(named: words.Words, codes: Collection[str]) -> None:
    assert set(codes) == set(named)


def test_all_words_are_said_in_both_languages() -> None:
    tables = [table for name, table in vars(words).items() if name.isupper()]
    for said in chain.from_iterable(table.values() for table in tables):
        assert said.zh.strip() and said.en.strip()
        assert said.en.replace("’", "'").isascii(), said
