"""Pages as somebody with a browser has them: where their links lead, and what their forms would send."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from tests.identity.people import PASSWORD

# What is typed into a field by its name, and into any other.
TYPED = {"login": "new.person", "role": "clerk", "lead": "urban-management", "office": "hotline"}
TYPED |= dict.fromkeys(("received_at", "number", "who", "phone", "id_number"), "")
WORDS = "约定现场核实的时间"
SECRETS = {"password": PASSWORD}
CHOSEN = ("checkbox", "radio")

Attributes = dict[str, str | None]


@dataclass
class Form:
    """A form: how it is sent, where to, with what; and its buttons with their attributes."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, Attributes]] = field(default_factory=list)

    def fill(self, name: str, value: str) -> None:
        """Type or choose something, where nothing is yet."""
        self.fields.setdefault(name, value)


@dataclass(frozen=True)
class Press:
    """A button that a page offers: its words, how and where it sends, and what of the form it sends."""

    words: str
    method: str
    action: str
    sent: tuple[tuple[str, str], ...]


class Page(HTMLParser):
    """A page, read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._chosen = ""
        self._words: list[str] | None = None
        self.feed(text)

    def presses(self) -> Iterator[Press]:
        """Every button of every form, filled in as somebody would who wants it to be taken."""
        for form in self.forms:
            for words, button in form.buttons:
                own = {str(button["name"]): str(button.get("value") or "")} if "name" in button else {}
                action = button.get("formaction") or form.action
                yield Press(words, form.method, action, tuple((form.fields | own).items()))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what a link, a form and its fields say."""
        read = getattr(self, f"_{tag}", None)
        if read is not None and (self.forms or tag in ("a", "form")):
            read(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        """Keep a button with its words."""
        if tag == "button" and self._words is not None:
            words, button = "".join(self._words).strip(), self.forms[-1].buttons.pop()[1]
            self.forms[-1].buttons.append((words, button))
            self._words = None

    def handle_data(self, data: str) -> None:
        """Collect the words of a button."""
        if self._words is not None:
            self._words.append(data)

    def _a(self, given: Attributes) -> None:
        self.links.append(given.get("href") or "")

    def _form(self, given: Attributes) -> None:
        self.forms.append(Form((given.get("method") or "get").upper(), given.get("action") or ""))

    def _button(self, given: Attributes) -> None:
        self.forms[-1].buttons.append(("", given))
        self._words = []

    def _input(self, given: Attributes) -> None:
        name, kind = given.get("name") or "", given.get("type") or "text"
        if kind in CHOSEN:
            self._choose(name, given)
        else:
            self.forms[-1].fill(name, given.get("value") or SECRETS.get(kind) or _typed(name))

    def _choose(self, name: str, given: Attributes) -> None:
        value = given.get("value") or "on"
        if "checked" in given:
            self.forms[-1].fields[name] = value
        elif given.get("type") == "radio":
            self.forms[-1].fill(name, value)

    def _select(self, given: Attributes) -> None:
        self._chosen = given.get("name") or ""

    def _option(self, given: Attributes) -> None:
        value = given.get("value") or ""
        if "selected" in given or value == TYPED.get(self._chosen):
            self.forms[-1].fields[self._chosen] = value
        else:
            self.forms[-1].fill(self._chosen, value)

    def _textarea(self, given: Attributes) -> None:
        self.forms[-1].fill(given.get("name") or "", WORDS)


def _typed(name: str) -> str:
    return TYPED.get(name.rpartition(".")[2], WORDS)
