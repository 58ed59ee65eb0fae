"""The rules of delivery."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import delivery
from shared.delivery import Decision


@pytest.mark.parametrize(
    ("position", "sequence", "decision"),
    [
        (0, 1, Decision.APPLY),
        (0, 2, Decision.HOLD),
        (1, 1, Decision.DUPLICATE),
        (7, 3, Decision.DUPLICATE),
        (7, 8, Decision.APPLY),
        (7, 9, Decision.HOLD),
        (7, 8 + delivery.MOST_HELD, Decision.HOLD),
        (7, 9 + delivery.MOST_HELD, Decision.REFUSE),
    ],
)
def test_an_event_is_applied_only_right_after_its_predecessor(
    position: int, sequence: int, decision: Decision
) -> None:
    assert delivery.decide(position, sequence) is decision


@given(st.lists(st.integers(1, 8), max_size=60))
def test_whatever_arrives_in_whatever_order_is_applied_once_and_in_order(arriving: list[int]) -> None:
    position, applied, held = 0, [], set()
    for sequence in arriving:
        if delivery.decide(position, sequence) is not Decision.DUPLICATE:
            held.add(sequence)
        while position + 1 in held:
            position += 1
            applied.append(position)
    assert applied == list(range(1, len(applied) + 1))
    assert len(applied) + 1 not in arriving


@pytest.mark.parametrize(
    ("unheard", "deaf"), [(0, False), (delivery.MOST_UNHEARD, False), (delivery.MOST_UNHEARD + 1, True)]
)
def test_deaf_is_who_hears_none_of_its_own_canaries(unheard: int, *, deaf: bool) -> None:
    assert delivery.is_deaf(unheard) is deaf
