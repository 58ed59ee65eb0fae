"""Grievance numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import numbers
from shared.problems import Malformed

NUMBERS = st.builds(numbers.make, st.integers(2020, 2099), st.integers(1, 9_999_999))
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


def _valid(text: str) -> bool:
    try:
        numbers.parse(text)
    except Malformed:
        return False
    return True


@given(NUMBERS)
def test_a_number_is_its_own_usual_spelling(number: str) -> None:
    assert numbers.parse(number) == number


@given(NUMBERS, st.sampled_from(["-", " ", "", "—", "－", " - "]), st.booleans())
def test_a_number_is_understood_however_it_was_typed(number: str, between: str, wide: bool) -> None:  # noqa: FBT001
    typed = f" {number.replace('-', between)} "
    assert numbers.parse(typed.translate(FULL_WIDTH) if wide else typed) == number


@given(NUMBERS, st.data())
def test_every_single_wrong_digit_is_refused(number: str, data: st.DataObject) -> None:
    at = data.draw(st.sampled_from([i for i, c in enumerate(number) if c.isdigit()]))
    other = data.draw(st.sampled_from([c for c in "0123456789" if c != number[at]]))
    assert not _valid(number[:at] + other + number[at + 1 :])


def test_of_a_hundred_swaps_of_neighbours_less_than_one_passes() -> None:
    swaps = [
        digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
        for sequence in range(1, 4000, 7)
        for digits in [numbers.make(2026, sequence).replace("-", "")]
        for at in range(len(digits) - 1)
        if digits[at] != digits[at + 1]
    ]
    unnoticed = sum(_valid(swap) for swap in swaps)
    assert unnoticed / len(swaps) < 0.01


@pytest.mark.parametrize(
    "typed",
    ["", "-", "二〇二六", "2026", "2026-00000a-1", "2026-000001", "1" * 21, "2026_000001_0", "½" * 11],
)
def test_what_is_no_number_is_refused(typed: str) -> None:
    assert not _valid(typed)


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_refused_with_words(typed: str) -> None:
    _valid(typed)
