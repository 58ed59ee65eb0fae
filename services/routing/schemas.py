"""What a request and an answer of routing look like."""

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from services.routing import domain
from shared.web.fields import Paged, Text, Words, one_of

ID = validate.Length(min=1, max=80)


class Wait(Text):
    """Why a case waits in triage; `code` is the reason's name for programs."""

    code = fields.String()


class Decision(Schema):
    """The whole assignment of a case that waits in triage. The domain says whether they exist."""

    lead = fields.String(required=True, validate=ID)
    cooperating = fields.List(fields.String(validate=ID), load_default=list, validate=validate.Length(max=30))
    reason = Words(most=1000, required=True)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> domain.Decision:
        return domain.Decision(data["lead"], tuple(data["cooperating"]), data["reason"])


class Objection(Schema):
    """Why a department should not have the case."""

    reason = Words(most=2000, required=True)


class Progress(Schema):
    """What was done since the last note."""

    note = Words(most=2000, required=True)


class Explanation(Schema):
    """Who does what on a linked case, for the petitioners to read."""

    explanation = Words(most=2000, required=True)


class Answer(Schema):
    """A written answer (Art. 32). The lead's needs an outcome; the claim, if left out, is the summary's."""

    outcome = one_of(domain.OUTCOMES, required=False)
    claim = Words(most=2000, load_default=None, allow_none=True)
    facts = Words(most=10_000, required=True)
    opinion = Words(most=10_000, required=True)
    basis = Words(most=2000, required=True)

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> domain.Answer:
        return domain.Answer(**data)


class Listing(Paged):
    """Which tasks to list; `department` is for supervisors."""

    department = fields.String(load_default=None, validate=ID)
    state = one_of(tuple(domain.TASK_MOVES), required=False)


class Part(Schema):
    """One department's part in a case: who, as what, how far."""

    department = fields.String()
    role = fields.String()
    state = fields.String()
    assigned_at = fields.DateTime()
    objection = fields.String()


class Case(Schema):
    """A case: the matter, where it stands, who answers, and who or what decided that."""

    number = fields.String()
    state = fields.String()
    kind = fields.String()
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
    lead = fields.String()
    cooperating = fields.List(fields.String())
    rule = fields.String()
    reason = fields.Nested(Text)
    words = fields.List(fields.String())
    decided_by = fields.String()
    county_version = fields.String()
    handovers = fields.Integer()
    assigned_at = fields.DateTime()
    answered_at = fields.DateTime()
    tasks = fields.List(fields.Nested(Part))


class Suggestion(Schema):
    """A department that a person might think of: a rule found some of its words."""

    department = fields.String()
    rule = fields.String()
    words = fields.List(fields.String())


class Waiting(Schema):
    """A case in triage: why and since when it waits, and whom one might think of."""

    case = fields.Nested(Case)
    waits = fields.Nested(Wait)
    triaged_at = fields.DateTime()
    suggestions = fields.List(fields.Nested(Suggestion))


class Queue(Schema):
    """One page of the triage queue, the longest waiting first, and how many wait in all."""

    total = fields.Integer()
    page = fields.Integer()
    waiting = fields.List(fields.Nested(Waiting))


class Entry(Schema):
    """One line of a ledger: what happened, in whose words, when, by which key or service."""

    what = fields.String()
    words = fields.Dict()
    at = fields.DateTime()
    by = fields.String()


class Line(Schema):
    """A task in a list."""

    id = fields.String(attribute="task.id")
    number = fields.String(attribute="task.number")
    department = fields.String(attribute="task.department")
    role = fields.String(attribute="task.role")
    state = fields.String(attribute="task.state")
    assigned_at = fields.DateTime(attribute="task.assigned_at")
    kind = fields.String()
    urgency = fields.String()
    category = fields.String()
    place = fields.String()
    summary = fields.String()
    received_at = fields.DateTime()
    entries = fields.Integer()
    last = fields.Nested(Entry)


class Ledger(Schema):
    """One page of tasks, the newest first, and how many there are in all."""

    total = fields.Integer()
    page = fields.Integer()
    tasks = fields.List(fields.Nested(Line))


class Sheet(Schema):
    """A task with its case and its ledger; `may` names what the department can do now."""

    id = fields.String(attribute="task.id")
    department = fields.String(attribute="task.department")
    role = fields.String(attribute="task.role")
    state = fields.String(attribute="task.state")
    assigned_at = fields.DateTime(attribute="task.assigned_at")
    objection_until = fields.DateTime()
    may = fields.Function(lambda sheet: list(domain.open_moves(sheet.case, sheet.task)))
    case = fields.Nested(Case)
    entries = fields.List(fields.Nested(Entry))
