"""Whose word is taken on where a request comes from: that of as many proxies as are ours, and no other."""

from dataclasses import replace

import flask
import pytest
from flask import Blueprint

from shared import web
from tests.world import World

SPOOFED, CALLER, OURS = "198.51.100.66", "203.0.113.7", "192.0.2.1"


def _seen() -> Blueprint:
    made = Blueprint("seen", __name__)

    @made.get("/seen")
    @web.public
    def seen() -> str:
        return f"{flask.request.remote_addr} {flask.request.scheme}"

    return made


def _ask(world: World, proxies: int, **headers: str) -> str:
    given = world.services["intake"]
    behind = replace(given, settings=replace(given.settings, proxies=proxies))
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.create(behind, [_seen()]).test_client().get("/seen", headers=sent).text


@pytest.mark.parametrize(
    ("proxies", "addresses", "schemes", "seen"),
    [
        (0, CALLER, "https", "127.0.0.1 http"),
        (1, f"{SPOOFED}, {CALLER}", "https, http", f"{CALLER} http"),
        (1, CALLER, "https", f"{CALLER} https"),
        (2, f"{CALLER}, {OURS}", "https, http", f"{CALLER} https"),
        (2, f"{SPOOFED}, {CALLER}, {OURS}", "http, https, http", f"{CALLER} https"),
    ],
)
def test_nobody_chooses_the_address_or_the_scheme_they_are_seen_with(
    world: World, proxies: int, addresses: str, schemes: str, seen: str
) -> None:
    assert _ask(world, proxies, X_Forwarded_For=addresses, X_Forwarded_Proto=schemes) == seen
