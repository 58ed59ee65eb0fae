"""A forging provider, and oversight with it configured."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from services.oversight import api
from shared import web
from tests.oidc.browser import SITE, Browser
from tests.oidc.forger import Forger, serving
from tests.world import World


@pytest.fixture
def forger() -> Iterator[Forger]:
    with serving() as made:
        yield made


@pytest.fixture
def browsers(world: World, forger: Forger) -> Callable[[], Browser]:
    """Makes browsers at an oversight that knows the forger as its provider."""
    service = world.services["oversight"]
    settings = replace(service.settings, provider=forger.provider, oversight_url=f"{SITE}/")
    app = web.create(replace(service, settings=settings), api.BLUEPRINTS)
    return lambda: Browser(app.test_client(), forger)


@pytest.fixture
def browser(browsers: Callable[[], Browser]) -> Browser:
    return browsers()
