"""Browsers that people came in with before, as values."""

import base64
from dataclasses import replace

import pytest

from shared.identity import devices
from shared.identity.accounts import Account
from shared.identity.devices import LIVES, MOST
from shared.keyring import Seal

NOW = 1_800_000_000.0
SEAL = Seal.of((b"k" * 32,))
OLDER = Seal.of((b"n" * 32, b"k" * 32))  # the same after a rotation
LIN = Account("a1b2c3d4", "lin", "Lin", "active", "$argon2id$one", totp=False, passkeys=0)
WANG = replace(LIN, id="e5f6g7h8", login="wang")


def test_a_browser_is_known_to_whoever_came_in_with_it_and_to_nobody_else() -> None:
    kept = devices.remember([], LIN, NOW)
    assert devices.known(kept, LIN, NOW) == kept[0]
    assert devices.known(kept, WANG, NOW) is None
    assert devices.known([], LIN, NOW) is None


def test_it_is_known_for_ninety_days_and_until_the_password_changes() -> None:
    kept = devices.remember([], LIN, NOW)
    ends = NOW + LIVES.total_seconds()
    assert devices.known(kept, LIN, ends - 1) is not None
    assert devices.known(kept, LIN, ends) is None
    assert devices.known(kept, replace(LIN, password="$argon2id$two"), NOW) is None


def test_coming_in_again_gives_a_new_word_and_keeps_those_of_others() -> None:
    before = devices.remember(devices.remember([], WANG, NOW), LIN, NOW)
    after = devices.remember(before, LIN, NOW)
    assert [each.account for each in after] == [LIN.id, WANG.id]
    assert after[0].id != before[0].id
    assert after[1] == before[1]


def test_one_browser_is_known_to_the_latest_few() -> None:
    kept: list[devices.Device] = []
    for n in range(MOST + 1):
        kept = devices.remember(kept, replace(LIN, id=f"{n:08}"), NOW)
    assert [each.account for each in kept] == [f"{n:08}" for n in range(MOST, 0, -1)]
    assert len(devices.close(SEAL, kept)) < 1500  # bytes; a gateway takes 8,000 for a line


def test_what_was_closed_is_opened_also_after_a_rotation_and_cannot_be_read() -> None:
    kept = devices.remember([], LIN, NOW)
    value = devices.close(SEAL, kept)
    assert devices.open_(SEAL, value) == devices.open_(OLDER, value) == kept
    raw = base64.b64decode(value.rpartition(".")[2])
    assert not any(said.encode() in raw for said in (LIN.login, LIN.id, kept[0].id))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "v1",
        "v1.é.ü",
        "v1.00000000.AAAA",
        SEAL.close(b"[]", "elsewhere"),
        Seal.of((b"x" * 32,)).close(b"[]", devices.PLACE),
    ],
    ids=["nothing", "a version", "letters", "no such key", "of another place", "with another key"],
)
def test_what_we_did_not_close_is_nothing(value: str) -> None:
    assert devices.open_(SEAL, value) == []
