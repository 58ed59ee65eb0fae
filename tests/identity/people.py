"""People for tests: made as the command line makes them."""

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import text

from shared import keyring
from shared.identity import accounts, factors, grants, sessions
from shared.web import cookie
from tests.world import World

PASSWORD = "晨光 照在 河堤上"


def person(world: World, login: str, *roles: str, password: str | None = PASSWORD, **scope: str) -> str:
    """An account that has these roles; return its id."""
    engine = world.services["oversight"].identity
    with engine.begin() as tx:
        id_ = accounts.add(tx, login, login.title(), accounts.SETUP)
        for role in roles:
            grants.ask(tx, id_, role, scope, accounts.SETUP)
        link = accounts.link(tx, id_, accounts.SETUP)
    if password is not None:
        accounts.set_up(engine, link, password)
    return id_


def second_factor(world: World, account: str) -> tuple[str, list[str]]:
    """Set up a second factor; return its secret and the recovery codes. Its first code is not used up."""
    engine, secret = world.services["oversight"].identity, factors.secret()
    code = factors.pyotp.TOTP(secret).now()
    codes = factors.enrol(engine, keyring.seal(world.secrets, "account"), account, secret, code)
    assert codes is not None
    change(world, "UPDATE account SET totp_step = 0 WHERE id = :id", id=account)
    return secret, codes


def change(world: World, sql: str, **values: Any) -> None:
    """Let something have happened in the identity database."""
    with world.services["oversight"].identity.begin() as tx:
        tx.execute(text(sql), values)


def read(world: World, sql: str, **values: Any) -> list[Any]:
    """The rows of a query on the identity database."""
    with world.services["oversight"].identity.begin() as tx:
        return list(tx.execute(text(sql), values).all())


def entered(world: World, account: str, role: str) -> str:
    """Let a person work in one of their roles, as if they had come through the door; return the reference."""
    engine = world.services["oversight"].identity
    [grant] = [grant.id for grant in grants.of(engine, account) if grant.role == role]
    session = sessions.living(engine, sessions.begin(engine, account, "127.0.0.1", "test"))
    assert session is not None
    sessions.show_factor(engine, session.id)
    reference = sessions.enter(engine, session.id, grant)
    assert reference is not None
    return reference


def browser(world: World, service: str, reference: str) -> FlaskClient:
    """A browser with the cookie of this reference; it speaks https."""
    client = world.app(service).test_client()
    with world.app(service).test_request_context():
        client.set_cookie(f"__Host-{cookie.NAME}", cookie.signed(reference), secure=True)
    return client
