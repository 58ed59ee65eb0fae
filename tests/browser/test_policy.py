"""What the browser itself says of the content security policy, on every page."""

from collections.abc import Callable

from tests.browser.visit import Visit

NOTE = """
    window.broken = [];
    document.addEventListener('securitypolicyviolation', event =>
        window.broken.push(event.violatedDirective + ' ' + event.blockedURI));
"""
INJECT = """() => {
    const script = document.createElement('script');
    script.textContent = 'window.stolen = true';
    document.body.append(script);
    document.body.insertAdjacentHTML('beforeend', '<p style="color: red" onclick="1">injected</p>');
}"""


def test_no_page_breaks_its_policy(visit: Callable[..., Visit]) -> None:
    window = visit()
    window.page.add_init_script(NOTE)
    broken = {}
    for name in window.site.pages:
        window.open(name)
        if found := window.page.evaluate("window.broken"):
            broken[name] = found
    assert broken == {}


def test_what_is_injected_does_not_run(visit: Callable[..., Visit]) -> None:
    window = visit()
    window.page.add_init_script(NOTE)
    window.open("home")
    window.page.evaluate(INJECT)
    assert window.page.evaluate("window.stolen") is None
    assert {each.split()[0] for each in window.page.evaluate("window.broken")} >= {
        "script-src-elem",
        "style-src-attr",
        "script-src-attr",
    }
