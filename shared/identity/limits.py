"""How often one may guess, counted in PostgreSQL (S9).

Per account and per address; apart from them in a browser that the account is known to (`devices`).
"""

import hashlib
import ipaddress
from collections.abc import Sequence

from sqlalchemy import Connection, Engine, text

from shared import telemetry
from shared.identity import model

LOCK = text("SELECT pg_advisory_xact_lock(hashtext(:what))")
RECENT = text(
    "SELECT at, clock_timestamp() AS now FROM failure WHERE what = :what ORDER BY at DESC LIMIT :most"
)
COUNT = text("INSERT INTO failure (what) VALUES (:what)")
FORGET = text("DELETE FROM failure WHERE what = :what")
UNCOUNT = text(
    "DELETE FROM failure WHERE ctid = (SELECT ctid FROM failure WHERE what = :what ORDER BY at DESC LIMIT 1)"
)
CLEAR = text("DELETE FROM failure WHERE at < now() - interval '1 day'")


def of_login(login: str) -> str:
    """The door of one login, whether there is such an account or not.

    Of what was typed only 24 bits of a digest are kept: enough to count, too little to tell what it was.
    """
    return f"login:{hashlib.sha256(login.casefold().encode()).hexdigest()[:6]}"


def of_address(address: str | None) -> str:
    """The door of one address; of one network of 64 bits with IPv6, where a household has that many.

    An IPv4 address written as IPv6 (::ffff:192.0.2.1) is one of IPv4: all of those are one network of 64.
    """
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "address:unknown"
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if parsed.version == 6:
        return f"address:{ipaddress.ip_network((parsed, 64), strict=False)}"
    return f"address:{parsed}"


def enter(engine: Engine, doors: Sequence[str]) -> bool:
    """Whether one more try is let through all doors; it then counts as a failure until `succeed` says not.

    Counted before the try, so that a hundred at once are no more than ten one after another.
    """
    with engine.begin() as tx:
        for door in sorted(doors):
            tx.execute(LOCK, {"what": door})
        if closed := [door for door in doors if _is_shut(tx, door)]:
            telemetry.log.warning("door shut", doors=[door.partition(":")[0] for door in closed])
            return False
        for door in doors:
            tx.execute(COUNT, {"what": door})
        tx.execute(CLEAR)
        return True


def succeed(engine: Engine, own: str, address: str | None = None) -> None:
    """Forget the failures at a door of one account; at the address's, where that was passed too, only this
    try: guesses could hide there."""
    with engine.begin() as tx:
        tx.execute(FORGET, {"what": own})
        if address is not None:
            tx.execute(UNCOUNT, {"what": address})


def take_back(engine: Engine, address: str) -> None:
    """Forget this try at an address's door, where no account's was tried."""
    with engine.begin() as tx:
        tx.execute(UNCOUNT, {"what": address})


def _is_shut(tx: Connection, door: str) -> bool:
    rows = tx.execute(RECENT, {"what": door, "most": model.MOST_FAILURES}).all()
    return bool(rows) and model.shut([row.at for row in rows], rows[0].now)
