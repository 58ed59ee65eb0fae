"""Grants of roles: asked for by one administrator, confirmed by another, ended by any (S17)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from shared import database
from shared.identity import accounts, changes, model, references, sessions
from shared.identity.accounts import SETUP
from shared.identity.tables import LIVE_GRANT, ROLE_GRANT
from shared.problems import Conflict, Fault, Forbidden, Invalid


@dataclass(frozen=True)
class Grant:
    """A role with its scope: what one person works as. Waits while `confirmed_by` is None."""

    id: str
    account: str
    role: str
    department: str | None
    office: str | None
    station: str | None
    area: str | None
    asked_by: str
    confirmed_by: str | None


COLUMNS = tuple(ROLE_GRANT.c[name] for name in Grant.__dataclass_fields__)
WAITING = ROLE_GRANT.c.ended_at.is_(None) & ROLE_GRANT.c.confirmed_at.is_(None)


def ask(tx: Connection, account: str, role: str, scope: Mapping[str, str | None], by: str) -> str:
    """Ask that an account be given a role; return the grant's id. It counts once another confirms it.

    Before there is an administrator, `by` is `setup` and it counts at once. Refuses (Invalid) a role that
    no person can have, and a scope that does not fit the role.
    """
    if role not in model.PEOPLE:
        raise Invalid(faults=[Fault("role", "没有这个角色", "There is no such role")])
    wrong = model.flaws(role, scope)
    if wrong:
        raise Invalid(faults=[Fault(part, "与角色不符", "Does not fit the role") for part in wrong])
    id_, given = references.word(8), {part: scope[part] for part in model.PARTS if scope.get(part)}
    tx.execute(insert(ROLE_GRANT).values(id=id_, account=account, role=role, asked_by=by, **given))
    if by == SETUP:
        own = update(ROLE_GRANT).where(ROLE_GRANT.c.id == id_)
        tx.execute(own.values(confirmed_at=func.now(), confirmed_by=SETUP))
    changes.note(tx, by, "grant.asked", account, {"grant": id_, "role": role} | given)
    return id_


def confirm(engine: Engine, id_: str, by: str) -> None:
    """Let a grant that waits count from now on.

    Refuses (Forbidden) the one who asked for it and the one who is to have it; Conflict if none waits.
    """
    with engine.begin() as tx:
        found = tx.execute(select(*COLUMNS).where(WAITING, ROLE_GRANT.c.id == id_).with_for_update()).first()
        if found is None:
            raise Conflict
        if by in {found.asked_by, found.account}:
            raise Forbidden("须由另一位管理员确认", "Another administrator has to confirm it")
        own = update(ROLE_GRANT).where(ROLE_GRANT.c.id == id_)
        tx.execute(own.values(confirmed_at=func.now(), confirmed_by=by))
        changes.note(tx, by, "grant.confirmed", found.account, {"grant": id_, "role": found.role})


def end(engine: Engine, id_: str, by: str) -> None:
    """Take a role away, or refuse one that waits: at once, with the sessions that work in it.

    Raises Conflict if it ended already, or is the last administrator's, who could not be replaced.
    """
    with engine.begin() as tx, accounts.leaving_an_administrator(tx):
        own = update(ROLE_GRANT).where(ROLE_GRANT.c.id == id_, ROLE_GRANT.c.ended_at.is_(None))
        ended = tx.execute(
            own.values(ended_at=func.now(), ended_by=by).returning(ROLE_GRANT.c.account, ROLE_GRANT.c.role)
        ).first()
        if ended is None:
            raise Conflict
        sessions.end_of_grant(tx, id_)
        changes.note(tx, by, "grant.ended", ended.account, {"grant": id_, "role": ended.role})


def of(engine: Engine, account: str) -> list[Grant]:
    """What an account may work as now."""
    return _listed(engine, LIVE_GRANT & (ROLE_GRANT.c.account == account))


def waiting(engine: Engine) -> list[Grant]:
    """What waits for a second person."""
    return _listed(engine, WAITING)


def all_of(engine: Engine) -> Mapping[str, list[Grant]]:
    """Everyone's roles, by account; those that wait too."""
    found: dict[str, list[Grant]] = {}
    for grant in _listed(engine, ROLE_GRANT.c.ended_at.is_(None)):
        found.setdefault(grant.account, []).append(grant)
    return found


def has_administrator(engine: Engine) -> bool:
    """Whether anybody could administer: an active account with a password and that role."""
    with database.reading(engine) as connection:
        return bool(accounts.administrators(connection))


def last_administrator(engine: Engine) -> str | None:
    """The account that alone could administer, and so can neither be shut nor lose that role, if one is."""
    with database.reading(engine) as connection:
        found = {row.id for row in accounts.administrators(connection)}
    return found.pop() if len(found) == 1 else None


def _listed(engine: Engine, condition: Any) -> list[Grant]:
    wanted = select(*COLUMNS).where(condition).order_by(ROLE_GRANT.c.asked_at, ROLE_GRANT.c.id)
    with database.reading(engine) as connection:
        return [Grant(*row) for row in connection.execute(wanted)]
