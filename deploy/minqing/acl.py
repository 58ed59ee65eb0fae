"""Who may do what in Redis: a user per service, which reads its own list and adds to its partners' (S15).

The rules are what the services were seen to use, no more: none may wipe, configure, search or run scripts.
The default user is the administrator: it is for us, and no service knows its password. Those of the services
come from it by a keyed digest, which cannot be turned back: there is one secret to keep, and to change.
"""

import base64
import hashlib
import hmac
from urllib.parse import urlsplit

from shared import bus, contracts

# What the client library says when it connects, and its question whether the server is still there.
GREETING = "+ping +hello +client|setinfo"


def users(admin: str) -> str:
    """The lines of Redis' configuration that make the users, from the administrator's password.

    Only digests are written. They need Redis 7.2 or later: selectors, and `client|setinfo`.
    """
    return "".join(
        f"user {name} on #{hashlib.sha256(password(admin, name).encode()).hexdigest()} {rules(name)}\n"
        for name in contracts.ROUTES
    )


def rules(service: str) -> str:
    """What a service may do: take from its list, add to it and to those of its partners, keep its epoch.

    To its own it adds canaries, by which it knows that it still hears.
    """
    partners = {*contracts.readers_of(service), *contracts.sources_of(service)}  # receipts go to sources
    lists = " ".join(f"~{bus.queue(partner)}" for partner in sorted(partners))
    own = f"(~{bus.queue(service)} +brpop +rpop +lpush +llen)"
    return f"{GREETING} {own} ({lists} +lpush +llen) (~{bus.epoch_key(service)} +get +set)"


def password(admin: str, service: str) -> str:
    """The password of a service's user, from the administrator's."""
    digest = hmac.digest(admin.encode(), f"redis user {service}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def url(admin_url: str, service: str) -> str:
    """The address for a service's user, on the server whose administrator's address is `admin_url`."""
    address = urlsplit(admin_url)
    own = f"{service}:{password(address.password or '', service)}"
    return address._replace(netloc=f"{own}@{address.hostname}:{address.port or 6379}").geturl()
