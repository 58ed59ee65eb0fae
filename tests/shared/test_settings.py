"""The environment, read once."""

from pathlib import Path

import pytest

from shared import settings
from shared.settings import SettingsError


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "MINQING_DATABASE_URL": "postgresql+psycopg://intake@127.0.0.1/intake",
        "MINQING_IDENTITY_URL": "postgresql+psycopg://intake@127.0.0.1/identity",
        "MINQING_COUNTY": str(tmp_path),
        "MINQING_SECRETS": str(tmp_path),
    }


def test_what_is_optional_may_be_left_out(environ: dict[str, str]) -> None:
    read = settings.read(environ)
    assert (read.redis_url, read.clock, read.durable, read.intake_url) == (None, None, True, "/")


@pytest.mark.parametrize("name", ["DATABASE_URL", "IDENTITY_URL", "COUNTY", "SECRETS"])
def test_a_missing_setting_is_named(environ: dict[str, str], name: str) -> None:
    del environ[f"MINQING_{name}"]
    with pytest.raises(SettingsError, match=f"MINQING_{name}"):
        settings.read(environ)


def test_a_setting_may_stand_in_a_file(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql+psycopg://secret\n")
    del environ["MINQING_DATABASE_URL"]
    environ["MINQING_DATABASE_URL_FILE"] = str(tmp_path / "url")
    assert settings.read(environ).database_url == "postgresql+psycopg://secret"


def test_a_file_that_cannot_be_read_is_named(environ: dict[str, str], tmp_path: Path) -> None:
    del environ["MINQING_DATABASE_URL"]
    environ["MINQING_DATABASE_URL_FILE"] = str(tmp_path / "absent")
    with pytest.raises(SettingsError, match="MINQING_DATABASE_URL_FILE.*absent"):
        settings.read(environ)


@pytest.mark.parametrize("name", ["COUNTY", "SECRETS", "DISK"])
def test_a_directory_that_is_none_is_named(environ: dict[str, str], name: str) -> None:
    environ[f"MINQING_{name}"] = "/no/such/place"
    with pytest.raises(SettingsError, match=f"MINQING_{name}.*/no/such/place"):
        settings.read(environ)


@pytest.mark.parametrize("value", ["yes", "", "off"])
def test_only_an_express_no_lets_a_database_forget(environ: dict[str, str], value: str) -> None:
    assert settings.read(environ | {"MINQING_DURABLE": value}).durable
    assert not settings.read(environ | {"MINQING_DURABLE": "no"}).durable


@pytest.mark.parametrize("name", ["RATE", "KEY_RATE"])
@pytest.mark.parametrize("value", ["0", "59", "-600", "fast", "", "６００", "1e3"])
def test_a_rate_that_would_shut_people_out_is_named(environ: dict[str, str], name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"MINQING_{name}.*60"):
        settings.read(environ | {f"MINQING_{name}": value})
    assert settings.read(environ | {f"MINQING_{name}": "60"})


def test_people_and_addresses_have_one_rate_and_machines_a_higher_one(environ: dict[str, str]) -> None:
    read = settings.read(environ)
    assert (read.rate, read.key_rate) == (600, 6000)


OIDC = {
    "MINQING_OIDC_ISSUER": "https://id.county.example",
    "MINQING_OIDC_CLIENT_ID": "minqing",
    "MINQING_OIDC_CLIENT_SECRET": "between us",  # pragma: allowlist secret
    "MINQING_OVERSIGHT_URL": "https://minqing.county.example/",
}


def test_a_provider_is_named_whole_or_not_at_all(environ: dict[str, str]) -> None:
    assert settings.read(environ).provider is None
    assert settings.read(environ | OIDC | {"MINQING_OIDC_ISSUER": ""}).provider is None
    found = settings.read(environ | OIDC).provider
    assert found == settings.Provider("https://id.county.example", "minqing", "between us")
    for name in ("MINQING_OIDC_CLIENT_ID", "MINQING_OIDC_CLIENT_SECRET", "MINQING_OVERSIGHT_URL"):
        with pytest.raises(SettingsError, match=name):
            settings.read(environ | {each: value for each, value in OIDC.items() if each != name})


@pytest.mark.parametrize(
    "issuer",
    ["http://id.county.example", "http://localhost.evil.example", "ftp://localhost", "id.county.example"],
)
def test_a_provider_is_asked_over_https_alone_but_on_the_loopback(
    environ: dict[str, str], issuer: str
) -> None:
    with pytest.raises(SettingsError, match="MINQING_OIDC_ISSUER"):
        settings.read(environ | OIDC | {"MINQING_OIDC_ISSUER": issuer})
    assert settings.read(environ | OIDC | {"MINQING_OIDC_ISSUER": "http://127.0.0.1:5000"}).provider
