"""A page as a browser or screen reader parses it: nesting, ids, headings, links, forms and text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

from starlette.testclient import TestClient

VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
# The elements allowed in a paragraph; any other ends it, and the browser's page differs from the source.
PHRASING = frozenset(
    {"a", "abbr", "b", "bdi", "br", "button", "code", "em", "i", "img", "input", "label", "meter", "noscript", "select"}
    | {"option", "small", "span", "strong", "time", "wbr"}
)
CONTROLS = frozenset({"input", "select", "textarea"})

Attributes = Mapping[str, str]


@dataclass(kw_only=True)
class Form:
    """A form with the fields that it sends."""

    method: str
    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[Attributes] = field(default_factory=list)


class Outline(HTMLParser):
    """Parses a page, and fails when its elements do not nest as written."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, Attributes]] = []
        self.headings: list[int] = []
        self.forms: list[Form] = []
        self.labelled: set[str] = set()
        self.unlabelled: list[Attributes] = []
        self.text = ""
        self.feed(page)
        assert self.open == []
        self.unlabelled = [each for each in self.unlabelled if each.get("id") not in self.labelled]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]

    @property
    def links(self) -> list[str]:
        """The targets of the page's links, without its files."""
        return [attributes["href"] for tag, attributes in self.elements if tag == "a"]

    @property
    def files(self) -> list[str]:
        """The files that a browser fetches for the page."""
        return [
            attributes.get("src") or attributes["href"]
            for tag, attributes in self.elements
            if "src" in attributes or tag == "link"
        ]

    def by_id(self, name: str) -> Attributes:
        (found,) = (attributes for _, attributes in self.elements if attributes.get("id") == name)
        return found

    def link(self, start: str) -> str:
        """The one link that begins like this."""
        (found,) = (link for link in self.links if link.startswith(start))
        return found

    def form(self, start: str) -> Form:
        """The one form whose action begins like this."""
        (found,) = (form for form in self.forms if form.action.startswith(start))
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        assert len(attributes) == len(attrs), f"an attribute of {tag} occurs twice"
        assert "p" not in self.open or tag in PHRASING, f"{tag} in a paragraph"
        assert tag not in {"a", "button", "form"} or tag not in self.open, f"{tag} in {tag}"
        if tag not in VOID:
            self.open.append(tag)
        self.elements.append((tag, attributes))
        if tag in HEADINGS:
            self.headings.append(int(tag[1]))
        if tag == "label" and "for" in attributes:
            self.labelled.add(attributes["for"])
        if tag == "form":
            self.forms.append(Form(method=attributes.get("method", "get"), action=attributes["action"]))
        if tag in CONTROLS and attributes.get("type") != "hidden":
            self._require_label(attributes)
        self._take_field(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += " ".join(data.split()) + " "

    def _require_label(self, attributes: Attributes) -> None:
        if "label" not in self.open and "aria-label" not in attributes:
            self.unlabelled.append(attributes)

    def _take_field(self, tag: str, attributes: Attributes) -> None:
        if "form" not in self.open or not self.forms:
            return
        if tag == "button":
            self.forms[-1].buttons.append(attributes)
        sends = tag == "input" and (attributes.get("type") not in {"radio", "checkbox"} or "checked" in attributes)
        if sends and "name" in attributes:
            self.forms[-1].fields.append((attributes["name"], attributes.get("value", "")))


def outline(client: TestClient, path: str = "/", *, status: int = 200) -> Outline:
    """The page at `path`, as a browser gets it."""
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("text/html")
    return Outline(answer.text)
