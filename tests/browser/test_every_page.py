"""Every page in both languages, in a real browser: sound, labelled, narrow, within reach of the keyboard."""

from collections.abc import Callable

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.browser.visit import Visit
from tests.identity.people import PASSWORD, person

PAGES = (
    "home",
    "sign in",
    "track",
    "not found",
    "register",
    "grievances",
    "grievance",
    "reason to see who",
    "who looked",
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
    "notice withdrawn",
    "notices to publish",
    "notice to propose",
    "notice to confirm",
    "notice to withdraw",
    "me",
    "me with a second factor",
    "passkeys",
    "add a passkey",
    "choose a role",
    "set up a second factor",
    "set a password",
    "people",
    "person",
    "keys",
    "changes",
    "policy",
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
        ("set a password", "main button"),
        ("set up a second factor", "main button"),
        ("choose a role", "main button"),
        ("me", "main form button"),
        ("passkeys", "main a.button"),
        ("add a passkey", "main button"),
        ("people", "main form:not([action]) button"),
        ("track", "main button"),
        ("register", "#submit"),
        ("reason to see who", "#submit"),
        ("triage", "tbody a"),
        ("case", "main form button"),
        ("task to accept", "#accept button"),
        ("task in hand", "#progress button"),
        ("dashboard", "tbody a"),
        ("notices to publish", "tbody a"),
        ("notice to propose", "#decisions form.sheet button"),
        ("notice to confirm", "#decisions form.sheet button"),
        ("notice to withdraw", "#decisions summary"),
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


@pytest.mark.parametrize("javascript", [True, False])
def test_a_person_signs_in_at_oversight_and_is_led_back_to_where_they_were(
    visit: Callable[..., Visit],
    javascript: bool,  # noqa: FBT001
) -> None:
    window = visit(javascript=javascript)
    page, intake = window.page, window.site.addresses["intake"]
    page.goto(f"{intake}register?lang=zh-CN")
    assert page.url.startswith(f"{window.site.addresses['oversight']}sign-in?next=intake")
    page.fill("#login", "nobody")
    page.fill("#password", "wrong password")
    page.click("main button")
    expect(page.locator("[role=alert] a")).to_be_visible()
    window.enter(("clerk", None))
    expect(page).to_have_url(f"{intake}register?lang=zh-CN")
    page.goto(f"{window.site.addresses['routing']}triage")
    expect(page.locator(".account .person")).to_be_visible()
    assert [said for said in window.complaints if "401" not in said] == []


def test_a_person_signs_out_of_all_services_from_any(visit: Callable[..., Visit]) -> None:
    window = visit()
    page, oversight = window.page, window.site.addresses["oversight"]
    page.goto(f"{oversight}sign-in?next=intake:/register")
    window.enter(("clerk", None))
    page.click(".account button")
    expect(page).to_have_url(f"{oversight}sign-in")
    page.goto(f"{window.site.addresses['intake']}register")
    expect(page.locator("#login")).to_be_visible()
    assert window.complaints == []


def test_a_supervisor_sets_up_a_second_factor_at_the_first_sign_in(visit: Callable[..., Visit]) -> None:
    window = visit(width=320)
    page, site = window.page, window.site
    person(site, "new.supervisor", "supervisor")
    page.goto(f"{site.addresses['oversight']}sign-in?next=oversight:/dashboard")
    page.fill("#login", "new.supervisor")
    page.fill("#password", PASSWORD)
    page.click("main button")
    secret = page.locator("#secret").inner_text().replace(" ", "")
    page.fill("#code", pyotp.TOTP(secret).now())
    page.click("main button")
    expect(page.locator("#codes li")).to_have_count(10)
    assert page.evaluate(WIDER) == 0
    page.click("main button")
    expect(page).to_have_url(f"{site.addresses['oversight']}dashboard")
    assert window.complaints == []


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


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize("language", LANGUAGES)
def test_who_must_call_says_why_and_is_shown_whom_and_the_petitioner_reads_it(
    visit: Callable[..., Visit],
    language: str,
    javascript: bool,  # noqa: FBT001
) -> None:
    window = visit(language, 320, javascript=javascript)
    window.open("reason to see who")
    page = window.page
    page.click("#submit")
    expect(page.locator("[role=alert] a")).to_have_count(1)
    page.fill("#reason", "约定复核的日子")
    page.check("[name=fields][value=address]")
    page.click("#submit")
    expect(page.locator("tbody th")).to_have_count(1)
    assert page.evaluate(WIDER) == 0
    _track(window)
    expect(page.get_by_text("约定复核的日子").first).to_be_visible()
    assert page.evaluate(WIDER) == 0
    assert [said for said in window.complaints if "422" not in said] == []


def _track(window: Visit) -> None:
    window.open("track")
    window.page.fill("#number", window.site.receipt["number"])
    window.page.fill("#code", window.site.receipt["query_code"])
    window.page.keyboard.press("Enter")


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
