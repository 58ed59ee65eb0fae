"""What both doors of intake do, the API and the pages: register, look up, follow."""

import hashlib
from dataclasses import replace

import orjson

from services.intake import domain, store
from services.intake.domain import Grievance, NewGrievance, Tracking
from shared import database, disk, idempotency, keyring, numbers, outbox, telemetry, vault
from shared.county.model import Office
from shared.idempotency import Request
from shared.identity import limits
from shared.identity.model import Caller
from shared.policy import Follower
from shared.problems import Backlogged, Forbidden, NoRoom, NotFound, TooMany
from shared.service import Service

NO_NUMBER = (
    "存储空间不足，暂停登记：本次没有登记，也没有产生编号",
    "Storage is short and registration is paused: nothing was registered, and there is no number",
)


def register(
    service: Service, caller: Caller, key: str, new: NewGrievance, *, bulk: bool = False
) -> tuple[Grievance, str]:
    """Register a grievance once for this key; returns it as it stands, and its query code.

    State and event are committed together, before anyone is told. Refuses as `domain.register` and
    `idempotency.earlier` do, NoRoom when the disk's reserve is reached, and what comes in `bulk` while too
    much is waiting (Backlogged); a single grievance never for that.
    """
    _admit(service, bulk=bulk)
    try:
        return _register(service, caller, key, new)
    except database.Down as error:
        if database.is_full(error):
            raise NoRoom(*NO_NUMBER) from error
        raise


def offices(service: Service, caller: Caller) -> list[Office]:
    """The offices that the caller can register for: those whose grievances `register` takes from them."""
    reach = service.reach(caller, "grievance.register")
    return [office for office in service.county.offices.values() if reach.holds({"office": office.id})]


def _admit(service: Service, *, bulk: bool) -> None:
    folder = service.settings.disk
    if folder is not None and disk.is_short(disk.space(folder)):
        raise NoRoom(*NO_NUMBER)
    if bulk:
        with service.reading() as tx:
            if outbox.is_crowded(tx):
                raise Backlogged


def _register(service: Service, caller: Caller, key: str, new: NewGrievance) -> tuple[Grievance, str]:
    request = Request(caller.responsible, key, hashlib.sha256(orjson.dumps(new)).digest())
    safe, now = vault.at(service.settings.secrets), service.now()
    reach = service.reach(caller, "grievance.register")
    with service.direct(caller) as db:
        number = domain.number_of(now, store.next_sequence(db))
        grievance = domain.register(new, number, service.county, caller.responsible, now)
        if not reach.holds(domain.facts(grievance)):
            raise Forbidden("只能以本单位的名义登记", "You can register only for your own office")
        kept = store.keeping(safe, grievance, new.petitioners)
        told = outbox.telling(domain.registered(grievance))
        if store.register(db, request.claiming(number) | kept | told):
            telemetry.log.info("registered", number=number)  # known should the database be lost
            return grievance, domain.query_code(safe.digest(number))
    earlier = _earlier(service, request, grievance)
    return earlier, domain.query_code(safe.digest(earlier.number))


def _earlier(service: Service, request: Request, grievance: Grievance) -> Grievance:
    """What was registered with this key before, to its sender, who may not read it if it is about them."""
    with service.reading() as tx:
        number = idempotency.earlier(tx, request)
    with service.reading(Follower(number)) as tx:
        return store.get(tx, number) or replace(grievance, number=number)


def find(service: Service, caller: Caller, number: str) -> Grievance:
    """The grievance with this number, if the caller may see it; NotFound in any other case."""
    reach = service.reach(caller, "grievance.read")
    with service.reading(caller) as tx:
        grievance = store.get(tx, numbers.parse(number))
    if grievance is None or not reach.holds(domain.facts(grievance)):
        raise NotFound
    return grievance


def course(service: Service, caller: Caller, grievance: Grievance) -> Tracking:
    """What became of a grievance that `find` gave the caller."""
    with service.reading(caller) as tx:
        return store.tracking(tx, grievance.number)


def listed(service: Service, caller: Caller, status: str | None, page: int) -> tuple[int, list[Grievance]]:
    """One page of what the caller may see, and how many there are. Those of one person: `actions.views`."""
    reach = service.reach(caller, "grievance.read")
    with service.reading(caller) as tx:
        return store.listed(tx, reach, status, None, page)


def track(service: Service, number: str, code: str, address: str) -> Tracking:
    """What the petitioner may follow with number and query code.

    Wrong number and wrong code get the same answer (NotFound), and too many of them from one address or
    for one number none at all for a while (TooMany).
    """
    now = service.now()
    most = {f"number {number}": domain.MOST_OF_A_NUMBER, limits.of_address(address): domain.MOST_FAILURES}
    follower = Follower(number) if _opens(service, number, code) else None
    with service.transaction(follower) as tx:
        failed = store.lookup_failures(tx, list(most), now - domain.FAILURES_KEPT)
        if any(failed.get(each, 0) >= limit for each, limit in most.items()):
            raise TooMany
        if follower is not None and store.get(tx, number) is not None:
            return store.tracking(tx, number)
        store.note_lookup_failure(tx, list(most), now, domain.FAILURES_KEPT)
    raise NotFound("编号或查询码不正确", "Number or query code is not right")


def _opens(service: Service, number: str, code: str) -> bool:
    """Whether the code is the number's, under any key that is kept; each is compared, whichever it is."""
    digests = vault.at(service.settings.secrets).digests(number)
    return any([keyring.equal(domain.query_code(digest), domain.spelled(code)) for digest in digests])
