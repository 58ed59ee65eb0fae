"""Personal data at rest."""

from dataclasses import replace
from pathlib import Path

import pytest

from services.intake import domain, store
from services.intake.domain import Petitioner
from shared import keyring, vault
from shared.vault import Vault
from tests.world import World

NAMES = ("何桂兰", "段玉成")


@pytest.fixture
def safe(tmp_path: Path) -> Vault:
    keyring.create(tmp_path / "secrets")
    return vault.at(tmp_path / "secrets")


def test_nothing_stays_nothing(safe: Vault) -> None:
    assert safe.close(None, "x") is safe.open(None, "x") is safe.index("phone", None) is None


def test_an_index_finds_equal_values_of_one_column_and_shows_nothing(safe: Vault) -> None:
    assert safe.index("phone", "19900000001") == safe.index("phone", "19900000001")
    assert safe.index("phone", "19900000001") != safe.index("id_number", "19900000001")
    assert b"199" not in (safe.index("phone", "19900000001") or b"")


def test_a_value_is_found_under_every_key_and_as_the_first_version_kept_it(safe: Vault) -> None:
    (name, key), other = next(iter(safe.blind.items())), b"o" * 32
    newer = replace(safe, blind={b"newr": other, name: key})
    kept = safe.index("phone", "19900000001") or b""
    assert kept.startswith(name)
    assert {kept, kept[4:], newer.index("phone", "19900000001")} <= set(newer.indexes("phone", "19900000001"))
    assert (newer.index("phone", "19900000001") or b"").startswith(b"newr")
    assert not set(newer.indexes("phone", "19900000001")) & set(newer.indexes("phone", "19900000002"))


def test_a_code_on_paper_is_known_though_the_key_was_changed(safe: Vault) -> None:
    newer = replace(safe, code=(b"n" * 32, *safe.code))
    assert safe.digest("1") in newer.digests("1")
    assert newer.digest("1") == newer.digests("1")[0] != safe.digest("1")


def test_every_spelling_of_a_phone_has_one_index(safe: Vault) -> None:
    spellings = [
        "19900000001",
        "199 0000 0001",
        "+86 199-0000-0001",
        "008619900000001",
        "１９９０００００００１",
    ]
    assert len({safe.index("phone", domain.phone_digits(each)) for each in spellings}) == 1


def test_every_spelling_of_a_document_number_has_one_index(safe: Vault) -> None:
    spellings = ["11010519491231002X", "11010519491231002x", "110105 1949 1231 002X", "110105491231002"]
    assert len({safe.index("id_number", domain.document_number(each)) for each in spellings}) == 1


def test_a_sealed_value_moved_to_another_row_or_column_does_not_open(world: World) -> None:
    for n, name in enumerate(NAMES):
        person = {"name": name, "phone": f"1990000000{n}", "address": f"{name}家"}
        assert world.register(str(n), petitioners=[person]).status_code == 201
    intake = world.services["intake"]
    safe = vault.at(intake.settings.secrets)
    numbers = [row.number for row in world.query("intake", "SELECT number FROM grievance ORDER BY number")]
    with intake.transaction() as tx:
        assert store.petitioners.get(tx, safe, numbers[0]) == [
            Petitioner("何桂兰", "19900000000", None, "何桂兰家", representative=False)
        ]
    swaps = (
        "UPDATE petitioner SET name = (SELECT name FROM petitioner WHERE number = :two) WHERE number = :one",
        "UPDATE petitioner SET name = address WHERE number = :one",
    )
    for swap in swaps:
        world.query("intake", swap + " RETURNING 1", one=numbers[0], two=numbers[1])
        with intake.transaction() as tx, pytest.raises(keyring.Tampered):
            store.petitioners.get(tx, safe, numbers[0])
