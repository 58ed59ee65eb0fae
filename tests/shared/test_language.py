"""Chinese and English are both complete, and a page says which of them it speaks."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import flask
import pytest
from babel.messages import extract, pofile
from flask.testing import FlaskClient

from shared import language, problems
from shared.county.model import Text

ROOT = Path(__file__).parents[2]
SHARED = ROOT / "shared"
PLACEHOLDER = re.compile(r"%\(\w+\)s")
# A comment, or words that the catalogue is asked for.
WORDS = r"""("[^"]*"|'[^']*')"""
SAID = re.compile(rf"{{#.*?#}}|gettext\(\s*{WORDS}(,\s*{WORDS})?|_\(\s*{WORDS}", re.DOTALL)
HAN = re.compile(r"[\u3400-\u9fff]+")
TEMPLATES = [*SHARED.glob("templates/*.html"), *ROOT.glob("services/*/templates/**/*.html")]
SPEAKERS = [SHARED / "language.py", *ROOT.glob("services/*/pages.py"), *ROOT.glob("services/*/pages/*.py")]

Message = str | tuple[str, ...]
Forms = tuple[str, ...]


def said_by(path: Path) -> Iterator[Message]:
    """Every message that a template or a module asks to have in the reader's language."""
    method = "python" if path.suffix == ".py" else "jinja2.ext.babel_extract"
    options = {"encoding": "utf-8", "silent": "false"}
    with path.open("rb") as source:
        for _, message, _, _ in extract.extract(method, source, options=options):
            yield message


@pytest.fixture(scope="module")
def said() -> set[Message]:
    return {message for path in (*TEMPLATES, *SPEAKERS) for message in said_by(path)}


@pytest.fixture(scope="module")
def translated() -> dict[Message, Forms]:
    """Each message with the forms it has in English: one, or a singular and a plural."""
    with language.CATALOGUE.open("rb") as source:
        catalogue = [message for message in pofile.read_po(source, abort_invalid=True) if message.id]
    assert [message.id for message in catalogue if message.fuzzy] == []
    return {
        message.id: (message.string,) if isinstance(message.string, str) else tuple(message.string)
        for message in catalogue
    }


def _page() -> str:
    return flask.render_template("problem.html", problem=problems.NotFound())


@pytest.fixture
def app() -> flask.Flask:
    """Templates and files as every service has them, and as much of a service as they show."""
    app = flask.Flask(__name__, static_folder=None)
    shared = flask.Blueprint(
        "shared", "shared", template_folder=str(SHARED / "templates"), static_folder=str(SHARED / "static")
    )
    shared.add_url_rule("/sign-in", "page", _page)
    app.register_blueprint(shared)
    app.add_url_rule("/data", "data", lambda: {"chosen": language.chosen()})
    county = SimpleNamespace(name=Text("清河县", "Qinghe County"))
    settings = SimpleNamespace(intake_url="/", routing_url="/", oversight_url="/")
    app.jinja_env.globals.update(service=SimpleNamespace(county=county, settings=settings), sign_in_link=str)
    language.install(app)
    return app


@pytest.fixture
def browser(app: flask.Flask) -> FlaskClient:
    return app.test_client()


def test_every_message_is_said_in_english(said: set[Message], translated: dict[Message, Forms]) -> None:
    assert said - translated.keys() == set()
    assert [id_ for id_, forms in translated.items() if not all(forms)] == []


def test_the_catalogue_translates_nothing_that_is_not_said(
    said: set[Message], translated: dict[Message, Forms]
) -> None:
    assert translated.keys() - said == set()


def test_a_translation_fills_in_the_same_words(translated: dict[Message, Forms]) -> None:
    for id_, forms in translated.items():
        wanted = set(PLACEHOLDER.findall(str(id_)))
        assert all(set(PLACEHOLDER.findall(form)) == wanted for form in forms), id_


def test_english_says_no_chinese(translated: dict[Message, Forms]) -> None:
    assert [forms for forms in translated.values() if HAN.search(str(forms))] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_says_no_chinese_past_the_catalogue(path: Path) -> None:
    """A sentence that stands outside `_()` would be Chinese on an English page."""
    assert HAN.findall(SAID.sub("", path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("wish", "given"),
    [
        ("", "zh-CN"),
        ("zh-Hans-CN,zh;q=0.9", "zh-CN"),
        ("zh-TW", "zh-CN"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("fr", "zh-CN"),
    ],
)
def test_a_page_speaks_the_language_the_browser_wishes(browser: FlaskClient, wish: str, given: str) -> None:
    answer = browser.get("/sign-in", headers={"Accept-Language": wish})
    assert f'<html lang="{given}">' in answer.text
    assert answer.headers["Content-Language"] == given
    assert {"cookie", "accept-language"} <= set(answer.vary.as_set())


def test_a_chosen_language_is_remembered(browser: FlaskClient) -> None:
    browser.get("/sign-in?lang=en")
    assert '<html lang="en">' in browser.get("/sign-in", headers={"Accept-Language": "zh-CN"}).text
    browser.get("/sign-in?lang=zh-CN")
    assert '<html lang="zh-CN">' in browser.get("/sign-in", headers={"Accept-Language": "en"}).text


def test_over_https_no_other_host_can_set_the_language(browser: FlaskClient) -> None:
    said = browser.get("/sign-in?lang=en", base_url="https://localhost").headers["Set-Cookie"]
    assert said.startswith("__Host-lang=en;") and all(
        word in said for word in ("Secure", "HttpOnly", "Path=/")
    )
    wish = {"Accept-Language": "zh-CN"}
    assert '<html lang="en">' in browser.get("/sign-in", base_url="https://localhost", headers=wish).text
    forged = {**wish, "Cookie": "lang=en"}
    assert (
        '<html lang="zh-CN">'
        in browser.get("/sign-in", base_url="https://other.example", headers=forged).text
    )


def test_an_unknown_language_is_neither_spoken_nor_remembered(browser: FlaskClient) -> None:
    answer = browser.get("/sign-in?lang=xx")
    assert '<html lang="zh-CN">' in answer.text
    assert "Set-Cookie" not in answer.headers


def test_the_switch_keeps_the_page_and_its_query(browser: FlaskClient) -> None:
    answer = browser.get("/sign-in?next=/ledger%3Fpage%3D2&lang=zh-CN")
    assert '<a href="?next=%2Fledger%3Fpage%3D2&amp;lang=en" lang="en"' in answer.text


def test_the_switch_never_leads_to_another_host(browser: FlaskClient) -> None:
    links = re.findall(r'href="([^"]*lang=en)"', browser.get("//elsewhere.example/sign-in").text)
    assert all(link.startswith("?") for link in links)


def test_data_is_answered_without_cookies(browser: FlaskClient) -> None:
    answer = browser.get("/data?lang=en")
    assert answer.json == {"chosen": "en"}
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("lang", "words", "of_day", "of_minute"),
    [
        ("zh-CN", "未找到", "2025年3月8日", "2025年3月8日 00:05"),
        ("en", "Not found", "8 Mar 2025", "8 Mar 2025, 00:05"),
    ],
)
def test_words_and_beijing_time_follow_the_language(
    app: flask.Flask, lang: str, words: str, of_day: str, of_minute: str
) -> None:
    moment = datetime(2025, 3, 7, 16, 5, tzinfo=UTC)
    with app.test_request_context(f"/?lang={lang}"):
        assert language.text(problems.NotFound()) == words
        assert language.day(moment) == language.day(date(2025, 3, 8)) == of_day
        assert language.minute(moment) == of_minute


@pytest.mark.parametrize(
    ("left", "chinese", "english"),
    [
        (timedelta(days=-3), "逾期 3 天", "3 days overdue"),
        (timedelta(days=-1), "逾期 1 天", "1 day overdue"),
        (timedelta(hours=-1), "今天已逾期", "Overdue since today"),
        (timedelta(hours=1), "今天到期", "Due today"),
        (timedelta(days=1), "还剩 1 天", "1 day left"),
        (timedelta(days=30), "还剩 30 天", "30 days left"),
    ],
)
def test_a_deadline_says_how_it_stands(app: flask.Flask, left: timedelta, chinese: str, english: str) -> None:
    now = datetime(2025, 11, 24, 4, tzinfo=UTC)
    for lang, words in (("zh-CN", chinese), ("en", english)):
        with app.test_request_context(f"/?lang={lang}"):
            assert language.standing(now + left, now) == words


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
@pytest.mark.parametrize("problem", problems.Problem.__subclasses__(), ids=lambda problem: problem.slug)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_error_page_says_what_happened_and_what_to_do(
    app: flask.Flask, problem: type[problems.Problem], lang: str, method: str
) -> None:
    with app.test_request_context(f"/?lang={lang}", method=method):
        page = flask.render_template("problem.html", problem=problem())
        assert f"<h1>{language.text(problem())}</h1>" in page
        assert language.gettext("接下来怎么办") in page
        assert (language.gettext("您填写的内容") in page) == (method == "POST")
