"""Those who act in a replay: each with an access key of their own, through the services' APIs."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from deploy.minqing import suite
from deploy.minqing.replay.acts import Act, Who
from deploy.minqing.trouble import Trouble
from shared import database, identity
from shared.identity import Caller

LONGEST = timedelta(hours=6)  # for keys that a killed replay could not revoke
TIMEOUT = 30  # seconds


class Players:
    """Everyone who has a key. A key is issued when its holder first acts."""

    def __init__(self, found: suite.Suite) -> None:
        self.engine = database.connect(found.database_urls()["identity"], pool=1)
        self.clients = {
            service: httpx.Client(base_url=url, timeout=TIMEOUT) for service, url in found.urls.items()
        }
        self.keys: dict[Who, str] = {}
        self.ids: list[str] = []

    def post(self, act: Act) -> httpx.Response:
        """Do something; done again, it is the same request."""
        key = hashlib.sha256(repr((act.path, act.body)).encode()).hexdigest()
        headers = self._headers(act.who) | {"Idempotency-Key": key}
        with _answering():
            return self.clients[act.service].post(act.path, json=act.body, headers=headers)

    def get(self, who: Who, service: str, path: str, **query: Any) -> Any:
        """Look at something."""
        with _answering():
            answer = self.clients[service].get(path, params=query, headers=self._headers(who))
            return answer.raise_for_status().json()

    def all(self, who: Who, service: str, path: str, name: str, **query: Any) -> Iterator[Any]:
        """Look at all pages of a list, the one that the answer calls `name`."""
        seen, page = 0, 1
        while (answer := self.get(who, service, path, page=page, **query))[name]:
            yield from answer[name]
            seen, page = seen + len(answer[name]), page + 1
            if seen >= answer["total"]:
                return

    def close(self) -> None:
        """Revoke every key."""
        for key in self.ids:
            identity.revoke(self.engine, key)
        for client in self.clients.values():
            client.close()
        self.engine.dispose()

    def _headers(self, who: Who) -> dict[str, str]:
        if who not in self.keys:
            self.keys[who] = self._issue(who)
        return {"Authorization": f"Bearer {self.keys[who]}"}

    def _issue(self, who: Who) -> str:
        department, office = (who.of, None) if who.role == "department" else (None, who.of)
        caller = Caller(identity.new_id(), who.role, department, office)
        self.ids.append(caller.key)
        return identity.issue(self.engine, caller, f"replay {caller.key}", datetime.now(UTC) + LONGEST)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise Trouble(
            f"服务应答异常：{error}", "A service did not answer as it should, see above."
        ) from error
