"""What Redis says of itself: does it keep and refuse as it should, and who may do what."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from deploy.minqing import databases
from deploy.minqing.doctor.deployment import LOOPBACK, Deployment, Finding
from shared import bus

WANTED = {"appendonly": "yes", "maxmemory-policy": "noeviction"}
FORBIDDEN = (["FLUSHALL"], ["CONFIG", "GET", "*"], ["KEYS", "*"], ["EVAL", "return 1", "0"])


def keeping(given: Deployment) -> Iterator[Finding]:
    """A Redis that forgets at a restart, or drops messages when it is full."""
    for name, wanted in WANTED.items() if given.redis else ():
        value = _setting(given, name)
        if value != wanted:
            yield Finding(
                f"Redis {name} = {value}：改为 {wanted}", f"Redis has {name} {value}: set it to {wanted}"
            )


def listening(given: Deployment) -> Iterator[Finding]:
    """A Redis that answers strangers, or that is beside us and listens to other machines."""
    if given.redis is None:
        return
    if "nopass" in _words(given, "default"):
        yield Finding("Redis 无需密码：设置 requirepass", "Redis asks for no password: set requirepass")
    if urlsplit(given.redis).hostname not in LOOPBACK:
        return  # it has a network of its own, which we cannot see
    if _setting(given, "protected-mode") != "yes":
        yield Finding(
            "Redis 保护模式已关闭：protected-mode yes", "Redis is unprotected: set protected-mode yes"
        )
    bound = _setting(given, "bind").split()
    if {each.lstrip("-") for each in bound} - LOOPBACK:
        yield Finding(
            f"Redis 监听 {' '.join(bound)}：改为 bind 127.0.0.1",
            f"Redis listens on {' '.join(bound)}: set bind 127.0.0.1",
        )


def rights(given: Deployment) -> Iterator[Finding]:
    """A service that may rule Redis, or read what is meant for another."""
    for name in databases.SERVICES if given.redis else ():
        user = urlsplit(given.brokers.get(name, f"redis://{name}@")).username or "default"
        others = [["RPOP", bus.queue(other)] for other in databases.SERVICES if other != name]
        if allowed := [" ".join(each) for each in (*FORBIDDEN, *others) if _may(given, user, each)]:
            yield Finding(
                f"{name} 在 Redis 中以 {user} 登录，权限过大（{', '.join(allowed)}）：改用专用用户",
                f"{name} is {user} to Redis and may {', '.join(allowed)}: give it a user of its own",
            )


def _may(given: Deployment, user: str, words: list[str]) -> bool:
    return bus.ask(str(given.redis), "ACL", "DRYRUN", user, *words) in (b"OK", "OK", True)


def _words(given: Deployment, user: str) -> list[str]:
    """The rules of a user, as `ACL LIST` has them."""
    lines = [bytes(line).decode().split() for line in bus.ask(str(given.redis), "ACL", "LIST")]
    return next((line for line in lines if line[1] == user), [])


def _setting(given: Deployment, name: str) -> str:
    answer = bus.ask(str(given.redis), "CONFIG", "GET", name)
    value = answer[name.encode()] if isinstance(answer, dict) else answer[1]
    return bytes(value).decode()
