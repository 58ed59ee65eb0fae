"""What a request and an answer of intake look like."""

from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_dump, post_load, validate
from stdnum.iso7064 import mod_11_2

from services.intake import domain
from services.intake.domain import matrix, views
from shared import web
from shared.county import terms
from shared.web.fields import Paged, Words, identifier, one_of

MOST_PETITIONERS = 2000
MOST_DIGITS = 40  # characters of a phone or document number as it is written


def _phone(value: str) -> None:
    if len(value) > MOST_DIGITS or not 5 <= len(domain.phone_digits(value)) <= 15:
        raise ValidationError("Not a phone number.")


def _document(value: str) -> None:
    number = domain.document_number(value[:MOST_DIGITS])
    if len(value) > MOST_DIGITS or len(number) != 18 or not mod_11_2.is_valid(number):
        raise ValidationError("Not a resident identity number: its check digit is wrong.")


class Answer(Schema):
    """What is answered about a grievance: of its fields, those that the matrix gives whoever asks (S3)."""

    situation = matrix.READ

    @post_dump
    def _allowed(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        tracked = self.situation == matrix.TRACKED
        known = matrix.allowed(matrix.PETITIONER if tracked else web.caller().held, self.situation)
        return {name: value for name, value in data.items() if name in known}


class People(fields.List[Any]):
    """A list that is counted before its entries are read: to say what is wrong with 40,000 takes seconds."""

    default_error_messages = {"count": f"Length must be between 1 and {MOST_PETITIONERS}."}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > MOST_PETITIONERS:
            raise self.make_error("count")
        return super()._deserialize(value, attr, data, **kwargs)


class Petitioner(Schema):
    """One person who brings a grievance. Only the name is required."""

    name = Words(most=80, required=True)
    phone = fields.String(
        load_default=None,
        allow_none=True,
        validate=_phone,
        metadata={"description": "5 至 15 位数字，可带 +86 · 5 to 15 digits; +86 and separators may stand"},
    )
    id_number = fields.String(
        load_default=None,
        allow_none=True,
        validate=_document,
        metadata={"description": "身份证号，校验码须符 · a resident's number, its check digit right"},
    )
    address = Words(most=200, load_default=None, allow_none=True)
    representative = fields.Boolean(load_default=False)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> domain.Petitioner:
        return domain.Petitioner(**data)


class NewGrievance(Schema):
    """A grievance to register. Unknown fields are refused; times carry their zone."""

    kind = one_of(terms.KINDS)
    office = Words(most=80, required=True)
    channel = one_of(terms.CHANNELS)
    urgency = one_of(terms.URGENCIES, required=False)
    category = identifier()
    place = identifier()
    unit = identifier()
    summary = Words(most=200, required=True)
    text = Words(most=10_000, required=True)
    petitioners = People(
        fields.Nested(Petitioner), required=True, validate=validate.Length(min=1, max=MOST_PETITIONERS)
    )
    received_at = fields.AwareDateTime(load_default=None, allow_none=True, format="iso")

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> domain.NewGrievance:
        data["petitioners"] = tuple(data["petitioners"])
        if data["received_at"]:
            data["received_at"] = _in_utc(data["received_at"])
        return domain.NewGrievance(**data)


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:  # before the year 1 or after 9999
        raise ValidationError("Not a valid aware datetime.", "received_at") from error


class Receipt(Schema):
    """What a petitioner takes home: number and query code. The code is shown here and never again."""

    number = fields.String()
    query_code = fields.String()
    received_at = fields.DateTime()
    registered_at = fields.DateTime()


class Grievance(Answer):
    """A registered grievance, without the persons."""

    number = fields.String()
    kind = fields.String()
    status = fields.String()
    office = fields.String()
    channel = fields.String()
    urgency = fields.String()
    category = fields.String()
    place = fields.String()
    unit = fields.String()
    petitioners = fields.Integer()
    summary = fields.String()
    text = fields.String()
    received_at = fields.DateTime()
    registered_at = fields.DateTime()
    county_version = fields.String()


class Listing(Paged):
    """What to list: one page, of one status."""

    status = one_of(tuple(domain.MOVES), required=False)


class Search(Listing):
    """Of which person to list what they brought: by phone, which is never sent in an address."""

    phone = fields.String(required=True, validate=_phone)


class Grievances(Schema):
    """One page of grievances, the newest first, and how many there are in all."""

    total = fields.Integer()
    page = fields.Integer()
    grievances = fields.List(fields.Nested(Grievance))


class Step(Schema):
    """Something that happened to a grievance: who did it and what they said."""

    at = fields.DateTime()
    what = fields.String()
    department = fields.String()
    words = fields.Dict()


class Deadline(Schema):
    """A deadline that the petitioner may hold a department to."""

    clock = fields.String()
    department = fields.String()
    due_at = fields.DateTime()
    state = fields.String()


class Seen(Answer):
    """A view of the petitioner's identity, as they are told of it: never the name of who looked."""

    situation = matrix.TRACKED
    at = fields.DateTime()
    held = fields.String()
    department = fields.String()
    office = fields.String()
    reason = fields.String()


class Tracking(Answer):
    """What a petitioner sees with number and query code: the matter's course, never the persons."""

    situation = matrix.TRACKED
    number = fields.String()
    status = fields.String()
    kind = fields.String()
    summary = fields.String()
    received_at = fields.DateTime()
    lead = fields.String()
    cooperating = fields.List(fields.String())
    deadlines = fields.List(fields.Nested(Deadline))
    steps = fields.List(fields.Nested(Step))
    views = fields.List(fields.Nested(Seen))


class Wish(Schema):
    """Why somebody must know who brought a grievance, and what they need beyond name and phone."""

    reason = Words(least=4, most=500, required=True)
    more = fields.List(
        fields.String(validate=validate.OneOf(views.ON_REQUEST)), load_default=list, data_key="fields"
    )

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> views.Wish:
        return views.Wish(data["reason"], tuple(data["more"]))


class Revealed(Answer):
    """One petitioner, with what was asked for and no more."""

    situation = matrix.REVEALED
    name = fields.String()
    phone = fields.String()
    id_number = fields.String()
    address = fields.String()
    representative = fields.Boolean()


class Petitioners(Schema):
    """`shown` with the petitioners; or `asked`: another person has to approve the request first."""

    number = fields.String()
    state = fields.String()
    request = fields.Integer()
    petitioners = fields.List(fields.Nested(Revealed))


class View(Answer):
    """One line of the record of views: what was done with an identity, when, by whom, from where and why."""

    situation = matrix.RECORD
    n = fields.Integer()
    what = fields.String()
    at = fields.DateTime()
    number = fields.String()
    held = fields.String()
    department = fields.String()
    office = fields.String()
    by = fields.String()
    person = fields.String()
    origin = fields.String()
    reason = fields.String()
    shown = fields.List(fields.String(), attribute="fields", data_key="fields")
    request = fields.Integer()
    approved_by = fields.String()
    sought = fields.String()
    found = fields.Integer()


class Views(Schema):
    """Lines of the record, the newest first, and the requests that wait for a second person."""

    total = fields.Integer()
    page = fields.Integer()
    views = fields.List(fields.Nested(View))
    waiting = fields.List(fields.Nested(View))


class ViewListing(Paged):
    """Which lines of the record: one page, of one grievance, of one caller (an account, a key, a name)."""

    number = fields.String(load_default=None, validate=validate.Length(min=1, max=40))
    who = fields.String(load_default=None, validate=validate.Length(min=1, max=80))
