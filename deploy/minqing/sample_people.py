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
    return [_make(engine, secrets, login, role, scope) for login, (role, scope) in wanted.items()]


def _make(engine: Engine, secrets: Path, login: str, role: str, scope: Mapping[str, str]) -> dict[str, str]:
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
