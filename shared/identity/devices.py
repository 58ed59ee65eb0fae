"""Browsers that people came in with before: guesses of strangers do not shut these out (S9).

Ten wrong passwords shut a login to everybody, so that whoever knows a login could keep its owner out. A
browser in which the owner came in holds a sealed word of it, and what is tried from there is counted apart:
ten guesses of its own and no more, should it be stolen (OWASP, "Slow down online guessing attacks with device
cookies").
"""

import hashlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import timedelta

import orjson

from shared.identity import references
from shared.identity.accounts import Account
from shared.keyring import Seal, Tampered

LIVES = timedelta(days=90)
MOST = 8  # people whom one browser is known to, the latest: a computer at a counter has several
PLACE = "known browser"  # what the seal is bound to


@dataclass(frozen=True)
class Device:
    """That an account came in with a browser.

    Guesses are counted under `id`, which is random; `stamp` changes with the account's password; `until` is
    in seconds since 1970.
    """

    account: str
    id: str
    stamp: str
    until: int


def known(kept: Sequence[Device], account: Account, now: float) -> Device | None:
    """As what a browser that keeps these is known to an account; None if it is a stranger's."""
    for device in kept:
        if device.account == account.id and device.stamp == _stamp(account) and now < device.until:
            return device
    return None


def remember(kept: Sequence[Device], account: Account, now: float) -> list[Device]:
    """What a browser keeps after an account came in with it: a new word, before those of others."""
    until = int(now + LIVES.total_seconds())
    latest = Device(account.id, references.word(8), _stamp(account), until)
    return [latest, *(device for device in kept if device.account != account.id)][:MOST]


def close(seal: Seal, kept: Sequence[Device]) -> str:
    """The cookie's value, which nobody else can make or read."""
    return seal.close(orjson.dumps([astuple(device) for device in kept]), PLACE)


def open_(seal: Seal, value: str) -> list[Device]:
    """What a cookie's value keeps; nothing, if `close` did not make it."""
    try:
        return [Device(*fields) for fields in orjson.loads(seal.open(value, PLACE))]
    except Tampered:
        return []


def _stamp(account: Account) -> str:
    """Ends with the password: a digest of its salted hash."""
    return hashlib.sha256((account.password or "").encode()).hexdigest()[:16]
