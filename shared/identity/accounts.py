"""Accounts of people: made, entered with a password, set up by a link that works once, disabled."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from shared import database, telemetry
from shared.identity import changes, passwords, references, sessions
from shared.identity.tables import ACCOUNT, LINK_REQUEST, LIVE_GRANT, PASSKEY, ROLE_GRANT, SET_UP_LINK
from shared.problems import Conflict, Fault, Invalid, NotFound

SETUP = "setup"  # who acts before there is anybody
LINK_LIVES = timedelta(hours=24)
LOGIN = Fault("login", "这个登录名已有人用", "This login name is taken")
# Latin and Chinese letters alone: nobody's login can look like another's in a third script.
LOGINS = re.compile(r"[a-z0-9\u4e00-\u9fff][a-z0-9\u4e00-\u9fff.@+_-]{1,39}")
UNFIT = Fault(
    "login",
    "登录名为 2 至 40 个拉丁字母、汉字、数字或 . @ + - _，以字母、汉字或数字开头",
    "A login is 2 to 40 Latin or Chinese letters, digits or . @ + - _, and begins with a letter or digit",
)
NAME = Fault("name", "不得含控制字符", "Control characters are not allowed")


@dataclass(frozen=True)
class Account:
    """A person. `login` is in lower case; `status` is active or disabled; `password` is its hash.

    `totp` says whether an app shows them codes, `passkeys` how many of these they have.
    """

    id: str
    login: str
    name: str
    status: str
    password: str | None = field(repr=False)
    totp: bool
    passkeys: int

    @property
    def second_factor(self) -> bool:
        """Whether they have any second factor."""
        return self.totp or self.passkeys > 0

    @property
    def ready(self) -> bool:
        """Whether there is a password."""
        return self.password is not None


COLUMNS = (
    ACCOUNT.c.id,
    ACCOUNT.c.login,
    ACCOUNT.c.name,
    ACCOUNT.c.status,
    ACCOUNT.c.password,
    ACCOUNT.c.totp.is_not(None).label("totp"),
    select(func.count()).where(PASSKEY.c.account == ACCOUNT.c.id).scalar_subquery().label("passkeys"),
)


def add(tx: Connection, login: str, name: str, by: str) -> str:
    """Make an account without a password; return its id.

    Refuses (Invalid) a login that is taken or in other letters, and a name that would act on a terminal.
    """
    id_, as_given, login = references.word(8), login.strip().lower(), spelled(login)
    if wrong := [fault for fault, found in _unfit(as_given, name) if found]:
        raise Invalid(faults=wrong)
    if tx.execute(select(ACCOUNT.c.id).where(ACCOUNT.c.login == login)).first():
        raise Invalid(faults=[LOGIN])
    tx.execute(insert(ACCOUNT).values(id=id_, login=login, name=name.strip(), created_by=by))
    changes.note(tx, by, "account.added", id_, {"login": login, "name": name.strip()})
    return id_


def _unfit(login: str, name: str) -> Iterator[tuple[Fault, bool]]:
    yield UNFIT, not LOGINS.fullmatch(login)
    yield NAME, any(unicodedata.category(character) == "Cc" for character in name)


def spelled(login: str) -> str:
    """A login as it is kept: in lower case, without spaces around it, nor the character no row can hold."""
    return login.replace("\0", "").strip().lower()


def get(engine: Engine, id_: str) -> Account:
    """The account with this id. Raises NotFound."""
    return _one(engine, ACCOUNT.c.id == id_)


def of_login(engine: Engine, login: str) -> Account:
    """The account with this login, in any case of its letters. Raises NotFound."""
    return _one(engine, ACCOUNT.c.login == spelled(login))


def _one(engine: Engine, condition: Any) -> Account:
    with database.reading(engine) as connection:
        row = connection.execute(select(*COLUMNS).where(condition)).first()
    if row is None:
        raise NotFound
    return Account(*row)


def listed(engine: Engine) -> Sequence[Account]:
    """All accounts by login."""
    with database.reading(engine) as connection:
        return [Account(*row) for row in connection.execute(select(*COLUMNS).order_by(ACCOUNT.c.login))]


def verify(engine: Engine, login: str, password: str) -> Account | None:
    """The active account that login and password open.

    None for an unknown login, a wrong password, a disabled account and one without a password: a hash is
    computed for each of them, so that the time of the answer tells as little as the answer.
    """
    wanted = select(*COLUMNS).where(ACCOUNT.c.login == spelled(login))
    with database.reading(engine) as connection:
        row = connection.execute(wanted).first()
    usable = row is not None and row.status == "active"
    if not passwords.fits(row.password if row and usable else None, password) or row is None:
        # Never the login: people type their password there.
        telemetry.log.warning("password refused", account=None if row is None else row.id)
        return None
    account = Account(*row)
    return _hashed_anew(engine, account, password) if passwords.outdated(row.password) else account


def _hashed_anew(engine: Engine, account: Account, password: str) -> Account:
    """Keep the same password by today's parameters, unless another one was set meanwhile."""
    same = update(ACCOUNT).where(ACCOUNT.c.id == account.id, ACCOUNT.c.password == account.password)
    anew = replace(account, password=passwords.close(password))
    with engine.begin() as tx:
        changed = tx.execute(same.values(password=anew.password)).rowcount == 1
    return anew if changed else account


def change_password(engine: Engine, account: Account, password: str, session: str) -> None:
    """Give an account a new password; all its other sessions end. Refuses (Invalid) a bad one."""
    _require_good(password, account.login)
    with engine.begin() as tx:
        _keep_password(tx, account.id, password)
        sessions.end_others(tx, account.id, session, "password")
        changes.note(tx, account.id, "password.changed", account.id)


def disable(engine: Engine, account: str, by: str) -> None:
    """Shut an account at once, in all services.

    Raises Conflict if it is shut already, or if nobody could administer any more.
    """
    shut = update(ACCOUNT).where(ACCOUNT.c.id == account, ACCOUNT.c.status == "active")
    with engine.begin() as tx, leaving_an_administrator(tx):
        if tx.execute(shut.values(status="disabled")).rowcount == 0:
            raise Conflict
        sessions.end_others(tx, account, None, "disabled")
        tx.execute(_unused(account).values(used_at=func.now()))
        tx.execute(delete(LINK_REQUEST).where(LINK_REQUEST.c.account == account))
        changes.note(tx, by, "account.disabled", account)


@contextmanager
def leaving_an_administrator(tx: Connection) -> Iterator[None]:
    """Refuse (Conflict) what takes the last one away who could give rights back."""
    tx.execute(select(func.pg_advisory_xact_lock(func.hashtext("administrators"))))
    before = administrators(tx)
    yield
    if before and not administrators(tx):
        raise Conflict("不能去掉最后一位管理员", "The last administrator cannot be taken away")


def administrators(tx: Connection) -> Sequence[Any]:
    """The accounts that could administer: active, with a password, and with that role."""
    role = LIVE_GRANT & (ROLE_GRANT.c.role == "administrator")
    able = (ACCOUNT.c.status == "active") & ACCOUNT.c.password.is_not(None)
    found = select(ACCOUNT.c.id).join(ROLE_GRANT, ROLE_GRANT.c.account == ACCOUNT.c.id)
    return tx.execute(found.where(role, able)).all()


def enable(engine: Engine, account: str, by: str) -> None:
    """Open an account that was disabled. Its sessions stay ended. Raises Conflict if it is open."""
    opened = update(ACCOUNT).where(ACCOUNT.c.id == account, ACCOUNT.c.status == "disabled")
    with engine.begin() as tx:
        if tx.execute(opened.values(status="active")).rowcount == 0:
            raise Conflict
        changes.note(tx, by, "account.enabled", account)


def link(tx: Connection, account: str, by: str) -> str:
    """The secret of a new set-up link, which lives 24 hours and works once; earlier ones work no more.

    For the command line, and for who confirms what another asked for (`links`).

    A second factor stays, so whoever holds the link of a person with one cannot become that person.
    """
    secret = references.reference()
    tx.execute(_unused(account).values(used_at=func.now()))
    values = {"digest": references.digest(secret), "account": account, "expires_at": func.now() + LINK_LIVES}
    tx.execute(insert(SET_UP_LINK).values(values))
    changes.note(tx, by, "link.made", account)
    return secret


def linked(engine: Engine, secret: str) -> Account | None:
    """Whom a set-up link is for; None if it was used, has expired or never was one."""
    wanted = select(*COLUMNS).join(SET_UP_LINK, SET_UP_LINK.c.account == ACCOUNT.c.id).where(*_live(secret))
    with database.reading(engine) as connection:
        row = connection.execute(wanted).first()
    return None if row is None else Account(*row)


def set_up(engine: Engine, secret: str, password: str) -> str:
    """Set the password of whom a link is for, and return their id; the link is used, all sessions end.

    Raises NotFound for a link that does not work, Invalid for a bad password.
    """
    account = linked(engine, secret)
    if account is None:
        raise NotFound
    _require_good(password, account.login)
    with engine.begin() as tx:
        used = update(SET_UP_LINK).where(*_live(secret)[:3]).values(used_at=func.now())
        if tx.execute(used).rowcount == 0:
            raise NotFound
        _keep_password(tx, account.id, password)
        sessions.end_others(tx, account.id, None, "password")
        changes.note(tx, account.id, "password.set", account.id)
    return account.id


def _live(secret: str) -> list[Any]:
    return [
        SET_UP_LINK.c.digest == references.digest(secret),
        SET_UP_LINK.c.used_at.is_(None),
        SET_UP_LINK.c.expires_at > func.now(),
        ACCOUNT.c.status == "active",
    ]


def _unused(account: str) -> Any:
    return update(SET_UP_LINK).where(SET_UP_LINK.c.account == account, SET_UP_LINK.c.used_at.is_(None))


def _require_good(password: str, login: str) -> None:
    if found := passwords.refusal(password, login):
        raise Invalid(faults=[found])


def _keep_password(tx: Connection, account: str, password: str) -> None:
    kept = update(ACCOUNT).where(ACCOUNT.c.id == account)
    tx.execute(kept.values(password=passwords.close(password)))
