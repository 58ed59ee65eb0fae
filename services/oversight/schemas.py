"""What a request and an answer of oversight look like."""

from marshmallow import Schema, fields

from services.oversight import domain
from shared.web.fields import Paged, Text, Words, identifier, one_of


class WantedDeadlines(Paged):
    """Which deadlines to list: of one state, due before a moment, of one department or case."""

    state = one_of(domain.STATES, required=False)
    due_before = fields.AwareDateTime(load_default=None, format="iso")
    department = identifier()
    number = identifier()


class Deadline(Schema):
    """A deadline: who owes what by when, and how it stands. `days_late` counts natural days."""

    id = fields.String()
    number = fields.String()
    kind = fields.String()
    summary = fields.String()
    place = fields.String()
    department = fields.String()
    clock = fields.String()
    started_at = fields.DateTime()
    due_at = fields.DateTime()
    ended_at = fields.DateTime()
    missed_at = fields.DateTime()
    state = fields.String()
    days_late = fields.Integer()
    duty = fields.Boolean()


class Deadlines(Schema):
    """One page of deadlines by due date, and how many there are in all."""

    total = fields.Integer()
    page = fields.Integer()
    deadlines = fields.List(fields.Nested(Deadline))


class WantedNotices(Paged):
    """Which notices to list. `published` and `state` choose for those who watch over all.

    Anyone else gets the published ones, or with `state=withdrawn` those that were public and are withdrawn.
    """

    department = identifier()
    rung = identifier()
    number = identifier()
    published = fields.Boolean(load_default=None, allow_none=True)
    state = one_of(tuple(domain.MOVES), required=False)


class Seen(Schema):
    """What a confirmation rests on: how many decisions of the notice were read; 409 if there are more."""

    seen = fields.Integer(load_default=None)


class Reason(Schema):
    """Why a supervisor decides so. That of a withdrawal becomes public: it must name no petitioner."""

    reason = Words(most=500, required=True)


class Decision(Schema):
    """A step of a notice's publication. Who decided is told to supervisors only."""

    move = fields.String()
    state = fields.String()
    decided_by = fields.String()
    reason = fields.String()
    at = fields.DateTime()


class Notice(Schema):
    """A notice: who owes what since when, and by which law. It holds no word of the grievance.

    `published` says whether it stands in the public list. Of its `decisions` the public is told that it was
    published, and why it was withdrawn.
    """

    id = fields.String()
    rung = fields.String()
    number = fields.String()
    department = fields.String()
    clock = fields.String()
    due_at = fields.DateTime()
    days_late = fields.Integer()
    basis = fields.Nested(Text)
    published = fields.Boolean()
    published_at = fields.DateTime()
    state = fields.String()
    decisions = fields.List(fields.Nested(Decision))
    feedback_due_at = fields.DateTime()
    served_at = fields.DateTime()


class Notices(Schema):
    """One page of notices, the newest first, and how many there are in all."""

    total = fields.Integer()
    page = fields.Integer()
    notices = fields.List(fields.Nested(Notice))


class Tally(Schema):
    """What a department owed, and how it kept to it. `due` is the denominator of the rate."""

    department = fields.String()
    running = fields.Integer()
    overdue = fields.Integer()
    met = fields.Integer()
    late = fields.Integer()
    due = fields.Integer()
    on_time_rate = fields.Float()


class Departments(Schema):
    """Departments with enough due to be compared, the least punctual first, and the others apart."""

    ranked = fields.List(fields.Nested(Tally))
    unranked = fields.List(fields.Nested(Tally))


class Office(Schema):
    """What an office received: batches and persons."""

    office = fields.String()
    batches = fields.Integer()
    persons = fields.Integer()


class Month(Schema):
    """What was received in a month, and how much of it is answered by now."""

    month = fields.String()
    batches = fields.Integer()
    persons = fields.Integer()
    answered = fields.Integer()


class Repair(Schema):
    """What waits for a person to mend it: the news this service could not apply or was not confirmed."""

    parked = fields.Integer()
    quarantined = fields.Integer()
    unconfirmed = fields.Integer()


class Dashboard(Schema):
    """What supervisors see, as it stood `at`; receipts are counted from `since`.

    `to_decide` counts the notices whose publication or withdrawal waits for a supervisor.
    """

    at = fields.DateTime()
    since = fields.DateTime()
    overdue_total = fields.Integer()
    overdue = fields.List(fields.Nested(Deadline))
    due_soon = fields.List(fields.Nested(Deadline))
    departments = fields.Nested(Departments)
    offices = fields.List(fields.Nested(Office))
    months = fields.List(fields.Nested(Month))
    repair = fields.Nested(Repair)
    to_decide = fields.Integer()
