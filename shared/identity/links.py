"""Set-up links for people: asked for by one administrator, made for another who confirms it (S17).

A link sets a password, and so may open somebody's account. Whoever asks is never shown it, and whoever is
shown it did not ask: nobody gets into an account by a link that they alone wanted. The command line of the
machine makes one at once (`accounts.link`).
"""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.dialects.postgresql import insert

from shared import database
from shared.identity import accounts, changes
from shared.identity.tables import ACCOUNT, LINK_REQUEST
from shared.problems import Conflict, Forbidden

OWN = ("须由另一位管理员为您申请", "Another administrator has to ask for yours")


@dataclass(frozen=True)
class Asked:
    """A link that waits for a second person: for whom, and who asked."""

    account: str
    asked_by: str


def ask(tx: Connection, account: str, by: str) -> None:
    """Ask for a new set-up link of an account; the first who asks is the one who asked.

    Refuses (Forbidden) one's own, and (Conflict) that of a disabled account, which no link would open.
    """
    if account == by:
        raise Forbidden(*OWN)
    active = select(ACCOUNT.c.id).where(ACCOUNT.c.id == account, ACCOUNT.c.status == "active")
    if tx.execute(active.with_for_update()).first() is None:
        raise Conflict
    kept = insert(LINK_REQUEST).values(account=account, asked_by=by).on_conflict_do_nothing()
    if tx.execute(kept).rowcount:
        changes.note(tx, by, "link.asked", account)


def confirm(engine: Engine, account: str, by: str) -> str:
    """Make the link that was asked for; return its secret, which works as `accounts.link` says.

    Refuses (Forbidden) the one who asked and the one whom it is for; Conflict if none waits.
    """
    own = LINK_REQUEST.c.account == account
    with engine.begin() as tx:
        asked = tx.execute(delete(LINK_REQUEST).where(own).returning(LINK_REQUEST.c.asked_by)).first()
        if asked is None:
            raise Conflict
        if by in {asked.asked_by, account}:
            raise Forbidden("须由另一位管理员确认", "Another administrator has to confirm it")
        return accounts.link(tx, account, by)


def refuse(engine: Engine, account: str, by: str) -> None:
    """Take back what was asked, or refuse it. Raises Conflict if none waits."""
    with engine.begin() as tx:
        if tx.execute(delete(LINK_REQUEST).where(LINK_REQUEST.c.account == account)).rowcount == 0:
            raise Conflict
        changes.note(tx, by, "link.refused", account)


def waiting(engine: Engine) -> list[Asked]:
    """The links that wait for a second person, the longest waiting first."""
    wanted = select(LINK_REQUEST.c.account, LINK_REQUEST.c.asked_by).order_by(LINK_REQUEST.c.asked_at)
    with database.reading(engine) as connection:
        return [Asked(*row) for row in connection.execute(wanted)]
