"""A browser that goes to the provider and comes back."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.identity import subjects
from shared.identity.subjects import Subject
from tests.identity.people import PASSWORD
from tests.oidc.forger import Forger, signed
from tests.world import World

SITE = "https://localhost"
ATTEMPT = "__Host-minqing_attempt"
RETURN = "/sign-in/oidc/return"


@dataclass
class Browser:
    """A client of oversight's pages, and the provider that it is led to."""

    client: FlaskClient
    forger: Forger

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, base_url=SITE, headers={"Accept": "text/html"})

    def post(self, path: str, origin: str = SITE, **data: str) -> TestResponse:
        return self.client.post(
            path, base_url=SITE, data=data, headers={"Accept": "text/html", "Origin": origin}
        )

    def sign_in(self, login: str) -> TestResponse:
        return self.post("/sign-in", login=login, password=PASSWORD)

    def go(self, path: str = "/sign-in/oidc") -> dict[str, str]:
        """Press the button; what the provider is asked."""
        answer = self.get(path)
        assert answer.status_code == 303, answer.text
        return {name: said[0] for name, said in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    def come_back(self, asked: dict[str, str], **claims: Any) -> TestResponse:
        """Come back with a code, for which the provider signs these claims."""
        self.forger.gives(signed(self.forger.claims(asked["nonce"], **claims)))
        return self.post(RETURN, state=asked["state"], code="a code")


def sealed(page: TestResponse) -> str:
    """The subject that a page asks to confirm."""
    return re.findall('name="sealed" value="(.*?)"', page.text)[0]


def link(world: World, forger: Forger, account: str, subject: str = "lin-1", issuer: str = "") -> None:
    """Let a person have linked themselves."""
    subjects.link(
        world.services["oversight"].identity, account, Subject(issuer or forger.issuer, subject, "林秋实")
    )
