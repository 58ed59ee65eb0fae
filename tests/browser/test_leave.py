"""Somebody looks over a petitioner's shoulder: one click, and nothing of the page is left (S19)."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visit import Visit

OUTSIDE = "https://www.gov.cn/"
LANGUAGES = {"zh-CN": "离开本页", "en": "Leave this page"}


def _track(window: Visit) -> Page:
    """The course of a grievance, after a page that tells nothing of it; the way out leads somewhere."""
    page, receipt = window.page, window.site.receipt
    window.asked = []  # type: ignore[attr-defined]

    def outside(route: object) -> None:
        window.asked.append(route.request.headers)  # type: ignore[attr-defined]
        route.fulfill(body="<title>outside</title><h1>outside</h1>", content_type="text/html")  # type: ignore[attr-defined]

    window.context.route(f"{OUTSIDE}**", outside)
    window.open("home")
    window.open("track")
    page.fill("#number", receipt["number"])
    page.fill("#code", receipt["query_code"])
    page.keyboard.press("Enter")
    expect(page.locator(".timeline li").first).to_be_visible()
    return page


@pytest.mark.parametrize("language", LANGUAGES)
def test_back_does_not_show_the_grievance_again(visit: Callable[..., Visit], language: str) -> None:
    window = visit(language)
    page = _track(window)
    page.get_by_role("link", name=LANGUAGES[language], exact=True).click()
    expect(page).to_have_url(OUTSIDE)
    page.go_back()
    expect(page.locator(".timeline")).to_have_count(0)
    assert window.site.receipt["number"] not in page.content()
    assert all("referer" not in headers for headers in window.asked)  # type: ignore[attr-defined]
    assert window.complaints == []


def test_the_page_is_empty_before_the_other_one_is_there(visit: Callable[..., Visit]) -> None:
    window = visit()
    page = _track(window)
    window.context.unroute(f"{OUTSIDE}**")
    window.context.route(f"{OUTSIDE}**", lambda route: route.fulfill(status=204))  # it never comes
    page.locator(".leave a").click(no_wait_after=True)
    expect(page.locator("body")).to_be_empty()
    assert page.title() == ""


def test_without_javascript_the_link_leads_there_and_says_nothing_of_us(visit: Callable[..., Visit]) -> None:
    window = visit(width=320, javascript=False)
    page = _track(window)
    page.locator(".leave a").click()
    expect(page).to_have_url(OUTSIDE)
    assert [headers for headers in window.asked if "referer" in headers] == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [320, 1280])
def test_it_stays_in_reach_while_the_page_is_read(visit: Callable[..., Visit], width: int) -> None:
    page = _track(visit(width=width))
    page.keyboard.press("End")
    link = page.locator(".leave a")
    expect(link).to_be_in_viewport(ratio=1)
    size = link.bounding_box()
    assert size is not None and size["height"] >= 44
