"""Sessions of people: a row for each, its reference kept as a digest (S5).

A session begins with the password and may do nothing until it has a role (`enter`). Each step gives a new
reference, and the one before is worth nothing from then on. Twelve hours after the password it is over;
the idle limit is judged by the cookie, so that reading a page never writes here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, insert, select, text, update

from shared import database, telemetry
from shared.identity import references
from shared.identity.model import ROLES, Caller
from shared.identity.tables import ACCOUNT, LIVE_GRANT, ROLE_GRANT, SESSION
from shared.problems import Conflict

HOURS = 12  # a session ends after this, whatever was done in it; the view `signed_in` says so as well


@dataclass(frozen=True)
class Session:
    """A session that lives: whose it is, and whether a second factor was shown. `grant` None: no role yet."""

    id: str
    account: str
    grant: str | None
    second_factor: bool


SIGNED_IN = """
    SELECT id, role, department, office, station, area, account, name, bodies, second_factor FROM signed_in
    WHERE digest = %s
"""
LIVING = text(f"""
    SELECT s.id, s.account, s.role_grant, s.factor_at IS NOT NULL
    FROM session s JOIN account a ON a.id = s.account
    WHERE s.digest = :digest AND s.ended_at IS NULL AND a.status = 'active'
      AND s.created_at > now() - CASE WHEN s.role_grant IS NULL THEN interval '15 minutes'
                                                                ELSE interval '{HOURS} hours' END
""")  # nosec B608 - our own number


def begin(engine: Engine, account: str, address: str, agent: str, password: str | None = None) -> str:
    """A session of someone whose password was right; return its reference.

    Raises Conflict if `password`, the hash that it was right for, is theirs no more: it was changed while
    this one was looked at, and all sessions ended. The row is held: a change under way is waited for.
    """
    reference, own = references.reference(), ACCOUNT.c.id == account
    if password is not None:
        own &= ACCOUNT.c.password == password
    values = {"id": references.word(8), "digest": references.digest(reference), "account": account}
    with engine.begin() as tx:
        if tx.execute(select(ACCOUNT.c.id).where(own).with_for_update(read=True)).first() is None:
            raise Conflict
        tx.execute(insert(SESSION).values(**values, address=address[:80], agent=agent[:200]))
    telemetry.log.info("session began", account=account, session=values["id"])
    return reference


def caller(engine: Engine, reference: str) -> Caller | None:
    """Who works under this reference: None if unknown, ended, over, or if account or role ended."""
    with database.direct(engine) as connection:
        row = connection.execute(SIGNED_IN, [references.digest(reference)]).fetchone()
    if row is None or row[1] not in ROLES or (ROLES[row[1]].second_factor and not row[-1]):
        return None
    return replace(Caller(*row[:8]), bodies=tuple(row[8]))


def living(engine: Engine, reference: str) -> Session | None:
    """The session of this reference, with a role or still without one (for 15 minutes)."""
    with database.reading(engine) as connection:
        row = connection.execute(LIVING, {"digest": references.digest(reference)}).first()
    return None if row is None else Session(*row)


def show_factor(engine: Engine, session: str) -> str:
    """Keep that a second factor was shown; return the new reference."""
    telemetry.log.info("factor shown", session=session)
    return _renew(engine, session, factor_at=func.now())


def enter(engine: Engine, session: str, grant: str) -> str | None:
    """Work in a role from now on; return the new reference.

    None for a grant that does not live, is another's, or whose role asks for a second factor not shown.
    """
    live = LIVE_GRANT & (ROLE_GRANT.c.id == grant)
    wanted = select(ROLE_GRANT.c.role, SESSION.c.factor_at).join(
        SESSION, SESSION.c.account == ROLE_GRANT.c.account
    )
    with database.reading(engine) as connection:
        row = connection.execute(wanted.where(live, SESSION.c.id == session)).first()
    if row is None or (ROLES[row.role].second_factor and row.factor_at is None):
        return None
    telemetry.log.info("role entered", session=session, grant=grant, role=row.role)
    return _renew(engine, session, role_grant=grant)


def _renew(engine: Engine, session: str, **values: Any) -> str:
    reference = references.reference()
    own = update(SESSION).where(SESSION.c.id == session, SESSION.c.ended_at.is_(None))
    with engine.begin() as tx:
        tx.execute(own.values(digest=references.digest(reference), **values))
    return reference


def listed(engine: Engine, account: str) -> Sequence[Any]:
    """An account's sessions that live, the newest first."""
    wanted = (
        select(SESSION.c.id, SESSION.c.created_at, SESSION.c.address, SESSION.c.agent, ROLE_GRANT.c.role)
        .join(ROLE_GRANT, ROLE_GRANT.c.id == SESSION.c.role_grant)
        .where(SESSION.c.account == account, SESSION.c.ended_at.is_(None))
        .where(SESSION.c.created_at > func.now() - text(f"interval '{HOURS} hours'"))
    )
    with database.reading(engine) as connection:
        return connection.execute(wanted.order_by(SESSION.c.created_at.desc())).all()


def end(engine: Engine, account: str, session: str, why: str) -> bool:
    """End one session of an account at once, in all services. False if it has no such session."""
    with engine.begin() as tx:
        return _end(tx, (SESSION.c.account == account) & (SESSION.c.id == session), why) == 1


def end_others(tx: Connection, account: str, session: str | None, why: str) -> None:
    """End all sessions of an account but this one."""
    _end(tx, (SESSION.c.account == account) & SESSION.c.id.is_distinct_from(session), why)


def end_of_grant(tx: Connection, grant: str) -> None:
    """End all sessions that work under a grant."""
    _end(tx, SESSION.c.role_grant == grant, "grant")


def _end(tx: Connection, which: ColumnElement[bool], why: str) -> int:
    alive = update(SESSION).where(which, SESSION.c.ended_at.is_(None))
    over = alive.values(ended_at=func.now(), ended_why=why).returning(SESSION.c.id, SESSION.c.account)
    ended = tx.execute(over).all()
    for row in ended:
        telemetry.log.info("session ended", account=row.account, session=row.id, why=why)
    return len(ended)
