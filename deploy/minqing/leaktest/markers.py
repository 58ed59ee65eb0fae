"""Markers: values that stand nowhere else, and every way in which one might be written down. Pure.

Those of identity (name, phone, document number, address) must be nowhere outside intake's sealed fields.
Those of free text (summary, text, reason, note, explanation, answer) must be nowhere in public, and with
nobody who has no part in the case.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from urllib.parse import quote, quote_plus

from stdnum.iso7064 import mod_11_2

from services.intake import domain

IDENTITY = ("name", "phone", "id_number", "address")
LENGTH = 8  # characters of a marker made of words
HANZI = (0x4E00, 0x9FA5)
PLAIN = "plain"  # as it was typed, and in the other usual spellings
CUT = 12  # bytes of a digest that are looked for: it may be kept cut short
DIGESTS = ("md5", "sha1", "sha256", "sha512")


@dataclass(frozen=True)
class Marker:
    """A value that was typed into `field` at `door` (api, page, nonsense), of the case with this label."""

    value: str
    field: str
    case: str
    door: str

    @property
    def identity(self) -> bool:
        """Whether it says who somebody is."""
        return self.field in IDENTITY


def make(chance: Random, field: str, case: str, door: str) -> Marker:
    """A new marker; phones and document numbers are valid ones, spelled otherwise at each door."""
    return Marker(_VALUES.get(field, _words)(chance, door), field, case, door)


def _words(chance: Random, _: str) -> str:
    return "".join(chr(chance.randint(*HANZI)) for _ in range(LENGTH))


def _phone(chance: Random, door: str) -> str:
    digits = f"199{chance.randrange(10**8):08d}"
    return f"+86 {_grouped(digits, ' ')}" if door == "api" else _grouped(digits, "-")


def _document(chance: Random, door: str) -> str:
    born = f"{chance.randint(1940, 2005)}{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}"
    number = f"{chance.randint(110000, 659999)}{born}{chance.randrange(1000):03d}"
    number += str(mod_11_2.calc_check_digit(number))
    return number if door == "api" else number.lower()


def _address(chance: Random, door: str) -> str:
    return f"{_words(chance, door)}{chance.randint(1, 99)}号"


_VALUES: Mapping[str, Callable[[Random, str], str]] = {
    "phone": _phone,
    "id_number": _document,
    "address": _address,
}


def spellings(marker: Marker) -> Mapping[bytes, str]:
    """What to look for, and what each is called: plain, escaped, encoded, or an unkeyed digest."""
    plain = {marker.value, *_usual(marker)}
    found = {each.encode(): PLAIN for each in plain}
    for value in plain:
        for needle, form in (*_escaped(value), *_encoded(value)):
            found.setdefault(needle, form)
        if marker.identity:
            found |= dict(_digests(value))
    return found


def _usual(marker: Marker) -> set[str]:
    """The other ways in which people write a phone or a document number; `…` hides the middle of a phone."""
    if marker.field == "phone":
        digits = domain.phone_digits(marker.value)
        return {digits, f"86{digits}", _grouped(digits, " "), _grouped(digits, "-"), _masked(digits)}
    if marker.field == "id_number":
        number = domain.document_number(marker.value)
        return {number, number.lower(), f"{number[:6]} {number[6:14]} {number[14:]}"}
    return set()


def _grouped(digits: str, between: str) -> str:
    return between.join((digits[:3], digits[3:7], digits[7:]))


def _masked(digits: str) -> str:
    return f"{digits[:3]}****{digits[7:]}"


def _escaped(value: str) -> Iterator[tuple[bytes, str]]:
    """As JSON, HTML and addresses write what is not ASCII."""
    if value.isascii() and value.isalnum():
        return
    escaped = json.dumps(value)[1:-1]
    yield from ((each.encode(), "escaped") for each in (escaped, escaped.upper().replace("\\U", "\\u")))
    yield "".join(f"&#{ord(c)};" for c in value).encode(), "HTML entities"
    yield "".join(f"&#x{ord(c):x};" for c in value).encode(), "HTML entities"
    for quoted in (quote(value), quote_plus(value)):
        yield from ((each.encode(), "percent-encoded") for each in (quoted, quoted.lower()))


def _encoded(value: str) -> Iterator[tuple[bytes, str]]:
    raw = value.encode()
    yield from ((each.encode(), "hex") for each in (raw.hex(), raw.hex().upper()))
    yield from ((core, "base64") for offset in range(3) for core in _base64(raw, offset))
    for name in ("gb18030", "utf-16-le", "utf-16-be"):
        yield value.encode(name), name


def _base64(raw: bytes, offset: int) -> Iterator[bytes]:
    """The letters that stand for `raw` whatever stands around it, when `offset` bytes of three precede it."""
    first, full = (0, 2, 3)[offset], (offset + len(raw)) * 8 // 6
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(bytes(offset) + raw)[first:full]


def _digests(value: str) -> Iterator[tuple[bytes, str]]:
    """The beginning of a digest without a key: whoever tries all phone numbers finds the right one."""
    for name in DIGESTS:
        digest = hashlib.new(name, value.encode(), usedforsecurity=False).digest()[:CUT]
        hexadecimal = digest.hex()
        for needle in (digest, hexadecimal.encode(), hexadecimal.upper().encode(), base64.b64encode(digest)):
            yield needle, name
