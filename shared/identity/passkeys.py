"""Passkeys (WebAuthn): second factors that a device or a security key holds, beside an app's codes (S8).

A browser answers a challenge that is kept here (`challenges`). The library judges the answer: made on our
origin for our host, the person verified by a PIN or a finger, a count that grew where the device counts. No
device is asked what make it is (no attestation): a county does not choose people's devices.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

import webauthn
from sqlalchemy import Connection, Engine, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from shared import database, telemetry
from shared.identity import accounts, challenges, changes, factors, model, references
from shared.identity.challenges import ADD, LIVES, SHOW
from shared.identity.sessions import Session
from shared.identity.tables import ACCOUNT, LIVE_GRANT, PASSKEY, RECOVERY_CODE, ROLE_GRANT
from shared.problems import Conflict, Fault, Invalid, NotFound

MILLISECOND = timedelta(milliseconds=1)
VERIFIED = UserVerificationRequirement.REQUIRED
MOST = 10  # of one account
LONGEST = 1024  # bytes of an id (WebAuthn: 1,023) or of a key (RSA with 4,096 bits: 530)
LONGEST_ANSWER = 16_384  # characters; one without attestation has about a thousand

REFUSED = Fault("answer", "通行密钥没有通过验证，请再试一次", "The passkey was not accepted; try again")
STALE = Fault(
    "answer", "页面已过期或已经用过，请再试一次", "This page was too old or used already; try again"
)


@dataclass(frozen=True)
class Site:
    """Whom passkeys are for: the origin that the browser sees, its host that they are bound to, its name."""

    origin: str
    host: str
    name: str


@dataclass(frozen=True)
class Passkey:
    """One passkey of an account, by the name that its owner gave it."""

    id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None


def site(address: str, name: str) -> Site | None:
    """The site at an address. None where the host is a number: browsers make no passkeys for it."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return Site(f"{parts.scheme}://{parts.netloc.lower()}", host, name)
    return None


def listed(engine: Engine, account: str) -> Sequence[Passkey]:
    """An account's passkeys, the oldest first."""
    columns = (PASSKEY.c[name] for name in Passkey.__dataclass_fields__)
    own = select(*columns).where(PASSKEY.c.account == account)
    with database.reading(engine) as connection:
        return [Passkey(*row) for row in connection.execute(own.order_by(PASSKEY.c.created_at))]


def challenge_to_add(engine: Engine, session: Session, here: Site) -> str:
    """What a browser is to make a new passkey of, as JSON. Raises Conflict where there are ten."""
    account = accounts.get(engine, session.account)
    if account.passkeys >= MOST:
        raise Conflict(f"最多 {MOST} 把通行密钥，请先移除一把", f"There are {MOST} already; remove one first")
    options = webauthn.generate_registration_options(
        rp_id=here.host,
        rp_name=here.name,
        user_id=account.id.encode(),
        user_name=account.login,
        user_display_name=account.name,
        challenge=challenges.make(engine, session.id, ADD),
        timeout=LIVES // MILLISECOND,
        authenticator_selection=AuthenticatorSelectionCriteria(user_verification=VERIFIED),
        exclude_credentials=_credentials(engine, account.id),
    )
    return webauthn.options_to_json(options)


def add(engine: Engine, session: Session, here: Site, name: str, answer: str) -> list[str]:
    """Keep the passkey that a browser made, under a name; return recovery codes if it is the first factor.

    Refuses (Invalid) an answer that is wrong, or not to a challenge of this session.
    """
    challenge = _taken(engine, session, ADD)
    with _refusing():
        made = webauthn.verify_registration_response(
            credential=answer[:LONGEST_ANSWER],
            expected_challenge=challenge,
            expected_rp_id=here.host,
            expected_origin=here.origin,
            require_user_verification=True,
        )
    if max(len(made.credential_id), len(made.credential_public_key)) > LONGEST:
        raise Invalid(faults=[REFUSED])
    with engine.begin() as tx:
        first = not _has_factor(tx, session.account)
        _keep(tx, session.account, name, made)
        return factors.new_codes(tx, session.account) if first else []


def _keep(tx: Connection, account: str, name: str, made: VerifiedRegistration) -> None:
    values = {
        "id": references.word(8),
        "account": account,
        "credential": made.credential_id,
        "public_key": made.credential_public_key,
        "sign_count": made.sign_count,
        "name": name,
    }
    kept = insert(PASSKEY).values(values).on_conflict_do_nothing().returning(PASSKEY.c.id)
    if tx.execute(kept).first() is None:
        raise Invalid(faults=[REFUSED])  # somebody has this very one
    changes.note(tx, account, "passkey.added", account, {"label": name})


def challenge_to_show(engine: Engine, session: Session, here: Site) -> str:
    """What one of the account's passkeys is to sign, for a browser, as JSON. NotFound if it has none."""
    known = _credentials(engine, session.account)
    if not known:
        raise NotFound
    options = webauthn.generate_authentication_options(
        rp_id=here.host,
        challenge=challenges.make(engine, session.id, SHOW),
        timeout=LIVES // MILLISECOND,
        allow_credentials=known,
        user_verification=VERIFIED,
    )
    return webauthn.options_to_json(options)


def show(engine: Engine, session: Session, here: Site, answer: str) -> None:
    """Take the answer of one of the account's passkeys, which counts once.

    Refuses (Invalid) an answer that is wrong, or not to a challenge of this session.
    """
    challenge = _taken(engine, session, SHOW)
    with _refusing():
        credential = parse_authentication_credential_json(answer[:LONGEST_ANSWER])
    own = (PASSKEY.c.account == session.account) & (PASSKEY.c.credential == credential.raw_id)
    with engine.begin() as tx:
        kept = tx.execute(select(PASSKEY).where(own).with_for_update()).first()
        if kept is None:
            raise Invalid(faults=[REFUSED])
        with _refusing():
            shown = webauthn.verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=here.host,
                expected_origin=here.origin,
                credential_public_key=kept.public_key,
                credential_current_sign_count=kept.sign_count,
                require_user_verification=True,
            )
        used = update(PASSKEY).where(own)
        tx.execute(used.values(sign_count=shown.new_sign_count, last_used_at=func.now()))


def remove(engine: Engine, account: str, id_: str) -> None:
    """Take a passkey away; with the last second factor go the recovery codes.

    Raises NotFound for one that is not the account's, Conflict for the last factor of a role that needs one.
    """
    with engine.begin() as tx:
        _has_factor(tx, account)  # nobody removes the other one at the same time
        own = delete(PASSKEY).where(PASSKEY.c.account == account, PASSKEY.c.id == id_)
        gone = tx.execute(own.returning(PASSKEY.c.name)).first()
        if gone is None:
            raise NotFound
        if not _has_factor(tx, account):
            _require_none(tx, account)
            tx.execute(delete(RECOVERY_CODE).where(RECOVERY_CODE.c.account == account))
        changes.note(tx, account, "passkey.removed", account, {"label": gone.name})


def _require_none(tx: Connection, account: str) -> None:
    """Refuse (Conflict) to leave somebody without a second factor whose role needs one."""
    roles = tx.execute(select(ROLE_GRANT.c.role).where(LIVE_GRANT, ROLE_GRANT.c.account == account)).scalars()
    if model.needs_factor(roles.all()):
        raise Conflict(
            "这是最后一种二次验证，您的角色不能没有；请先添加另一种",
            "This is your last second factor and your role needs one; add another first",
        )


def _has_factor(tx: Connection, account: str) -> bool:
    """Whether an account has a second factor; until `tx` ends, nobody else changes that."""
    own = select(ACCOUNT.c.totp.is_not(None)).where(ACCOUNT.c.id == account).with_for_update()
    passkeys = select(func.count()).where(PASSKEY.c.account == account)
    return bool(tx.execute(own).scalar_one() or tx.execute(passkeys).scalar_one())


def _credentials(engine: Engine, account: str) -> list[PublicKeyCredentialDescriptor]:
    own = select(PASSKEY.c.credential).where(PASSKEY.c.account == account)
    with database.reading(engine) as connection:
        return [PublicKeyCredentialDescriptor(id=id_) for id_ in connection.execute(own).scalars()]


def _taken(engine: Engine, session: Session, purpose: str) -> bytes:
    challenge = challenges.take(engine, session.id, purpose)
    if challenge is None:
        raise Invalid(faults=[STALE])
    return challenge


@contextmanager
def _refusing() -> Iterator[None]:
    """Refuse (Invalid) what the library does not believe or cannot read; the log has its reason.

    A mangled answer makes it raise whatever its readers of JSON, CBOR and keys do: KeyError, RecursionError …
    """
    try:
        yield
    except Exception as error:
        telemetry.log.warning("passkey refused", error=repr(error))
        raise Invalid(faults=[REFUSED]) from error
