"""What a request and an answer of intake look like."""

from datetime import UTC, datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate
from stdnum.iso7064 import mod_11_2

from services.intake import domain
from shared.web.fields import Page, Words, identifier, one_of

MOST_PETITIONERS = 2000
MOST_DIGITS = 40  # characters of a phone or document number as it is written


def _phone(value: str) -> None:
    if len(value) > MOST_DIGITS or not 5 <= len(domain.phone_digits(value)) <= 15:
        raise ValidationError("Not a phone number.")


def _document(value: str) -> None:
    number = domain.document_number(value[:MOST_DIGITS])
    if len(value) > MOST_DIGITS or len(number) != 18 or not mod_11_2.is_valid(number):
        raise ValidationError("Not a resident identity number: its check digit is wrong.")


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
    phone = fields.String(load_default=None, allow_none=True, validate=_phone)
    id_number = fields.String(load_default=None, allow_none=True, validate=_document)
    address = Words(most=200, load_default=None, allow_none=True)
    representative = fields.Boolean(load_default=False)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> domain.Petitioner:
        return domain.Petitioner(**data)


class NewGrievance(Schema):
    """A grievance to register. Unknown fields are refused; times carry their zone."""

    kind = one_of(domain.KINDS)
    office = Words(most=80, required=True)
    channel = one_of(domain.CHANNELS)
    urgency = one_of(domain.URGENCIES, required=False)
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


class Grievance(Schema):
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


class Listing(Schema):
    """What to list: one page, of one status, of one person (by phone)."""

    page = Page()
    status = one_of(tuple(domain.MOVES), required=False)
    phone = fields.String(load_default=None, validate=_phone)


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


class Tracking(Schema):
    """What a petitioner sees with number and query code: the matter's course, never the persons."""

    number = fields.String()
    status = fields.String()
    kind = fields.String()
    summary = fields.String()
    received_at = fields.DateTime()
    lead = fields.String()
    cooperating = fields.List(fields.String())
    deadlines = fields.List(fields.Nested(Deadline))
    steps = fields.List(fields.Nested(Step))
