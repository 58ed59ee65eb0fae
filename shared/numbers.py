"""Grievance numbers: year, sequence and a check digit, easy to read out on the phone. Pure.

`2026-000123-4`: digits only, so they can be said in any dialect and typed on any keypad. The check digit
(ISO 7064 MOD 11,10) finds every single wrong digit and nearly every swap of neighbours.
"""

import unicodedata

from stdnum.iso7064 import mod_11_10

from shared.problems import Malformed

LONGEST = 80  # characters of a number as it is typed, with spaces and hyphens


def make(year: int, sequence: int) -> str:
    """The number of the `sequence`-th grievance (counted on through the years), in its usual spelling."""
    digits = f"{year:04d}{sequence:06d}"
    return _spell(digits + mod_11_10.calc_check_digit(digits))


def parse(spoken: str) -> str:
    """The usual spelling of a number however it was typed: spaces, no hyphens, full-width digits.

    Refuses (Malformed) what has no digits, is too short, or has a wrong check digit.
    """
    # What is far too long is not looked at: normalising it can take the square of its length.
    typed = spoken if len(spoken) <= LONGEST else ""
    digits = unicodedata.normalize("NFKC", typed).translate(str.maketrans("", "", "-—–－ \t"))
    if len(digits) < 11 or len(digits) > 20 or not (digits.isascii() and mod_11_10.is_valid(digits)):
        raise Malformed(
            "诉求编号有误：请核对每一位数字，末位是校验码",
            "This is not a grievance number: compare each digit, the last one is a check digit",
        )
    return _spell(digits)


def _spell(digits: str) -> str:
    return f"{digits[:4]}-{digits[4:-1]}-{digits[-1]}"
