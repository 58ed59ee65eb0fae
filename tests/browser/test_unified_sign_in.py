"""Signing in at a real provider, Canaille, through its own pages. To a browser it is another site than us."""

from collections.abc import Iterator

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.minqing import servers
from deploy.minqing.servers import Servers
from shared import keyring
from tests.browser.site import Site, served
from tests.browser.test_every_page import SMALL, TWICE, UNLABELLED, WIDER
from tests.browser.visit import Visit
from tests.identity.people import PASSWORD, person, second_factor
from tests.oidc import running as provider


@pytest.fixture(scope="module")
def linked_site(
    chromium: Browser, running: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The services and the provider, which knows one person."""
    if not provider.PYTHON.exists():
        pytest.skip(f"{provider.PYTHON} is not there: make .venv/.provider")
    place, port = tmp_path_factory.mktemp("linked"), servers.free_port()
    keyring.create(place / "secrets")
    settings = {
        "MINQING_OIDC_ISSUER": f"http://localhost:{port}",
        "MINQING_OIDC_CLIENT_ID": "minqing",
        "MINQING_OIDC_CLIENT_SECRET": "county secret",  # pragma: allowlist secret
    }
    with served(running, place, **settings) as made:
        back = f"{made.addresses['oversight']}sign-in/oidc/return"
        with provider.serving(port, back, place / "provider.log"):
            yield made


@pytest.fixture
def window(linked_site: Site, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A narrow window; `javascript` and `language` by name."""
    given = {"javascript": True, "language": "zh-CN"} | getattr(request, "param", {})
    linked_site.empty()
    context = chromium.new_context(
        locale=given["language"],
        viewport={"width": 320, "height": 900},
        java_script_enabled=given["javascript"],
    )
    yield Visit(linked_site, context, context.new_page())
    context.close()


def _sign_in_there(page: Page) -> None:
    page.fill("#login", provider.LOGIN)
    page.press("#login", "Enter")
    _show_password_there(page)


def _show_password_there(page: Page) -> None:
    page.fill("#password", provider.PASSWORD)
    page.press("#password", "Enter")


def _sign_in_here(window: Visit, wanted: str, secret: str | None = None) -> None:
    page = window.page
    page.goto(f"{window.site.addresses['oversight']}sign-in?next={wanted}")
    page.fill("#login", "lin")
    page.fill("#password", PASSWORD)
    page.click("main button")
    if secret is not None:
        page.fill("#code", pyotp.TOTP(secret).now())
        page.click("main button")
    page.locator(".account .person").wait_for()


def _go_on(window: Visit, javascript: bool) -> None:  # noqa: FBT001
    """Without JavaScript a person presses the button of the page that only leads on."""
    if not javascript:
        window.page.click("#onwards button")


def _complaints(window: Visit) -> list[str]:
    """What the console says of our own pages; the provider's break the provider's own policy."""
    said: list[str] = []
    own = tuple(window.site.addresses.values())
    window.page.on(
        "console",
        lambda each: (
            said.append(each.text) if each.type == "error" and each.location["url"].startswith(own) else None
        ),
    )
    return said


def _is_sound(page: Page) -> bool:
    return page.evaluate(WIDER) == 0 and not any(page.evaluate(each) for each in (UNLABELLED, TWICE, SMALL))


def _link(window: Visit, javascript: bool = True) -> None:  # noqa: FBT001, FBT002
    page, oversight = window.page, window.site.addresses["oversight"]
    page.goto(f"{oversight}me/oidc")
    _sign_in_there(page)
    _go_on(window, javascript)
    expect(page.locator("main").get_by_text(provider.NAME)).to_be_visible()
    if javascript:
        assert _is_sound(page)
    page.fill("#current", PASSWORD)
    page.click("main form button")
    expect(page).to_have_url(f"{oversight}me?done=linked")
    expect(page.locator("main").get_by_text(provider.NAME)).to_be_visible()


@pytest.mark.parametrize(
    ("window", "javascript"),
    [({}, True), ({"language": "en"}, True), ({"javascript": False}, False)],
    indirect=["window"],
)
def test_a_person_links_themselves_and_signs_in_there_from_then_on(
    window: Visit,
    javascript: bool,  # noqa: FBT001
) -> None:
    page, site = window.page, window.site
    ours = _complaints(window)
    person(site, "lin", "clerk")
    _sign_in_here(window, "oversight:/me")
    _link(window, javascript)
    page.click(".account button")
    page.goto(f"{site.addresses['intake']}register")
    page.click("#oidc")
    expect(page.locator("#password")).to_be_visible()  # it asks anew, though it knows this browser
    _show_password_there(page)
    _go_on(window, javascript)
    expect(page).to_have_url(f"{site.addresses['intake']}register")
    expect(page.locator(".account .person")).to_be_visible()
    assert ours == []


def test_a_supervisor_shows_the_second_factor_here_as_well(window: Visit) -> None:
    page, site = window.page, window.site
    secret, _ = second_factor(site, person(site, "lin", "supervisor"))
    _sign_in_here(window, "oversight:/me", secret)
    _link(window)
    window.context.clear_cookies()
    page.goto(f"{site.addresses['oversight']}sign-in?next=oversight:/dashboard")
    page.click("#oidc")
    _sign_in_there(page)
    expect(page.locator("#code")).to_be_visible()
    page.goto(f"{site.addresses['oversight']}dashboard")
    expect(page.locator("#login")).to_be_visible()


def test_whoever_is_not_linked_is_told_how_to_be(window: Visit) -> None:
    page = window.page
    page.goto(f"{window.site.addresses['oversight']}sign-in")
    page.click("#oidc")
    _sign_in_there(page)
    expect(page.get_by_role("alert").get_by_text("没有关联可用的账户")).to_be_visible()
    assert _is_sound(page)
    page.reload()
    expect(page.get_by_role("alert").get_by_text("没有成功")).to_be_visible()  # nothing comes back twice
