"""Second factors: six digits that change every 30 seconds (TOTP, RFC 6238), and recovery codes.

The other kind, `passkeys`, stands beside these; whoever has either has recovery codes.
"""

import secrets
import time

import pyotp
from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, select, update

from shared import database, keyring, telemetry
from shared.identity import changes, references, sessions
from shared.identity.tables import ACCOUNT, PASSKEY, RECOVERY_CODE
from shared.keyring import Seal
from shared.problems import Conflict

STEP = 30  # seconds
CODES = 10
LENGTH = 24  # letters of a recovery code
LETTERS = "23456789abcdefghjkmnpqrstvwxyz"  # none that looks like another  # pragma: allowlist secret


def secret() -> str:
    """A new secret to share with a person's app, in base32."""
    return pyotp.random_base32()


def address(secret: str, login: str, issuer: str) -> str:
    """The `otpauth:` link that an app takes the secret from."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=issuer)


def enrol(engine: Engine, seal: Seal, account: str, secret: str, code: str) -> list[str] | None:
    """Keep a person's new secret if the code shows that their app has it; return their recovery codes.

    None for a wrong code. Raises Conflict where there is a second factor already.
    """
    step = _step(secret, code)
    if step is None:
        return None
    own = update(ACCOUNT).where(ACCOUNT.c.id == account, ACCOUNT.c.totp.is_(None))
    kept = seal.close(secret.encode(), _place(account))
    with engine.begin() as tx:
        if tx.execute(own.values(totp=kept, totp_step=step)).rowcount == 0:
            raise Conflict
        changes.note(tx, account, "factor.enrolled", account)
        return new_codes(tx, account)


def show(engine: Engine, seal: Seal, account: str, code: str) -> bool:
    """Whether a code is the app's of now (or of 30 seconds ago or ahead), or a recovery code; each once."""
    said = code.replace(" ", "").replace("-", "").lower()
    right = _use_code(engine, seal, account, said) if len(said) == 6 else _use_recovery(engine, account, said)
    if not right:
        telemetry.log.warning("code refused", account=account)
    return right


def _use_code(engine: Engine, seal: Seal, account: str, said: str) -> bool:
    with database.reading(engine) as connection:
        row = connection.execute(select(ACCOUNT.c.totp).where(ACCOUNT.c.id == account)).first()
    if row is None or row.totp is None:
        return False
    step = _step(seal.open(row.totp, _place(account)).decode(), said)
    return step is not None and _use_step(engine, account, step)


def renew_codes(engine: Engine, account: str) -> list[str]:
    """Ten new recovery codes; the old ones are worth nothing any more."""
    with engine.begin() as tx:
        changes.note(tx, account, "recovery.renewed", account)
        return new_codes(tx, account)


def left(engine: Engine, account: str) -> int:
    """How many recovery codes were not used yet."""
    own = (RECOVERY_CODE.c.account == account) & RECOVERY_CODE.c.used_at.is_(None)
    with database.reading(engine) as connection:
        return connection.execute(select(func.count()).where(own)).scalar_one()


def remove(tx: Connection, account: str, by: str) -> None:
    """Take lost second factors away: from the command line of the machine alone, never over the network.

    All sessions end, since one may be of whoever found it.
    """
    tx.execute(update(ACCOUNT).where(ACCOUNT.c.id == account).values(totp=None))
    tx.execute(delete(PASSKEY).where(PASSKEY.c.account == account))
    tx.execute(delete(RECOVERY_CODE).where(RECOVERY_CODE.c.account == account))
    sessions.end_others(tx, account, None, "factor")
    changes.note(tx, by, "factor.removed", account)


def outdated(tx: Connection, seal: Seal) -> int:
    """How many secrets are sealed with a key that is not the one in use."""
    return tx.execute(select(func.count()).where(_old(seal))).scalar_one()


def reseal(tx: Connection, seal: Seal) -> int:
    """Seal them with the key in use; how many there were. Raises Tampered, and nothing is done."""
    rows = tx.execute(select(ACCOUNT.c.id, ACCOUNT.c.totp).where(_old(seal)).with_for_update()).all()
    for row in rows:
        kept = seal.close(seal.open(row.totp, _place(row.id)), _place(row.id))
        tx.execute(update(ACCOUNT).where(ACCOUNT.c.id == row.id).values(totp=kept))
    return len(rows)


def _old(seal: Seal) -> ColumnElement[bool]:
    return ACCOUNT.c.totp.not_like(f"{seal.prefix}%")


def _place(account: str) -> str:
    return f"account.totp:{account}"


def _step(secret: str, code: str) -> int | None:
    """The step of time that a code belongs to, if it is this one or a neighbour."""
    now = int(time.time()) // STEP
    app = pyotp.TOTP(secret)
    fitting = [step for step in (now - 1, now, now + 1) if keyring.equal(app.at(step * STEP), code)]
    return fitting[-1] if fitting else None


def _use_step(engine: Engine, account: str, step: int) -> bool:
    """Each step counts once, and none before one that was used, however many ask at once."""
    own = update(ACCOUNT).where(ACCOUNT.c.id == account, ACCOUNT.c.totp_step < step)
    with engine.begin() as tx:
        return tx.execute(own.values(totp_step=step)).rowcount == 1


def _use_recovery(engine: Engine, account: str, code: str) -> bool:
    own = (RECOVERY_CODE.c.account == account) & (RECOVERY_CODE.c.digest == references.digest(code))
    used = update(RECOVERY_CODE).where(own, RECOVERY_CODE.c.used_at.is_(None)).values(used_at=func.now())
    with engine.begin() as tx:
        if tx.execute(used).rowcount == 0:
            return False
        changes.note(tx, account, "recovery.used", account)
        return True


def new_codes(tx: Connection, account: str) -> list[str]:
    """Ten recovery codes instead of any before.

    24 letters each: 117 bits, so that a plain digest of one tells nothing (ASVS 6.5.2).
    """
    made = ["".join(secrets.choice(LETTERS) for _ in range(LENGTH)) for _ in range(CODES)]
    tx.execute(delete(RECOVERY_CODE).where(RECOVERY_CODE.c.account == account))
    rows = [{"account": account, "digest": references.digest(code)} for code in made]
    tx.execute(insert(RECOVERY_CODE), rows)
    return ["-".join(code[at : at + 4] for at in range(0, LENGTH, 4)) for code in made]
