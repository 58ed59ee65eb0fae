"""Whether a routing rule can ever be reached, given the rules before it. Pure."""

from shared.county.model import Condition, Rule
from shared.county.terms import PLACE


def covers(earlier: Rule, later: Rule) -> bool:
    """Whether all that `later` asks for has been decided by `earlier`.

    A rule that leads to the place decides nothing where the place is unknown, so it covers only its like.
    """
    if earlier.lead == PLACE != later.lead:
        return False
    return _narrower(later.when, earlier.when) and _implies(later.when, earlier.when)


def _narrower(narrow: Condition, wide: Condition) -> bool:
    """Whether every kind, category, place and unit that `narrow` takes is one that `wide` takes."""
    pairs = (
        (narrow.kinds, wide.kinds),
        (narrow.categories, wide.categories),
        (narrow.places, wide.places),
        (narrow.units, wide.units),
    )
    return all(not most or (some and set(some) <= set(most)) for some, most in pairs)


def _implies(narrow: Condition, wide: Condition) -> bool:
    """Whether a text that has the words `narrow` asks for must have those of `wide`."""
    return (
        (not wide.any_of or _has_one(narrow, wide.any_of))
        and all(_has_one(narrow, (word,)) for word in wide.all_of)
        and all(any(absent in word for absent in narrow.none_of) for word in wide.none_of)
    )


def _has_one(narrow: Condition, words: tuple[str, ...]) -> bool:
    """Whether any text for `narrow` has one of `words`, be it within a longer word."""

    def within(text: str) -> bool:
        return any(word in text for word in words)

    return any(map(within, narrow.all_of)) or (bool(narrow.any_of) and all(map(within, narrow.any_of)))
