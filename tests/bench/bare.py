"""What the database and the server allow: Flask, one INSERT and one COMMIT for each request, nothing else.

No key, no validation, no number, no event: the yardstick that `POST /v1/grievances` is measured against.
"""

import os

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

TABLE = """
CREATE TABLE bare (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text, office text, channel text, category text, place text,
    summary text, text text, petitioners jsonb
)
"""
INSERT = """
INSERT INTO bare (kind, office, channel, category, place, summary, text, petitioners)
VALUES (%(kind)s, %(office)s, %(channel)s, %(category)s, %(place)s, %(summary)s, %(text)s, %(petitioners)s)
RETURNING id
"""


def create_app() -> Flask:
    """The WSGI application; its database is `BARE_DATABASE_URL`, as psycopg reads it."""
    app = Flask(__name__)
    pool = ConnectionPool(os.environ["BARE_DATABASE_URL"], min_size=4, max_size=4, open=False)

    @app.post("/")
    def keep() -> ResponseReturnValue:
        pool.open()  # at the first request, for processes part after the application was made
        body = request.get_json()
        body["petitioners"] = Jsonb(body["petitioners"])
        with pool.connection() as connection:
            row = connection.execute(INSERT, body).fetchone()
        return jsonify(id=row and row[0]), 201

    return app
