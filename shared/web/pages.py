"""What the pages of all services share: forms go through the API's schemas, lists have neighbours."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import request
from marshmallow import Schema, ValidationError

from shared.paging import PAGE
from shared.problems import Invalid
from shared.web import answers


def given(typed: Mapping[str, str], *names: str) -> dict[str, str]:
    """What was typed or chosen under these names; a field left empty is a field left out."""
    return {name: typed[name] for name in names if typed.get(name, "").strip()}


def load(schema: Schema, typed: Mapping[str, Any]) -> Any:
    """What a form says, through the schema of the API. Refuses (Invalid) what the schema refuses."""
    try:
        return schema.load(typed)
    except ValidationError as error:
        raise Invalid(faults=list(answers.faults(error.messages))) from error


def neighbours(total: int, page: int) -> dict[str, str]:
    """Links to the newer and the older page of a list, empty where there is none; the query is kept."""
    kept = [(name, value) for name, value in request.args.items(multi=True) if name != "page"]

    def link(number: int) -> str:
        return "?" + urlencode([*kept, ("page", number)])

    return {
        "newer": link(page - 1) if page > 1 else "",
        "older": link(page + 1) if total > page * PAGE else "",
    }
