"""The environment, read once at start. A missing or unusable setting stops the start and says the cure."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
RATE = 600  # requests a minute, where MINQING_RATE says nothing else
KEY_RATE = 6000  # likewise MINQING_KEY_RATE
LEAST_RATE = 60  # a minute; fewer would shut people out of pages, and make Retry-After untrue


class SettingsError(Exception):
    """A setting is missing or cannot be used; the message names it and the cure."""


@dataclass(frozen=True)
class Provider:
    """The OpenID provider that people may sign in at: its issuer, and what we are called and share there."""

    issuer: str
    client: str
    secret: str


@dataclass(frozen=True)
class Settings:
    """What one process needs to know from outside. Each may also be given as `NAME_FILE` (docker secrets).

    database_url   MINQING_DATABASE_URL  this service's PostgreSQL, `postgresql+psycopg://user:pw@host/db`
    identity_url   MINQING_IDENTITY_URL  the identity database; read-only except for oversight
    redis_url      MINQING_REDIS_URL     the broker; workers only, an API process never talks to it
    county         MINQING_COUNTY        directory of the county's YAML
    secrets        MINQING_SECRETS       directory of key files (`minqing secrets create`)
    clock          MINQING_CLOCK         file with an offset in seconds; demos only, unset in production
    proxies        MINQING_PROXIES       how many of our own gateways stand before us (0): whose word on the
                                         caller's address is taken
    rate           MINQING_RATE          requests a minute that one process takes of an account, or of an
                                         address, of those who do not say who they are (600); 60 at least
    key_rate       MINQING_KEY_RATE      the same for one access key (6000)
    disk           MINQING_DISK          a folder on the disk of the database, whose reserve is then watched;
                                         unset = not looked at
    durable        MINQING_DURABLE       "no" lets PostgreSQL run without fsync; tests only
    intake_url, routing_url, oversight_url   MINQING_INTAKE_URL …  public addresses, for links
    provider       MINQING_OIDC_ISSUER   an OpenID issuer, as it calls itself, where people may sign in;
                                         https, but on the loopback; oversight's alone; unset = passwords only
                   MINQING_OIDC_CLIENT_ID, MINQING_OIDC_CLIENT_SECRET   with it: what we are there, and share
    """

    database_url: str
    identity_url: str
    redis_url: str | None
    county: Path
    secrets: Path
    clock: Path | None
    proxies: int
    rate: int
    key_rate: int
    disk: Path | None
    durable: bool
    intake_url: str
    routing_url: str
    oversight_url: str
    provider: Provider | None

    @property
    def urls(self) -> dict[str, str]:
        """The public address of each service, by its name."""
        return {"intake": self.intake_url, "routing": self.routing_url, "oversight": self.oversight_url}


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """Read all settings; raises SettingsError that names the first missing one."""
    values = os.environ if environ is None else environ
    clock = _get(values, "CLOCK", "")
    return Settings(
        database_url=_get(values, "DATABASE_URL"),
        identity_url=_get(values, "IDENTITY_URL"),
        redis_url=_get(values, "REDIS_URL", "") or None,
        county=_directory(values, "COUNTY"),
        secrets=_directory(values, "SECRETS"),
        clock=Path(clock) if clock else None,
        proxies=_number(values, "PROXIES", "0"),
        rate=_number(values, "RATE", str(RATE), least=LEAST_RATE),
        key_rate=_number(values, "KEY_RATE", str(KEY_RATE), least=LEAST_RATE),
        disk=_directory(values, "DISK") if _get(values, "DISK", "") else None,
        durable=_get(values, "DURABLE", "yes") != "no",
        intake_url=_get(values, "INTAKE_URL", "/"),
        routing_url=_get(values, "ROUTING_URL", "/"),
        oversight_url=_get(values, "OVERSIGHT_URL", "/"),
        provider=_provider(values) if _get(values, "OIDC_ISSUER", "") else None,
    )


def _get(values: Mapping[str, str], name: str, default: str | None = None) -> str:
    key = f"MINQING_{name}"
    if key in values:
        return values[key]
    if f"{key}_FILE" in values:
        return _content(f"{key}_FILE", Path(values[f"{key}_FILE"]))
    if default is not None:
        return default
    raise SettingsError(
        f"缺少设置 {key}，且无默认值；请设置环境变量 / {key} is missing and has no default: set it"
    )


def _provider(values: Mapping[str, str]) -> Provider:
    issuer, ours = _get(values, "OIDC_ISSUER"), urlsplit(_get(values, "OVERSIGHT_URL", "/"))
    parts = urlsplit(issuer)
    if parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in LOOPBACK):
        raise SettingsError(f"MINQING_OIDC_ISSUER: 须为 https 地址 / must be an https address: {issuer}")
    if not ours.netloc:
        raise SettingsError(
            "MINQING_OVERSIGHT_URL: 统一身份认证要回到这里，须为完整地址 / "
            "the provider leads back to it, so it must be a whole address"
        )
    return Provider(issuer, _get(values, "OIDC_CLIENT_ID"), _get(values, "OIDC_CLIENT_SECRET"))


def _number(values: Mapping[str, str], name: str, default: str, least: int = 0) -> int:
    given = _get(values, name, default)
    if not (given.isascii() and given.isdecimal() and int(given) >= least):
        raise SettingsError(
            f"MINQING_{name}: 须为数字，不小于 {least} / must be a number, {least} at least: {given}"
        )
    return int(given)


def _content(key: str, path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{key}: 无法读取 / cannot read {path}: {error.strerror}") from error


def _directory(values: Mapping[str, str], name: str) -> Path:
    path = Path(_get(values, name))
    if not path.is_dir():
        raise SettingsError(f"MINQING_{name}: 目录不存在 / not a directory: {path}")
    return path
