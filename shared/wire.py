"""Events and receipts as they travel: CloudEvents inside a sealed, signed frame.

A *frame* is one message on a queue: who sent it to whom, and a batch of events, receipts, a hello or a
canary. The body is encrypted with the suite's key and the whole frame signed by its sender, so that whoever
can write to Redis can neither read a grievance nor forge one. The header names the sender's incarnation:
what was said in a life of the databases that a restore took back is not heard. Frames are made anew for each
sending; an event keeps its id and sequence for ever.
"""

import hashlib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from shared import contracts
from shared.contracts import Event
from shared.keyring import Seal, Signer, Tampered

VERSION = 2
KINDS = ("events", "receipts", "hello", "canary", "digests")


class Unreadable(Exception):
    """What arrived is no frame or event that we can read; `reason` is a parking code."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True)
class Envelope:
    """One event on its way: CloudEvents attributes, plus its place in the stream of its grievance."""

    id: str
    source: str
    type: str
    subject: str
    sequence: int
    time: datetime
    traceparent: str | None
    data: Mapping[str, Any]

    def dump(self) -> dict[str, Any]:
        """The CloudEvents 1.0 JSON form."""
        return {"specversion": "1.0", "datacontenttype": "application/json", **vars(self)}


@dataclass(frozen=True)
class Frame:
    """One opened message: what `sender` says, and whether in the same life of the databases."""

    sender: str
    kind: str
    body: Any
    contemporary: bool = True


def _field(hint: Any) -> fields.Field[Any]:
    """The marshmallow field of a type that an event may use; anything else is a mistake in the contract."""
    if typing.get_origin(hint) is types.UnionType:
        inner = _field(next(arg for arg in typing.get_args(hint) if arg is not types.NoneType))
        inner.allow_none, inner.required = True, False
        inner.load_default = None
        return inner
    if typing.get_origin(hint) is tuple:
        return fields.List(fields.String(), required=True)
    simple: dict[Any, Any] = {
        str: fields.String,
        int: fields.Integer,
        bool: fields.Boolean,
        datetime: fields.AwareDateTime,
    }
    extra: dict[str, Any] = {"strict": True} if hint is int else {}
    if hint is datetime:
        extra = {"format": "iso"}  # a time without its zone is refused
    return typing.cast("fields.Field[Any]", simple[hint](required=True, **extra))


def _schema(event: type) -> Schema:
    hints = typing.get_type_hints(event)
    made = Schema.from_dict({field: _field(hint) for field, hint in hints.items()}, name=event.__name__)
    return made(unknown=EXCLUDE)  # readers tolerate additions


def _allowed(event: type) -> dict[str, Any]:
    """Field → the Python types it may hold, for a quick check on the way out."""
    hints = typing.get_type_hints(event)
    return {field: tuple if typing.get_origin(hint) is tuple else hint for field, hint in hints.items()}


_ALLOWED: dict[type, dict[str, Any]] = {event: _allowed(event) for event in contracts.READERS}
TYPES: dict[str, type[Event]] = {contracts.name(event): event for event in contracts.READERS}
SCHEMAS: dict[str, Schema] = {contracts.name(event): _schema(event) for event in contracts.READERS}


def write(event: Event) -> str:
    """An event as JSON text. Raises Unreadable if a field breaks the event's own contract."""
    for field, allowed in _ALLOWED[type(event)].items():
        if not _fits(getattr(event, field), allowed):
            raise Unreadable("schema-invalid", f"{contracts.name(type(event))}.{field} must be {allowed}")
    return orjson.dumps(event).decode()


def _fits(value: Any, allowed: Any) -> bool:
    """Of the right type; besides, a time has its zone, and a text no NUL, which PostgreSQL cannot keep."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return False
    return isinstance(value, allowed) and not (isinstance(value, str) and "\0" in value)


def parse(payload: str) -> dict[str, Any]:
    """The JSON values of what `write` made."""
    data: dict[str, Any] = orjson.loads(payload)
    return data


def digest(data: Mapping[str, Any]) -> str:
    """SHA-256 of what an event says, whatever the order of its fields: the same at its source and readers."""
    return hashlib.sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()


def read(type_: str, data: Mapping[str, Any]) -> Event:
    """JSON values as an event; additions are ignored. Raises Unreadable for anything that does not fit."""
    if type_ not in TYPES:
        raise Unreadable("type-unknown", type_)
    try:
        loaded = SCHEMAS[type_].load(data)
    except ValidationError as error:
        raise Unreadable("schema-invalid", f"{type_} {error.messages}") from error
    make: Any = TYPES[type_]
    event: Event = make(**{key: tuple(v) if isinstance(v, list) else v for key, v in loaded.items()})
    return event


@dataclass(frozen=True)
class Postmark:
    """Makes and opens the frames of one service in one incarnation of its database."""

    signer: Signer
    seal: Seal
    incarnation: int = 1

    def close(self, to: str, kind: str, body: Any) -> dict[str, Any]:
        """A frame for service `to`: sealed, signed, JSON-ready."""
        header = f"{VERSION}|{self.incarnation}|{self.signer.service}|{to}|{kind}"
        sealed = self.seal.close(orjson.dumps(body), header)
        return {"header": header, "body": sealed, "sig": self.signer.sign(f"{header}\n{sealed}".encode())}

    def open(self, message: Any) -> Frame:
        """The frame in a message; raises Unreadable (`frame-invalid`, `signature-bad`) if it is not ours."""
        try:
            header, sealed, signature = message["header"], message["body"], message["sig"]
            version, incarnation, sender, to, kind = header.split("|")
            valid = (version, to) == (str(VERSION), self.signer.service) and kind in KINDS
            self.signer.check(sender, f"{header}\n{sealed}".encode(), signature)
            body = orjson.loads(self.seal.open(sealed, header))
        except Tampered as error:
            raise Unreadable("signature-bad", str(error)) from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unreadable("frame-invalid", repr(error)) from error
        if not valid or not _of_kind(kind, body):
            raise Unreadable("frame-invalid", header)
        return Frame(sender, kind, body, incarnation == str(self.incarnation))


def _of_kind(kind: str, body: Any) -> bool:
    """Whether a body is what its kind of frame holds: a batch of events, a receipt, days, or a hello."""
    if kind == "events":
        return isinstance(body, list)
    if kind in _BODIES:
        return not _BODIES[kind].validate(body)
    return isinstance(body, dict)


_RECEIPT = Schema.from_dict(
    {
        "applied": fields.List(fields.String(), required=True),
        "parked": fields.Dict(fields.String(), fields.String(), required=True),
        "discarded": fields.List(fields.String(), required=True),
    },
    name="Receipt",
)(unknown=EXCLUDE)

_PLACE = fields.Tuple((fields.String(), fields.Integer(strict=True)))
_DAY = Schema.from_dict(
    {
        "day": fields.Date(required=True),
        "said": fields.String(required=True),
        "unsettled": fields.List(_PLACE, required=True),
    },
    name="Day",
)
_DIGESTS = Schema.from_dict(
    {
        "until": fields.AwareDateTime(required=True, format="iso"),
        "days": fields.List(fields.Nested(_DAY(unknown=EXCLUDE)), required=True),
    },
    name="Digests",
)(unknown=EXCLUDE)
_BODIES = {"receipts": _RECEIPT, "digests": _DIGESTS}

_ENVELOPE = Schema.from_dict(
    {
        "id": fields.UUID(required=True),
        "source": fields.String(required=True),
        "type": fields.String(required=True),
        "subject": fields.String(required=True),
        "sequence": fields.Integer(required=True, strict=True, validate=validate.Range(min=1)),
        "time": fields.AwareDateTime(required=True, format="iso"),
        "traceparent": fields.String(allow_none=True, load_default=None),
        "data": fields.Dict(required=True),
    },
    name="Envelope",
)(unknown=EXCLUDE)


def envelope(raw: Any, sender: str) -> Envelope:
    """The envelope in a frame's batch. Raises Unreadable unless it is whole and its source is the sender."""
    try:
        loaded = _ENVELOPE.load(raw)
    except ValidationError as error:
        raise Unreadable("schema-invalid", f"envelope {error.messages}") from error
    if loaded["source"] != sender:
        raise Unreadable("signature-bad", f"{sender} speaks for {loaded['source']}")
    return Envelope(**{**loaded, "id": str(loaded["id"])})
