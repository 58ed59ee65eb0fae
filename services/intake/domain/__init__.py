"""What a grievance is, who may register one, and what its petitioner may see. Pure."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from stdnum.iso7064 import mod_11_2

from shared import numbers, policy
from shared.contracts import GrievanceRegistered
from shared.county.model import County
from shared.county.terms import ACCUSATION
from shared.problems import Fault, Invalid

MOST_REPRESENTATIVES = 5  # M5, 信访工作条例 Art. 20
OLDEST = timedelta(days=3653)  # since it was received: a year mistyped makes a deadline overdue at once
SKEW = timedelta(minutes=5)  # how far ahead another machine's clock may be

# Where a grievance stands for its petitioner, and what may come next. A status said again is no move.
MOVES: dict[str, frozenset[str]] = {
    "registered": frozenset({"triage", "assigned"}),
    "triage": frozenset({"assigned"}),
    "assigned": frozenset({"accepted", "triage", "answered"}),
    "accepted": frozenset({"answered", "triage"}),
    "answered": frozenset(),
}

MOST_FAILURES = 20  # failed look-ups from one address, …
MOST_OF_A_NUMBER = 1000  # … or of one number from all: fifty addresses, not one, keep its owner from it, …
FAILURES_KEPT = timedelta(hours=1)  # … in this time (S9)

CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # no 0 O 1 I: read out on the phone, copied by hand


@dataclass(frozen=True)
class Petitioner:
    """One person who brings a grievance. Only the name is needed."""

    name: str
    phone: str | None
    id_number: str | None
    address: str | None
    representative: bool


@dataclass(frozen=True)
class NewGrievance:
    """What a clerk, a station or a department hands in. Times are aware."""

    kind: str
    office: str
    channel: str
    urgency: str | None
    category: str | None
    place: str | None
    unit: str | None
    summary: str
    text: str
    petitioners: tuple[Petitioner, ...]
    received_at: datetime | None


@dataclass(frozen=True)
class Grievance:
    """A registered grievance: the matter, without the persons. `unit` is the department complained about."""

    number: str
    kind: str
    office: str
    channel: str
    urgency: str | None
    category: str | None
    place: str | None
    unit: str | None
    petitioners: int
    summary: str
    text: str
    received_at: datetime
    registered_at: datetime
    registered_by: str
    county_version: str
    status: str


@dataclass(frozen=True)
class Step:
    """Something that happened to a grievance, for its petitioner to read: `what` names the event."""

    what: str
    department: str | None
    words: Mapping[str, str]
    at: datetime


@dataclass(frozen=True)
class Deadline:
    """A deadline as the petitioner sees it: running, met, late (met after it was due) or missed."""

    deadline: str
    clock: str
    department: str
    due_at: datetime
    state: str


@dataclass(frozen=True)
class Seen:
    """A view of a petitioner's identity as they are told of it: which role of which body, when and why."""

    at: datetime
    held: str
    department: str | None
    office: str | None
    reason: str


@dataclass(frozen=True)
class Tracking:
    """What a petitioner may follow: status, who is responsible, what is due, what was said, who looked."""

    number: str
    status: str
    kind: str
    summary: str
    received_at: datetime
    lead: str | None
    cooperating: tuple[str, ...]
    deadlines: tuple[Deadline, ...]
    steps: tuple[Step, ...]
    views: tuple[Seen, ...] = ()


def register(new: NewGrievance, number: str, county: County, by: str, now: datetime) -> Grievance:
    """The grievance that `new` becomes under `number`, registered `by` whom (M1, M4, M5).

    Refuses (Invalid) what breaks a rule, naming every field at once as the one-time notice asks (M2).
    """
    faults = list(_faults(new, county, now))
    if faults:
        raise Invalid(faults=faults)
    return Grievance(
        number=number,
        kind=new.kind,
        office=new.office,
        channel=new.channel,
        urgency=new.urgency or ("ordinary" if new.channel == "phone" else None),
        category=new.category,
        place=new.place,
        unit=new.unit,
        petitioners=len(new.petitioners),
        summary=new.summary,
        text=new.text,
        received_at=new.received_at or now,
        registered_at=now,
        registered_by=by,
        county_version=county.version,
        status="registered",
    )


def registered(grievance: Grievance) -> GrievanceRegistered:
    """What the other services are told: the matter, never the person."""
    return GrievanceRegistered(
        number=grievance.number,
        kind=grievance.kind,
        office=grievance.office,
        channel=grievance.channel,
        urgency=grievance.urgency,
        category=grievance.category,
        place=grievance.place,
        unit=grievance.unit,
        petitioners=grievance.petitioners,
        summary=grievance.summary,
        text=grievance.text,
        received_at=grievance.received_at,
        registered_at=grievance.registered_at,
    )


def _faults(new: NewGrievance, county: County, now: datetime) -> Iterator[Fault]:
    known = (
        ("office", new.office, county.offices),
        ("category", new.category, county.categories),
        ("place", new.place, county.places),
        ("unit", new.unit, county.departments),
    )
    for field, value, directory in known:
        if value is not None and value not in directory:
            yield Fault(field, f"县名录中没有“{value}”", f"“{value}” is not in the county directory")
    if new.urgency and new.channel != "phone":
        yield Fault("urgency", "只有热线工单分缓急", "Only hotline orders have an urgency")
    if new.received_at and new.received_at > now + SKEW:
        yield Fault("received_at", "收到时间在将来", "The time of receipt lies in the future")
    if new.received_at and new.received_at < now - OLDEST:
        yield Fault("received_at", "收到时间早于十年前", "It was received more than ten years ago")
    yield from _representative_faults(new.petitioners)


def _representative_faults(petitioners: tuple[Petitioner, ...]) -> Iterator[Fault]:
    """At most five speak for the others; of many, somebody must (M5)."""
    representatives = sum(p.representative for p in petitioners)
    if representatives > MOST_REPRESENTATIVES:
        yield Fault(
            "petitioners",
            f"代表不得超过 {MOST_REPRESENTATIVES} 人，现为 {representatives} 人",
            f"At most {MOST_REPRESENTATIVES} representatives; there are {representatives}",
        )
    if len(petitioners) > MOST_REPRESENTATIVES and not representatives:
        yield Fault("petitioners", "五人以上须推选代表", "More than five petitioners choose representatives")


def facts(matter: NewGrievance | Grievance, handling: Iterable[str] = ()) -> dict[str, object]:
    """The fields that rows of the policy go by (`shared.policy`); `handling` departments answer for it."""
    return {
        "office": matter.office,
        "place": matter.place,
        "unit": matter.unit,
        "accused": policy.accused(matter.kind, matter.unit),
        "open": None if matter.kind == ACCUSATION else "yes",
        "handling": frozenset(handling),
    }


def query_code(digest: bytes) -> str:
    """The petitioner's query code, from a keyed digest of the number: eight characters, `K7QM-2X9D`."""
    value = int.from_bytes(digest, "big")
    letters = ""
    for _ in range(8):
        value, rest = divmod(value, len(CODE_ALPHABET))
        letters += CODE_ALPHABET[rest]
    return f"{letters[:4]}-{letters[4:]}"


def spelled(code: str) -> str:
    """A query code as it was typed, brought to its usual spelling."""
    letters = "".join(character for character in code.upper() if character.isalnum())
    return f"{letters[:4]}-{letters[4:]}"


def before(wanted: str) -> tuple[str, ...]:
    """The statuses that news may take to `wanted`. In any other the news leaves a grievance where it is.

    For news may be repeated: a second department accepts.
    """
    return tuple(status for status, allowed in MOVES.items() if wanted in allowed)


def phone_digits(phone: str) -> str:
    """A phone number as it is looked up: digits only, without the country code."""
    digits = "".join(c for c in unicodedata.normalize("NFKC", phone) if c.isdigit())
    return digits.removeprefix("0086").removeprefix("86") if len(digits) > 11 else digits


def document_number(id_number: str) -> str:
    """A resident's number as it is looked up: 18 places, the old 15 made into 18."""
    kept = "".join(c for c in unicodedata.normalize("NFKC", id_number).upper() if c.isalnum())
    if len(kept) == 15 and kept.isdigit():
        kept = f"{kept[:6]}19{kept[6:]}"
        kept += mod_11_2.calc_check_digit(kept)
    return kept


def number_of(now: datetime, sequence: int) -> str:
    """The number of the `sequence`-th grievance, of the year in which it is registered."""
    return numbers.make(now.year, sequence)
