"""How someone shows a service who they are, and what it answered."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie

import httpx

from deploy.minqing import databases, keys, sample_people
from deploy.minqing.leaktest.findings import Found
from deploy.minqing.leaktest.ground import Ground
from deploy.minqing.trouble import Trouble
from shared import identity
from shared.identity.model import Caller

TIMEOUT = 30  # seconds
EXPIRES = timedelta(days=1)
HTML = {"Accept": "text/html"}

Headers = Mapping[str, str]


def key(ground: Ground, caller: Caller) -> Headers:
    """The headers of a program with a new access key, of a caller like this one."""
    url = ground.plan.database_urls()["identity"]
    named = Caller(identity.new_id(), caller.held, caller.department, caller.office)
    made = keys.issue(url, named, f"leaktest {named.key}", datetime.now(UTC) + EXPIRES)
    return {"Authorization": f"Bearer {made}"}


def session(ground: Ground, login: str, role: str, scope: Mapping[str, str]) -> Headers:
    """The headers of a new person's browser, who signed in with password and, if needed, recovery code."""
    with databases.reached(ground.plan.database_urls()["identity"]) as engine:
        made = sample_people.make_one(engine, ground.data / "secrets", login, (role, scope))
    door = ground.plan.urls["oversight"]
    with httpx.Client(base_url=door, headers={"Origin": door}, timeout=TIMEOUT) as browser:
        answer = browser.post("/sign-in", data={"login": login, "password": made["password"]})
        if "recovery" in made:
            code = {"code": made["recovery"].split()[0]}
            answer = browser.post("/sign-in/factor", data=code, headers=_cookie(answer))
    return _cookie(answer)


def _cookie(answer: httpx.Response) -> dict[str, str]:
    """The cookie that an answer sets, sent as browsers do on the loopback, which they trust without https."""
    kept = SimpleCookie(answer.headers.get("Set-Cookie", ""))
    if not kept:
        raise Trouble(f"登录失败：{answer.status_code}", f"Signing in failed: {answer.status_code}")
    return {"Cookie": "; ".join(f"{name}={morsel.coded_value}" for name, morsel in kept.items())}


def found(place: str, answer: httpx.Response) -> Found:
    """An answer as something to search: its headers and its body."""
    request, head = answer.request, "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
    where = f"{request.method} {request.url.raw_path.decode()} → {answer.status_code}"
    return Found(place, where, head.encode() + b"\n\n" + answer.content)
