"""Which service serves the present request."""

from typing import cast

from flask import current_app

from shared.service import Service


def service() -> Service:
    """The service that answers this request, as its API has it."""
    return cast(Service, current_app.extensions["minqing"])
