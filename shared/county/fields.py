"""The kinds of field that the county's files have, and what is said when one is wrong, in both languages."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields, validate

from shared.county.model import Length

# A message says both languages, Chinese before this mark and English after it.
SPLIT = " / "
TYPES = "形式不对，应为键值对或列表 / has the wrong shape; a mapping or a list belongs here"
UNKNOWN = "没有这个字段，请删去或改正 / is not a field here; remove or correct it"
SAYINGS: dict[str, str | list[Any] | dict[Any, Any]] = {
    "required": "缺少此项，请补上 / is missing; add it",
    "invalid": "形式不对，请对照样例改正 / has the wrong form; correct it after the sample county",
    "type": TYPES,
}
FILLED = validate.Length(min=1, error="不能为空，请填写 / is empty; fill it in")
YEARS = validate.Range(2000, 2100, error="应在 2000 至 2100 之间 / should lie between 2000 and 2100")
LENGTH = re.compile(r"(\d{1,4}) (hour|day|working day|month)s?")
A_YEAR = 366
NO_ID = "只能用小写字母、数字和连字符 / may have only a-z, 0-9 and hyphens"
NO_LENGTH = (
    "应为“5 working days”的样子，单位可用 hours、days、working days、months"
    " / write it as `5 working days`; units are hours, days, working days and months"
)
NO_DATE = (
    "不是日期，应为 2026-10-01 或 2026-10-01..2026-10-07"
    " / is no date; write 2026-10-01, or a run as 2026-10-01..2026-10-07"
)
NO_ZONE = "没有这个时区，例如 Asia/Shanghai / is no time zone; write one such as Asia/Shanghai"


def is_zone(value: str) -> None:
    """Refuse what is no time zone."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValidationError(NO_ZONE) from None


SLUG = validate.Regexp(r"[a-z0-9]+(-[a-z0-9]+)*\Z", error=NO_ID)

Id = partial(fields.String, required=True, validate=SLUG, error_messages=SAYINGS)
Words = partial(fields.String, required=True, validate=FILLED, error_messages=SAYINGS)
Flag = partial(fields.Boolean, truthy={"true"}, falsy={"false"}, load_default=False, error_messages=SAYINGS)


def one_of(choices: Sequence[str]) -> fields.String:
    """A required field with one of these words."""
    known = ", ".join(choices)
    error = f"不认识“{{input}}”，可用 {known} / is unknown; choose from {known}"
    return fields.String(required=True, validate=validate.OneOf(choices, error=error), error_messages=SAYINGS)


class Some(fields.List[Any]):
    """A list, empty unless given. Gives a tuple."""

    def __init__(self, item: fields.Field[Any], **options: Any) -> None:
        if not options.get("required"):
            options["load_default"] = ()
        super().__init__(item, error_messages=SAYINGS, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **rest: Any) -> Any:
        return tuple(super()._deserialize(value, attr, data, **rest))


class Span(fields.String):
    """A length of time such as `5 working days`. Gives a `Length`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(error_messages=SAYINGS, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **rest: Any) -> Any:
        match = LENGTH.fullmatch(super()._deserialize(value, attr, data, **rest))
        if not match:
            raise ValidationError(NO_LENGTH)
        return Length(int(match[1]), match[2].replace(" ", "_") + "s")


class Days(fields.String):
    """A date, or a run of dates of at most a year as `first..last`. Gives a tuple of dates."""

    def __init__(self) -> None:
        super().__init__(error_messages=SAYINGS)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **rest: Any) -> Any:
        first, _, last = super()._deserialize(value, attr, data, **rest).partition("..")
        try:
            start, end = date.fromisoformat(first), date.fromisoformat(last or first)
        except ValueError:
            raise ValidationError(NO_DATE) from None
        if not 0 <= (end - start).days <= A_YEAR:
            raise ValidationError(NO_DATE)
        return tuple(start + timedelta(days=n) for n in range((end - start).days + 1))
