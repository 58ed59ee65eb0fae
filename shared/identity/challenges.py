"""Challenges for passkeys: one for a session at a time, taken by its first answer, void after 5 minutes."""

from datetime import timedelta

from sqlalchemy import Engine, delete, func
from sqlalchemy.dialects.postgresql import insert
from webauthn.helpers import generate_challenge

from shared.identity.tables import PASSKEY_CHALLENGE

LIVES = timedelta(minutes=5)
ADD, SHOW = "add", "show"  # what a challenge is for: no answer to one counts as an answer to the other


def make(engine: Engine, session: str, purpose: str) -> bytes:
    """A new challenge for a session, instead of any before."""
    challenge = generate_challenge()
    values = {"purpose": purpose, "challenge": challenge, "expires_at": func.now() + LIVES}
    made = insert(PASSKEY_CHALLENGE).values(session=session, **values)
    with engine.begin() as tx:
        tx.execute(made.on_conflict_do_update(index_elements=["session"], set_=values))
    return challenge


def take(engine: Engine, session: str, purpose: str) -> bytes | None:
    """The challenge of a session, which nothing can answer again; None if none lives for this purpose."""
    own = delete(PASSKEY_CHALLENGE).where(
        PASSKEY_CHALLENGE.c.session == session,
        PASSKEY_CHALLENGE.c.purpose == purpose,
        PASSKEY_CHALLENGE.c.expires_at > func.now(),
    )
    with engine.begin() as tx:
        return tx.execute(own.returning(PASSKEY_CHALLENGE.c.challenge)).scalar()
