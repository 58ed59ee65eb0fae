"""A person at a browser."""

from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, Page

from tests.browser.site import Caller, Site


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
        """Enter an access key, once. The cookie counts for all services, which are on one host."""
        if caller not in self.site.sessions:
            self.page.goto(f"{self.site.addresses['intake']}sign-in")
            self.page.fill("#key", self.site.key(*caller))
            self.page.click("main button")
            self.site.sessions[caller] = self.context.cookies()
        self.context.add_cookies(self.site.sessions[caller])

    def open(self, name: str) -> None:
        """Go to one of the site's pages as whoever looks at it."""
        service, path, caller = self.site.pages[name]
        if caller:
            self.sign_in(caller)
        self.page.goto(self.site.addresses[service] + path)
