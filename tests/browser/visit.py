"""A person at a browser."""

from dataclasses import dataclass, field

import pyotp
from playwright.sync_api import BrowserContext, Page

from tests.browser.site import Caller, Site
from tests.identity.people import PASSWORD


@dataclass
class Visit:
    """One window, and what its console complained of."""

    site: Site
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        note = self.complaints.append
        self.page.on("console", lambda said: note(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: note(str(error)))

    def sign_in(self, caller: Caller) -> None:
        """Go through the door, once. The cookie counts for all services, which are on one host."""
        if caller not in self.site.sessions:
            self.page.goto(f"{self.site.addresses['oversight']}sign-in")
            self.enter(caller)
            self.site.sessions[caller] = self.context.cookies()
        self.context.add_cookies(self.site.sessions[caller])

    def enter(self, caller: Caller) -> None:
        """Fill in the page for signing in, and the next one if there is a second factor."""
        login, secret = self.site.person(caller)
        self.page.fill("#login", login)
        self.page.fill("#password", PASSWORD)
        self.page.click("main button")
        if secret is not None:
            self.page.fill("#code", pyotp.TOTP(secret).now())
            self.page.click("main button")
        self.page.locator(".account .person").wait_for()

    def open(self, name: str) -> None:
        """Go to one of the site's pages as whoever looks at it."""
        service, path, caller = self.site.pages[name]
        if caller:
            self.sign_in(caller)
        self.page.goto(self.site.addresses[service] + path)
