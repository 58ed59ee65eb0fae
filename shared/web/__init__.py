"""What every HTTP door shares: the Flask factory, who may call, problem documents, health, headers."""

from collections.abc import Mapping, Sequence
from typing import Any

import flask_smorest
import orjson
from flask import Blueprint, Flask, Response, current_app, g, request
from flask.json.provider import JSONProvider
from werkzeug.middleware.proxy_fix import ProxyFix

from shared import language, problems, telemetry
from shared.service import Service
from shared.web import access, answers, cookie, health, pace
from shared.web.access import allow, caller, may, public
from shared.web.serving import service

__all__ = ["allow", "caller", "create", "may", "public", "service"]

LIMIT = 1_000_000  # bytes of a request

POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",  # less, and a form to another service has no Origin
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
# A year of https alone; said only over https, as a browser heeds it only there (RFC 6797, 7.2).
TRANSPORT = "max-age=31536000; includeSubDomains"
# The files of the pages are the same for everyone, and their names stay when they change.
STATIC = "public, max-age=300"


def create(given: Service, blueprints: Sequence[Blueprint]) -> Flask:
    """The Flask application of a service: its blueprints, and everything on this page.

    Raises RuntimeError if a view does not say who may call it.
    """
    telemetry.configure(given.name, "api")
    app = Flask(f"services.{given.name}", static_folder=None)
    app.json = Json(app)
    app.extensions["minqing"] = given.to_door()
    app.config.update(CONFIG, API_TITLE=f"Minqing {given.name}")
    language.install(app)
    app.context_processor(
        lambda: {
            "service": given,
            "caller": access.known(),
            "may": access.may,
            "sign_in_link": access.sign_in_link,
        }
    )
    app.config["POLICY"] = " ".join([POLICY, *access.origins(given.settings)])  # signing in leads elsewhere
    _watch(app, given.settings.proxies)
    api = flask_smorest.Api(app)
    answers.install(app)  # after flask-smorest, which brings an error format of its own
    for blueprint in (access.blueprint(), health.BLUEPRINT, *blueprints):
        described = isinstance(blueprint, flask_smorest.Blueprint)  # goes into /openapi.json
        (api if described else app).register_blueprint(blueprint)
    access.require_marks(app)
    return app


CONFIG: Mapping[str, Any] = {
    "MAX_CONTENT_LENGTH": LIMIT,
    "API_VERSION": "v1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/",
    "OPENAPI_JSON_PATH": "openapi.json",
}


class Json(JSONProvider):
    """orjson: several times faster, strict, and times as RFC 3339 in UTC."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """JSON text of `obj`."""
        return orjson.dumps(obj, option=orjson.OPT_UTC_Z).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """The values in JSON text; raises ValueError."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """A JSON answer."""
        value = self._prepare_response_obj(args, kwargs)
        return current_app.response_class(
            orjson.dumps(value, option=orjson.OPT_UTC_Z), mimetype="application/json"
        )


def _watch(app: Flask, proxies: int) -> None:
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    app.before_request(_begin)
    pace.install(app)
    app.before_request(access.admit)
    app.after_request(_finish)


def _begin() -> None:
    """Everything done for this request belongs to one trace: the caller's, or a new one.

    Refuses (Malformed) an address with the character that no row can hold, so that no query meets it.
    """
    telemetry.begin(request.headers.get("traceparent"))
    if "\0" in request.path or any("\0" in value for value in request.args.values()):
        raise problems.Malformed


def _finish(response: Response) -> Response:
    cookie.renew(response)
    response.headers.setdefault("Content-Security-Policy", current_app.config["POLICY"])
    if request.endpoint == "shared.static" and response.status_code in (200, 304):
        response.headers["Cache-Control"] = STATIC
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = TRANSPORT
    _log(response.status_code)
    return response


def _log(status: int) -> None:
    """One line for each request: what was asked, by which account or key if anybody said who, and the answer.

    Never the query nor the body: they may hold what nobody is to read.
    """
    caller = g.get("caller")
    by = None if caller is None else caller.responsible
    telemetry.log.info("request", method=request.method, path=request.path, status=status, by=by)
