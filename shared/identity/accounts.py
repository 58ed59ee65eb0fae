"""Accounts of people: made, entered with a password, set up by a link that works once, disabled."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from shared import database, telemetry
from shared.identity import changes, passwords, references, sessions
from shared.identity.tables import ACCOUNT, LIVE_GRANT, ROLE_GRANT, SET_UP_LINK
from shared.problems import Conflict, Fault, Invalid, NotFound

SETUP = "setup"  # who acts before there is anybody
LINK_LIVES = timedelta(hours=24)
LOGIN = Fault("login", "这个登录名已有人用", "This login name is taken")


@dataclass(frozen=True)
class Account:
    """A person. `login` is in lower case; `status` is active or disabled; `ready` means with a password."""

    id: str
    login: str
    name: str
    status: str
    ready: bool
    second_factor: bool


COLUMNS = (
    ACCOUNT.c.id,
    ACCOUNT.c.login,
    ACCOUNT.c.name,
    ACCOUNT.c.status,
    ACCOUNT.c.password.is_not(None).label("ready"),
    ACCOUNT.c.totp.is_not(None).label("second_factor"),
)


def add(tx: Connection, login: str, name: str, by: str) -> str:
    """Make an account without a password; return its id. Refuses (Invalid) a login that is taken."""
    id_, login = references.word(8), spelled(login)
    if tx.execute(select(ACCOUNT.c.id).where(ACCOUNT.c.login == login)).first():
        raise Invalid(faults=[LOGIN])
    tx.execute(insert(ACCOUNT).values(id=id_, login=login, name=name.strip(), created_by=by))
    changes.note(tx, by, "account.added", id_, {"login": login, "name": name.strip()})
    return id_


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
    wanted = select(*COLUMNS, ACCOUNT.c.password).where(ACCOUNT.c.login == spelled(login))
    with database.reading(engine) as connection:
        row = connection.execute(wanted).first()
    usable = row is not None and row.status == "active"
    if not passwords.fits(row.password if row and usable else None, password) or row is None:
        # Never the login: people type their password there.
        telemetry.log.warning("password refused", account=None if row is None else row.id)
        return None
    if passwords.outdated(row.password):
        with engine.begin() as tx:
            _keep_password(tx, row.id, password)
    return Account(*row[:-1])


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


def set_up(engine: Engine, secret: str, password: str) -> None:
    """Set the password of whom a link is for; the link is used, all sessions end.

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
