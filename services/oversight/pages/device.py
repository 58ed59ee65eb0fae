"""The cookie by which a browser is known again at the door, and what guesses from it are counted by."""

import time

from flask import request
from werkzeug.wrappers import Response

from shared import keyring, web
from shared.identity import accounts, devices, limits
from shared.identity.accounts import Account
from shared.identity.devices import Device
from shared.keyring import Seal
from shared.problems import NotFound
from shared.web import cookie

NAME = "minqing_known"


def at_password(login: str) -> tuple[str, ...]:
    """The doors that a password for this login must pass: its own, if the browser is known to that account;
    else those of the login and of the address, where strangers are counted."""
    device = _of_login(login)
    if device is not None:
        return (f"device:{device.id}",)
    return limits.of_login(login), limits.of_address(request.remote_addr)


def at_factor(account: Account) -> tuple[str, ...]:
    """The doors that a second factor must pass, after the password.

    They are others than the password's: else a right one would make room for more guesses at the factor.
    """
    device = devices.known(_kept(), account, time.time())
    if device is not None:
        return (f"device factor:{device.id}",)
    return f"factor:{account.id}", limits.of_address(request.remote_addr)


def remember(response: Response, account: str) -> None:
    """Let the browser be known to whoever has just shown that the account is theirs."""
    found = accounts.get(web.service().identity, account)
    response.set_cookie(
        cookie.prefixed(NAME),
        devices.close(_seal(), devices.remember(_kept(), found, time.time())),
        max_age=devices.LIVES,
        httponly=True,
        samesite="Strict",
        secure=True,
    )


def _of_login(login: str) -> Device | None:
    """Who comes without a cookie of ours asks nothing of the database, whatever the login."""
    kept = _kept()
    if not kept:
        return None
    try:
        account = accounts.of_login(web.service().identity, login)
    except NotFound:
        return None
    return devices.known(kept, account, time.time())


def _kept() -> list[Device]:
    return devices.open_(_seal(), request.cookies.get(cookie.prefixed(NAME), ""))


def _seal() -> Seal:
    return keyring.seal(web.service().settings.secrets, "account")
