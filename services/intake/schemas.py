"""What a request and an answer of intake look like."""

from datetime import UTC
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate
from stdnum.iso7064 import mod_11_2

from services.intake import domain
from shared.web.fields import Page, Words, identifier, one_of


def _phone(value: str) -> None:
    if not 5 <= len(domain.phone_digits(value)) <= 15:
        raise ValidationError("Not a phone number.")


def _document(value: str) -> None:
    number = domain.document_number(value)
    if len(number) != 18 or not mod_11_2.is_valid(number):
        raise ValidationError("Not a resident identity number: its check digit is wrong.")


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

    kind = one_of(domain.KINDS)
    office = fields.String(required=True, validate=validate.Length(min=1, max=80))
    channel = one_of(domain.CHANNELS)
    urgency = one_of(domain.URGENCIES, required=False)
    category = identifier()
    place = identifier()
    unit = identifier()
    summary = Words(most=200, required=True)
    text = Words(most=10_000, required=True)
    petitioners = fields.List(
        fields.Nested(Petitioner), required=True, validate=validate.Length(min=1, max=2000)
    )
    received_at = fields.AwareDateTime(load_default=None, allow_none=True, format="iso")

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> domain.NewGrievance:
        data["petitioners"] = tuple(data["petitioners"])
        if data["received_at"]:
            data["received_at"] = data["received_at"].astimezone(UTC)
        return domain.NewGrievance(**data)


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
