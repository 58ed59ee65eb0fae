"""Every page in both languages, in a real browser: sound, labelled, narrow, within reach of the keyboard."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visit import Visit

PAGES = (
    "home",
    "sign in",
    "track",
    "not found",
    "register",
    "grievances",
    "grievance",
    "triage",
    "case",
    "ledger",
    "ledger of all",
    "task to accept",
    "task in hand",
    "dashboard",
    "deadlines",
    "notices",
    "notices served",
    "notice",
)
LANGUAGES = ("zh-CN", "en")
NOT_FOUND = "404 (NOT FOUND)"  # the console of a page that is not there says so

UNLABELLED = """
    [...document.querySelectorAll('input:not([type=hidden]), select, textarea')]
        .filter(field => !field.labels.length).map(field => field.outerHTML)
"""
NAMELESS = """
    [...document.querySelectorAll('a, button:not([aria-hidden])')]
        .filter(control => !control.textContent.trim()).map(control => control.outerHTML)
"""
TWICE = """
    [...document.querySelectorAll('[id]')].map(element => element.id)
        .filter((id, n, ids) => ids.indexOf(id) !== n)
"""
SMALL = """
    [...document.querySelectorAll('main :is(button, input, select, textarea, .button):not(.unseen)')]
        .filter(control => control.offsetParent && control.getBoundingClientRect().height < 24)
        .map(control => control.outerHTML)
"""
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_sound_in_each_language(visit: Callable[..., Visit], name: str, language: str) -> None:
    window = visit(language)
    window.open(name)
    page = window.page
    assert [each for each in window.complaints if NOT_FOUND not in each or name != "not found"] == []
    assert page.get_attribute("html", "lang") == language
    assert page.locator("h1").count() == 1
    assert page.evaluate(UNLABELLED) == []
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(TWICE) == []
    assert page.evaluate(SMALL) == []
    if language == "en":
        switch = page.locator(".account a[hreflang='zh-CN']")
        assert switch.inner_text() == "中文"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_narrow_phone(visit: Callable[..., Visit], name: str, language: str) -> None:
    window = visit(language, 320)
    window.open(name)
    assert window.page.evaluate(WIDER) == 0


def test_every_page_is_in_the_list(visit: Callable[..., Visit]) -> None:
    assert set(PAGES) == set(visit().site.pages)


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("home", "a.button"),
        ("sign in", "main button"),
        ("track", "main button"),
        ("register", "#submit"),
        ("triage", "tbody a"),
        ("case", "main form button"),
        ("task to accept", "#accept button"),
        ("task in hand", "#progress button"),
        ("dashboard", "tbody a"),
    ],
)
def test_the_keyboard_reaches_the_main_action_and_shows_where_it_is(
    visit: Callable[..., Visit], name: str, action: str
) -> None:
    window = visit()
    window.open(name)
    page = window.page
    assert _tab_to(page, action), f"{action} is out of reach"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


def _tab_to(page: Page, selector: str, most: int = 80) -> bool:
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return True
    return False


def test_the_first_stop_of_the_keyboard_leads_past_the_navigation(visit: Callable[..., Visit]) -> None:
    window = visit()
    window.open("grievances")
    window.page.keyboard.press("Tab")
    window.page.keyboard.press("Enter")
    assert window.page.evaluate("document.activeElement.id") == "main"


def test_a_person_signs_in_with_a_key_and_out_again(visit: Callable[..., Visit]) -> None:
    window = visit()
    page = window.page
    page.goto(f"{window.site.addresses['intake']}register")
    expect(page).to_have_url(f"{window.site.addresses['intake']}sign-in?next=/register")
    page.fill("#key", "mq_wrong")
    page.click("main button")
    expect(page.locator("[role=alert] a")).to_be_visible()
    page.fill("#key", window.site.key("clerk"))
    page.click("main button")
    expect(page).to_have_url(f"{window.site.addresses['intake']}register")
    page.click(".account button")
    page.goto(f"{window.site.addresses['intake']}register")
    expect(page.locator("#key")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_petitioner_tracks_a_grievance_with_or_without_javascript(
    visit: Callable[..., Visit],
    language: str,
    javascript: bool,  # noqa: FBT001
) -> None:
    window = visit(language, 320, javascript=javascript)
    window.open("track")
    page, receipt = window.page, window.site.receipt
    page.fill("#number", receipt["number"].replace("-", ""))
    page.fill("#code", receipt["query_code"].lower())
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator(".timeline li").first).to_be_visible()
    expect(page.get_by_text("《信访工作条例》第三十一条")).to_be_visible()
    assert receipt["query_code"] not in page.url
    assert window.complaints == []


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_clerk_registers_a_group_with_or_without_javascript(
    visit: Callable[..., Visit],
    language: str,
    javascript: bool,  # noqa: FBT001
) -> None:
    window = visit(language, javascript=javascript)
    window.open("register")
    page = window.page
    page.fill("[id='petitioners.0.name']", "何桂兰")
    page.click("[name=add]")
    page.fill("[id='petitioners.1.name']", "赵二")
    page.click("#submit")
    expect(page.locator("[role=alert] a")).to_have_count(4)
    page.locator("[role=alert] a").first.click()
    page.check("[name=kind][value=claim]")
    page.select_option("#office", "administrative-reception")
    page.fill("#summary", "小区二次供水水压不足")
    page.fill("#text", "六楼以上早晚高峰没有水。")
    page.click("#submit")
    expect(page.locator(".receipt .code")).to_have_count(2)


def test_the_enter_key_registers_and_removes_nobody(visit: Callable[..., Visit]) -> None:
    window = visit()
    window.open("register")
    page = window.page
    page.fill("[id='petitioners.0.name']", "何桂兰")
    page.click("[name=add]")
    page.fill("[id='petitioners.1.name']", "赵二")
    page.keyboard.press("Enter")
    expect(page.locator("[role=alert]")).to_be_visible()
    expect(page.locator("[id='petitioners.1.name']")).to_have_value("赵二")


def test_a_receipt_prints_without_navigation(visit: Callable[..., Visit]) -> None:
    window = visit()
    window.open("register")
    page = window.page
    page.check("[name=kind][value=inquiry]")
    page.select_option("#office", "administrative-reception")
    page.fill("#summary", "医保怎么转")
    page.fill("#text", "从外县转回来。")
    page.fill("[id='petitioners.0.name']", "何桂兰")
    page.click("#submit")
    page.emulate_media(media="print")
    expect(page.locator(".receipt .code").first).to_be_visible()
    expect(page.locator("nav.places")).to_be_hidden()
    expect(page.locator("main .button").first).to_be_hidden()
