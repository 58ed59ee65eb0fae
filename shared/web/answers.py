"""Errors as answers: RFC 9457 problem documents for programs, a page for people, in both languages."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import orjson
from flask import Flask, Response, redirect, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from shared import database, problems, telemetry
from shared.problems import Fault, Problem
from shared.web import access

BY_STATUS: Mapping[int, type[Problem]] = {
    400: problems.Malformed,
    401: problems.Unauthenticated,
    403: problems.Forbidden,
    404: problems.NotFound,
    405: problems.NotAllowed,
    409: problems.Conflict,
    413: problems.TooLarge,
    415: problems.Malformed,
    422: problems.Invalid,
    429: problems.TooMany,
    503: problems.Unavailable,
}
MOST_FAULTS = 200  # named in one answer: a megabyte of unknown fields made five
RETRY_AFTER = {  # seconds
    "busy": "1",
    "too-many": "60",
    "too-fast": "1",  # by then a caller may ask again, at any rate that the settings take
    "backlogged": "10",
    "unavailable": "5",
    "no-room": "60",
}

# What marshmallow says of a field, in Chinese.
REASONS = (
    (r"Missing data for required field\.", "必填"),
    (r"Unknown field\.", "未知字段"),
    (r"Field may not be null\.", "不能为空"),
    (r"Field may not be blank\.", "不能为空白"),
    (r"Not a valid (string|integer|number|boolean|list|mapping type|UUID)\.", "类型不正确"),
    (r"Not a valid (aware )?datetime\.", "不是带时区的日期时间（例如 2026-03-01T09:30:00+08:00）"),
    (r"Must be one of: (.*)\.", r"须为下列之一：\1"),
    (r"Longer than maximum length (\d+)\.", r"过长：最多 \1"),
    (r"Shorter than minimum length (\d+)\.", r"过短：至少 \1"),
    (r"Length must be between (\d+) and (\d+)\.", r"长度须在 \1 至 \2 之间"),
    (r"Must be greater than or equal to (\S+)\.", r"不得小于 \1"),
    (r"Must be less than or equal to (\S+)\.", r"不得大于 \1"),
    (r"Control characters are not allowed\.", "不得含控制字符"),
    (r"Too many marks on one letter\.", "一个字上的附加符号过多"),
    (r"Not a phone number\.", "不是电话号码"),
    (r"Not a resident identity number: its check digit is wrong\.", "不是有效的身份证号：校验码不符"),
    (r"Invalid JSON body\.", "不是有效的 JSON"),
    (r"Invalid input type\.", "整体须为 JSON 对象"),
)


def install(app: Flask) -> None:
    """Answer every error of `app` as a problem."""
    app.register_error_handler(Problem, answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_other)


def answer(problem: Problem) -> AnyResponse:
    """The problem as a page for a person at a page, and as `application/problem+json` for anyone else."""
    response = _page(problem) if _for_a_person() else _document(problem)
    response.headers.update(waiting(problem))
    return response


def waiting(problem: Problem) -> dict[str, str]:
    """The header that says when to try again, for a problem that passes."""
    return {"Retry-After": RETRY_AFTER[problem.slug]} if problem.slug in RETRY_AFTER else {}


def _page(problem: Problem) -> AnyResponse:
    if isinstance(problem, problems.Unauthenticated) and request.method == "GET":
        return redirect(access.sign_in_link(request.full_path.rstrip("?")), 303)
    page = render_template("problem.html", problem=problem, trace=telemetry.traceparent())
    return Response(page, problem.status, mimetype="text/html")


def _for_a_person() -> bool:
    wanted = request.accept_mimetypes
    return (
        not request.path.startswith("/v1/")
        and wanted.accept_html
        and "text/html" in request.headers.get("Accept", "")
    )


def _document(problem: Problem) -> Response:
    body = {
        "type": f"urn:minqing:problem:{problem.slug}",
        "title": problem.title_zh,
        "title_en": problem.title_en,
        "status": problem.status,
        "detail": problem.zh,
        "detail_en": problem.en,
        "instance": request.path,
        "errors": [{"field": f.field, "reason": f.zh, "reason_en": f.en} for f in problem.faults],
    }
    response = Response(orjson.dumps(body), problem.status, mimetype="application/problem+json")
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _answer_http(error: HTTPException) -> AnyResponse:
    """What Flask and webargs raise: each status has its problem; webargs brings the messages of fields."""
    if error.code is None or error.code < 400:
        return error.get_response()
    made = BY_STATUS.get(error.code, problems.Malformed if error.code < 500 else Problem)
    found = faults(getattr(error, "data", {}).get("messages", {}))
    problem = made(faults=tuple(islice(found, MOST_FAULTS)))
    problem.status = error.code  # type: ignore[misc]
    return answer(problem)


def _answer_other(error: Exception) -> AnyResponse:
    if isinstance(error, database.Down):
        telemetry.log.error("database unavailable", error=str(error).splitlines()[0])
        if database.is_full(error):
            return answer(problems.NoRoom())
        waited = database.waited_for_lock(error)
        return answer(problems.Busy() if waited else problems.Unavailable())
    telemetry.log.exception("unhandled", path=request.path, error=repr(error))
    return answer(Problem())


def faults(messages: Any, path: str = "") -> Iterator[Fault]:
    """The faults in marshmallow's nested messages: one for each field and reason, its path with dots."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            yield from faults(inner, _join(path, str(key)))
        return
    for reason in messages if isinstance(messages, list) else [messages]:
        yield Fault(path, _in_chinese(str(reason)), str(reason))


def _join(path: str, key: str) -> str:
    if not path and key in ("json", "query", "headers"):
        return ""  # where webargs found it
    return key if not path else path if key == "_schema" else f"{path}.{key}"


def _in_chinese(reason: str) -> str:
    for pattern, chinese in REASONS:
        if found := re.fullmatch(pattern, reason):
            return found.expand(chinese)
    return f"不符合要求（{reason}）"
