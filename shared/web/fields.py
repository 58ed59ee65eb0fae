"""Fields and small schemas that all services share."""

import unicodedata
from itertools import islice
from typing import Any

from marshmallow import Schema, fields, validate

KEPT = "\n\t"  # control characters that a text may hold
MOST_MARKS = 30  # on one letter, as in Unicode's stream-safe text (UAX 15); no language needs as many
# What shows nothing, or turns the direction of writing; text that was copied from elsewhere has them.
UNSEEN = dict.fromkeys(
    [
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        *map(ord, "\u00ad\u115f\u1160\u200b\u2060\u2800\u3164\ufeff\uffa0"),
    ]
)


class Words(fields.String):
    """Text that people wrote: trimmed, Unicode NFC, line ends as \\n, up to `most` characters.

    At least `least` of them must show something: a reason of invisible characters is none. Refuses control
    characters, characters that stand for nothing (surrogates, unassigned), and heaps of marks on one letter:
    to bring those into order takes a time that grows with the square of their number.
    """

    default_error_messages = {
        "control": "Control characters are not allowed.",
        "marks": "Too many marks on one letter.",
    }

    def __init__(self, *, most: int, least: int = 1, **kwargs: Any) -> None:
        super().__init__(validate=validate.Length(min=least, max=most), **kwargs)
        self.least = least

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        words = super()._deserialize(value, attr, data, **kwargs).translate(UNSEEN)
        if not words.isprintable():
            words = words.replace("\r\n", "\n")
            if any(unicodedata.category(c) in ("Cc", "Cs", "Cn") for c in words if c not in KEPT):
                raise self.make_error("control")
        if not words.isascii() and _is_heaped(words):
            raise self.make_error("marks")
        kept = unicodedata.normalize("NFC", words).strip()
        return kept if self._shows(kept) else ""

    def _shows(self, words: str) -> bool:
        seen = (character for character in words if unicodedata.category(character)[0] in "LNPS")
        return len(list(islice(seen, self.least))) == self.least


def _is_heaped(words: str) -> bool:
    marks = 0
    for character in words:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MOST_MARKS:
            return True
    return False


class Page(fields.Integer):
    """A page of a list, from 1."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(load_default=1, validate=validate.Range(min=1, max=100_000), **kwargs)


def one_of(choices: tuple[str, ...], *, required: bool = True) -> fields.String:
    """One of some words; None if it may be left out."""
    if required:
        return fields.String(required=True, validate=validate.OneOf(choices))
    return fields.String(load_default=None, allow_none=True, validate=validate.OneOf(choices))


def identifier() -> Words:
    """An id of the county directory that may be left out; whether it exists is for the domain to say."""
    return Words(most=80, load_default=None, allow_none=True)


class Paged(Schema):
    """Which page of a list."""

    page = Page()


class Text(Schema):
    """The same words in Chinese and in English; what a person wrote is the same in both."""

    zh = fields.String()
    en = fields.String()
