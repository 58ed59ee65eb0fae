"""Who is who at the OpenID provider. A signed-in person links themselves, once; nobody is made by it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from shared import database
from shared.identity import changes, references, sessions
from shared.identity.tables import ACCOUNT, LINKED_SUBJECT, SPENT_ATTEMPT
from shared.problems import Conflict, NotFound

KEPT = text("interval '1 hour'")  # longer than any attempt lives


@dataclass(frozen=True)
class Subject:
    """Somebody at a provider. `id` is what it promises never to give to another; `name` is for people."""

    issuer: str
    id: str
    name: str


def account(engine: Engine, subject: Subject) -> str | None:
    """The active account that a subject is linked to, if there is one."""
    wanted = (
        select(ACCOUNT.c.id)
        .join(LINKED_SUBJECT, LINKED_SUBJECT.c.account == ACCOUNT.c.id)
        .where(LINKED_SUBJECT.c.issuer == subject.issuer, LINKED_SUBJECT.c.subject == subject.id)
        .where(ACCOUNT.c.status == "active")
    )
    with database.reading(engine) as connection:
        return connection.execute(wanted).scalar()


def of(engine: Engine, account: str) -> Any:
    """What an account is linked to: issuer, subject, name, linked_at; None if to nothing."""
    with database.reading(engine) as connection:
        return connection.execute(select(LINKED_SUBJECT).where(LINKED_SUBJECT.c.account == account)).first()


def link(engine: Engine, account: str, subject: Subject) -> None:
    """Let a subject sign in as an account. Raises Conflict where either of them is linked already."""
    values = {"account": account, "issuer": subject.issuer, "subject": subject.id, "name": subject.name}
    kept = insert(LINKED_SUBJECT).values(values).on_conflict_do_nothing().returning(LINKED_SUBJECT.c.account)
    with engine.begin() as tx:
        if tx.execute(kept).first() is None:
            raise Conflict(
                "该统一身份或您的账户已有关联，请先解除", "That identity, or your account, is linked already"
            )
        changes.note(tx, account, "subject.linked", account, _said(subject.issuer, subject.id))


def unlink(engine: Engine, account: str, by: str, session: str | None) -> None:
    """Undo a link; all sessions of the account end but this one. Raises NotFound if there is none."""
    gone = delete(LINKED_SUBJECT).where(LINKED_SUBJECT.c.account == account)
    with engine.begin() as tx:
        row = tx.execute(gone.returning(LINKED_SUBJECT.c.issuer, LINKED_SUBJECT.c.subject)).first()
        if row is None:
            raise NotFound
        sessions.end_others(tx, account, session, "unlinked")
        changes.note(tx, by, "subject.unlinked", account, _said(*row))


def spend(engine: Engine, state: str) -> bool:
    """Whether an attempt comes back for the first time; from then on it has."""
    with engine.begin() as tx:
        tx.execute(delete(SPENT_ATTEMPT).where(SPENT_ATTEMPT.c.at < func.now() - KEPT))
        spent = insert(SPENT_ATTEMPT).values(digest=references.digest(state)).on_conflict_do_nothing()
        return tx.execute(spent.returning(SPENT_ATTEMPT.c.at)).first() is not None


def _said(*pair: str) -> dict[str, str | None]:
    return dict(zip(("issuer", "subject"), pair, strict=True))
