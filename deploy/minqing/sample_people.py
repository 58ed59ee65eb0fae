"""People to try the fictional samples with. Never made for a county of its own."""

from collections.abc import Mapping
from pathlib import Path

import pyotp
from sqlalchemy import Engine

from shared import keyring
from shared.identity import accounts, factors, grants, model, references


def make(engine: Engine, secrets: Path, department: str) -> list[dict[str, str]]:
    """Make one person for each kind of work, and a second administrator; return how each signs in.

    Passwords and second factors are random: nobody knows them but the reader of the suite's private file.
    """
    wanted = {
        "clerk": ("clerk", {}),
        "liaison": ("liaison", {"department": department}),
        "supervisor": ("supervisor", {}),
        "auditor": ("auditor", {}),
        "admin": ("administrator", {}),
        "admin2": ("administrator", {}),
    }
    return [make_one(engine, secrets, login, as_) for login, as_ in wanted.items()]


def make_one(engine: Engine, secrets: Path, login: str, as_: tuple[str, Mapping[str, str]]) -> dict[str, str]:
    """Make a person who works `as_` a role with its scope; return how they sign in."""
    role, scope = as_
    with engine.begin() as tx:
        id_ = accounts.add(tx, login, login, accounts.SETUP)
        grants.ask(tx, id_, role, scope, accounts.SETUP)
        link = accounts.link(tx, id_, accounts.SETUP)
    password = references.word(12)
    accounts.set_up(engine, link, password)
    made = {"login": login, "role": " ".join([role, *scope.values()]), "password": password}
    if model.ROLES[role].second_factor:
        made |= _second_factor(engine, secrets, id_)
    return made


def _second_factor(engine: Engine, secrets: Path, account: str) -> dict[str, str]:
    secret = factors.secret()
    seal = keyring.seal(secrets, "account")
    codes = factors.enrol(engine, seal, account, secret, pyotp.TOTP(secret).now()) or []
    return {"secret": secret, "recovery": " ".join(codes)}
