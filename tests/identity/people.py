"""People for tests: made as the command line makes them."""

from typing import Any

from sqlalchemy import text

from shared import keyring
from shared.identity import accounts, factors, grants
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
