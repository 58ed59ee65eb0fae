"""What people read, in Chinese or in English: words, dates, and how a deadline stands.

Chinese is the language of the source: a message is its own Chinese text. English stands in
`shared/translations/en.po`, which translators edit and the service reads as it is at start, so there is
no compiled file to forget; Flask-Babel would add a second configuration for these few functions.
"""

import io
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import babel
import flask
from babel import dates
from babel.messages import mofile, pofile
from babel.support import Translations

from shared import words
from shared.county.model import County, Length

CHINESE = "zh-CN"
ENGLISH = "en"
# Each language by the name its readers call it, in the order the switch shows them.
LANGUAGES = {CHINESE: "中文", ENGLISH: "English"}
# British English writes the day before the month, as Chinese official English does.
LOCALES = {CHINESE: babel.Locale("zh", "CN", "Hans"), ENGLISH: babel.Locale("en", "GB")}
# All of China keeps Beijing time.
ZONE = ZoneInfo("Asia/Shanghai")
COOKIE = "lang"
A_YEAR = 365 * 24 * 3600
CATALOGUE = Path(__file__).parent / "translations" / "en.po"


class Bilingual(Protocol):
    """Anything said in both languages: a `county.Text`, a `problems.Problem`, a `problems.Fault`."""

    @property
    def zh(self) -> str:
        """The Chinese words."""

    @property
    def en(self) -> str:
        """The English words."""


@cache
def english() -> Translations:
    """The English catalogue, read once. Refuses a file that is not a valid catalogue."""
    with CATALOGUE.open("rb") as source:
        messages = pofile.read_po(source, locale=ENGLISH, abort_invalid=True)
    compiled = io.BytesIO()
    mofile.write_mo(compiled, messages)
    compiled.seek(0)
    return Translations(compiled)


def chosen() -> str:
    """The language of this request: what `?lang=` asks for, else the cookie, else the browser's wish."""
    if "language" not in flask.g:
        flask.g.language = _asked() or flask.request.accept_languages.best_match(LANGUAGES, CHINESE)
    return str(flask.g.language)


def _asked() -> str | None:
    wishes = (flask.request.args.get(COOKIE), flask.request.cookies.get(_cookie()))
    return next((wish for wish in wishes if wish in LANGUAGES), None)


def gettext(message: str) -> str:
    """`message` in the chosen language."""
    return english().gettext(message) if _english() else message


def ngettext(singular: str, plural: str, n: int) -> str:
    """The form of a message that fits `n`. Chinese has one form, so both arguments are the same there."""
    return english().ngettext(singular, plural, n) if _english() else singular


def text(said: Bilingual) -> str:
    """What was written in both languages, in the chosen one."""
    return said.en if _english() else said.zh


class Named(Protocol):
    """An entry of the county directory."""

    @property
    def name(self) -> Bilingual:
        """What it is called."""


def named(id_: str | None, directory: Mapping[str, Named]) -> str:
    """What an id of the county directory is called; the id itself if it is not there any more."""
    entry = directory.get(id_ or "")
    return text(entry.name) if entry else id_ or ""


def rung(id_: str, county: County) -> str:
    """What a rung of the county's ladder is called; the id itself if there is none any more."""
    return named(id_, {each.id: each for each in county.ladder})


def span(length: Length) -> str:
    """A length of legal time as people say it: 15 天, 5 个工作日, 2 小时, 3 个月."""
    said = {
        "hours": ngettext("%(num)s 小时", "%(num)s 小时", length.n),
        "days": ngettext("%(num)s 天", "%(num)s 天", length.n),
        "working_days": ngettext("%(num)s 个工作日", "%(num)s 个工作日", length.n),
        "months": ngettext("%(num)s 个月", "%(num)s 个月", length.n),
    }
    return said[length.unit] % {"num": length.n}


def day(moment: date | datetime) -> str:
    """A date as people write it: 2025年3月7日, 7 Mar 2025. A moment is taken in Beijing time."""
    return dates.format_date(_local_day(moment), "medium" if _english() else "long", LOCALES[chosen()])


def minute(moment: datetime) -> str:
    """A date with its time of day in Beijing time: 2025年3月7日 09:30, 7 Mar 2025, 09:30."""
    time = dates.format_time(moment, "HH:mm", ZONE, LOCALES[chosen()])
    return f"{day(moment)}, {time}" if _english() else f"{day(moment)} {time}"


def standing(due_at: datetime, now: datetime) -> str:
    """How a deadline stands, in natural days: 逾期 3 天, 今天到期, 还剩 2 天."""
    days = (_local_day(due_at) - _local_day(now)).days
    if days == 0:
        return gettext("今天已逾期") if now > due_at else gettext("今天到期")
    if days < 0:
        return ngettext("逾期 %(num)s 天", "逾期 %(num)s 天", -days) % {"num": -days}
    return ngettext("还剩 %(num)s 天", "还剩 %(num)s 天", days) % {"num": days}


def since(moment: datetime, now: datetime) -> str:
    """How long ago something began, in natural days: 今天, 3 天."""
    days = (_local_day(now) - _local_day(moment)).days
    return ngettext("%(num)s 天", "%(num)s 天", days) % {"num": days} if days else gettext("今天")


def switches() -> list[dict[str, str]]:
    """The other languages of this page: `code`, `name`, and a `link` that keeps page and query."""
    # A link of nothing but a query stays on the page it stands on, whatever the path says.
    kept = [(name, value) for name, value in flask.request.args.items(multi=True) if name != COOKIE]
    return [
        {"code": code, "name": name, "link": "?" + urlencode([*kept, (COOKIE, code)])}
        for code, name in LANGUAGES.items()
        if code != chosen()
    ]


def install(app: flask.Flask) -> None:
    """Teaches an app's templates to speak, and its answers to say and remember the language."""
    english()  # a broken catalogue stops the service at its start, not a reader at a page
    env = app.jinja_env
    env.add_extension("jinja2.ext.i18n")
    env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]  # by the extension
    env.globals.update(language=chosen, languages=switches, standing=standing, words=words)
    env.filters.update(text=text, named=named, rung=rung, span=span)
    env.filters.update(day=day, minute=minute, since=since, moment=datetime.fromisoformat)
    app.after_request(_declare)


def _declare(answer: flask.Response) -> flask.Response:
    if answer.mimetype != "text/html":
        return answer
    answer.content_language.add(chosen())
    answer.vary.update(("Cookie", "Accept-Language"))
    if flask.request.args.get(COOKIE) in LANGUAGES:
        answer.set_cookie(
            _cookie(), chosen(), max_age=A_YEAR, secure=flask.request.is_secure, httponly=True, samesite="Lax"
        )
    return answer


def _cookie() -> str:
    """What it is called: over https with the prefix that keeps other hosts and paths from setting it."""
    return f"__Host-{COOKIE}" if flask.request.is_secure else COOKIE


def _english() -> bool:
    return chosen() == ENGLISH


def _local_day(moment: date | datetime) -> date:
    return moment.astimezone(ZONE).date() if isinstance(moment, datetime) else moment
