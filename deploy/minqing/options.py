"""Options that several commands have, and what they lead to."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import httpx

from deploy.minqing import databases, suite
from deploy.minqing.trouble import Trouble

Command = Callable[..., Any]


def data(command: Command) -> Command:
    """Add `--data`, the suite's folder, as an absolute path."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
        default=".data",
        envvar="MINQING_DATA",
        show_default=True,
        help="数据目录 | the suite's data folder",
    )(command)


def database_url(data: Path, database: str) -> str:
    """Return the address of a database for its owner: what the environment says, else that suite's."""
    given = databases.given()
    if not given:
        return suite.find(data).database_urls()[database]
    if database not in given:
        name = f"MINQING_{database.upper()}_DATABASE_URL"
        raise Trouble(f"缺少环境变量 {name}", f"The environment names other databases, but {name} is missing")
    return given[database]


@dataclass(frozen=True)
class Target:
    """The intake API that a command works through: given by address and key, or the suite's on `data`."""

    url: str | None
    key: str | None
    data: Path

    def client(self) -> httpx.Client:
        """Return a client that is signed in there. The key of a suite started here is its clerk's."""
        url = self.url or suite.find(self.data).urls["intake"]
        key = self.key or json.loads((self.data / "keys.json").read_text())["clerk"]
        return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30)


def target(command: Command) -> Command:
    """Add `--url`, `--key` and `--data`, and give the command a `target`."""

    @click.option("--url", help="登记服务的地址 | intake's address [the suite started here]")
    @click.option("--key", envvar="MINQING_KEY", help="访问密钥 | access key [the clerk's of that suite]")
    @data
    @functools.wraps(command)
    def with_target(*, url: str | None, key: str | None, data: Path, **kwargs: Any) -> Any:
        return command(target=Target(url, key, data), **kwargs)

    return with_target
