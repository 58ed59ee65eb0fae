"""What can be wrong with a request, as exceptions that read as sentences. Pure.

Each class is one problem type of RFC 9457: its slug and status are fixed, its docstring says when it is
raised, and its message is said in Chinese and in English. `shared/web/answers.py` turns them into answers; a
message handler that raises one has its event parked, since trying again would not help.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Fault:
    """One field that is wrong: where (a dotted path or a JSON pointer) and why, in both languages."""

    field: str
    zh: str
    en: str


class Problem(Exception):
    """Base of everything that is answered as a problem document."""

    slug: ClassVar[str] = "problem"
    status: ClassVar[int] = 500
    title_zh: ClassVar[str] = "系统出现问题"
    title_en: ClassVar[str] = "Something went wrong"

    def __init__(self, zh: str = "", en: str = "", faults: Sequence[Fault] = ()) -> None:
        super().__init__(en or self.title_en)
        self.zh = zh or self.title_zh
        self.en = en or self.title_en
        self.faults = tuple(faults)


class Malformed(Problem):
    """The request cannot be read at all: not JSON, a missing header, a number that fails its check."""

    slug, status = "malformed", 400
    title_zh, title_en = "请求无法读取", "The request cannot be read"


class Unauthenticated(Problem):
    """There is no valid key or session."""

    slug, status = "unauthenticated", 401
    title_zh, title_en = "未提供有效的密钥或登录已失效", "No valid key or session"


class Forbidden(Problem):
    """The caller is known and may not do this."""

    slug, status = "forbidden", 403
    title_zh, title_en = "无权进行此操作", "Not allowed"


class NotFound(Problem):
    """There is nothing here that this caller may see. Never says which of the two."""

    slug, status = "not-found", 404
    title_zh, title_en = "未找到", "Not found"


class NotAllowed(Problem):
    """The address exists and does not take this method."""

    slug, status = "method-not-allowed", 405
    title_zh, title_en = "此地址不支持这种请求方法", "This address does not take this method"


class Conflict(Problem):
    """What is asked does not fit the present state, such as answering a task that was not accepted."""

    slug, status = "conflict", 409
    title_zh, title_en = "与当前状态不符", "Does not fit the present state"


class Busy(Problem):
    """The same request is still being worked on; try again shortly (`Retry-After`)."""

    slug, status = "busy", 409
    title_zh, title_en = "相同请求正在处理，请稍后重试", "The same request is still being handled; try again"


class TooLarge(Problem):
    """The request body is over the limit."""

    slug, status = "too-large", 413
    title_zh, title_en = "请求内容过大", "The request is too large"


class Invalid(Problem):
    """Fields are missing, unknown, of the wrong type, or break a rule; `faults` names each."""

    slug, status = "invalid", 422
    title_zh, title_en = "提交的内容有误", "Some fields are not right"


class TooMany(Problem):
    """Too many tries; wait (`Retry-After`)."""

    slug, status = "too-many", 429
    title_zh, title_en = "尝试次数过多，请稍后再试", "Too many tries; wait a while"


class TooFast(Problem):
    """More requests in a short time than one caller may send; this one did nothing (`Retry-After`)."""

    slug, status = "too-fast", 429
    title_zh, title_en = "请求过于频繁，这一次没有处理", "Too many requests at once; this one was not handled"


class Backlogged(Problem):
    """Bulk registration has to wait until what was registered has been passed on (`Retry-After`)."""

    slug, status = "backlogged", 429
    title_zh, title_en = "积压较多，批量登记请稍候", "Too much is waiting; bulk registration pauses"


class Unavailable(Problem):
    """The service cannot keep anything at the moment; nothing was accepted (`Retry-After`)."""

    slug, status = "unavailable", 503
    title_zh, title_en = "服务暂时不可用，本次提交未被受理", "Unavailable; nothing was accepted"


class NoRoom(Unavailable):
    """The disk's reserve is reached or the disk is full; nothing was accepted (`Retry-After`)."""

    slug = "no-room"
    title_zh, title_en = "存储空间不足，本次提交没有保存", "Storage is short; nothing was saved"
