"""The services as they are served, and a browser to look at them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from deploy.minqing.servers import Servers
from shared import keyring
from tests.browser.site import Site, populate, served
from tests.browser.visit import Visit

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser, if this machine has it."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(chromium: Browser, running: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """All three services, with grievances in every state. Asks for the browser first: skips without it."""
    place = tmp_path_factory.mktemp("site")
    keyring.create(place / "secrets")
    with served(running, place) as made:
        populate(made)
        yield made


@pytest.fixture
def visit(site: Site, chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens a window: `visit("en", 320, javascript=False)`."""
    contexts = []

    def opened(locale: str = "zh-CN", width: int = 1280, *, javascript: bool = True) -> Visit:
        viewport = {"width": width, "height": 900}
        context = chromium.new_context(locale=locale, viewport=viewport, java_script_enabled=javascript)
        contexts.append(context)
        return Visit(site, context, context.new_page())

    yield opened
    for context in contexts:
        context.close()
