"""What the described interfaces of all services share: JSON is read as strictly as it is written."""

from typing import Any

import flask_smorest
import orjson
from flask import Request
from marshmallow import Schema
from webargs import flaskparser, missing

from shared.problems import Fault, Malformed

NO_JSON = Fault("", "不是有效的 JSON", "Invalid JSON body.")


class Reader(flaskparser.FlaskParser):
    """Reads JSON with orjson: no halves of characters, no NaN, no endless nesting or numbers (RFC 8259).

    What the standard library takes of these would fail later, as a fault of ours. A parameter that a view
    does not know is refused as an unknown field is: who misspells a filter is not answered everything.
    """

    DEFAULT_UNKNOWN_BY_LOCATION = flaskparser.FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"query": "raise"}

    def load_json(self, req: Request, schema: Schema) -> Any:
        """The values in a request's JSON; `missing` if there is none. Refuses (Malformed) anything else."""
        if not (flaskparser.is_json_request(req) and req.get_data(cache=True)):
            return missing
        try:
            return orjson.loads(req.get_data(cache=True))
        except orjson.JSONDecodeError as error:
            raise Malformed(faults=[NO_JSON]) from error


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # it has no types
    """A part of a service's interface, which goes into its /openapi.json."""

    ARGUMENTS_PARSER = Reader()
