"""Every page that the sample process links to: it exists, its HTML is valid, and it links only to our pages."""

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from starlette.routing import BaseRoute, Match

from app.web.http.assets import Assets
from app.web.render.wording import visible
from app.web.routes import routes
from tests.web.conftest import ACCEPT
from tests.web.outline import Outline
from tests.web.samples import DELIVERY, HOSTILE, ODD, full_process

REQUEST_ATTRIBUTES = ("hx-get", "hx-post")


@pytest.fixture(scope="module")
def walked() -> Mapping[str, str]:
    """Every page by its URL, found by following each link and sending each GET form."""
    found: dict[str, str] = {}
    with full_process().client(Accept=ACCEPT) as client:
        waiting = ["/", "/?from=0", f"/deliveries/{ODD}", f"/deliveries/{DELIVERY}"]
        while waiting:
            url = waiting.pop()
            if _kind(url) in {_kind(each) for each in found}:
                continue
            answer = client.get(url)
            assert answer.status_code == 200, f"{url}: {answer.status_code} {answer.text[:300]}"
            found[url] = answer.text if answer.headers["content-type"].startswith("text/html") else ""
            if found[url]:
                waiting += _further(Outline(found[url]))
    return found


@pytest.fixture(scope="module")
def pages(walked: Mapping[str, str]) -> Mapping[str, Outline]:
    """The found pages, parsed."""
    return {url: Outline(text) for url, text in walked.items() if text}


def test_the_walk_finds_every_kind_of_page(walked: Mapping[str, str]) -> None:
    kinds_found = {urlsplit(url).path.strip("/").split("/")[0] for url in walked}
    assert {"", "repos", "rollouts", "activity", "deliveries", "confirm", "readyz", "api"} <= kinds_found
    confirmations = {urlsplit(url).path.split("/")[2] for url in walked if url.startswith("/confirm/")}
    assert confirmations == {
        "deploy",
        "reset",
        "switch-on",
        "switch-off",
        "release",
        "promote",
        "fail",
        "rollback",
        "pause",
    }


def test_every_page_has_one_title_and_headings_that_do_not_skip(pages: Mapping[str, Outline]) -> None:
    for url, page in pages.items():
        assert page.headings.count(1) == 1, url
        assert all(later - before <= 1 for before, later in zip(page.headings, page.headings[1:], strict=False)), url


def test_every_id_is_unique_in_its_page(pages: Mapping[str, Outline]) -> None:
    for url, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), url
        assert all(each and not any(map(str.isspace, each)) for each in page.ids), url


def test_every_input_has_its_label(pages: Mapping[str, Outline]) -> None:
    assert {url: page.unlabelled for url, page in pages.items() if page.unlabelled} == {}


def test_every_reference_within_a_page_has_its_id(pages: Mapping[str, Outline]) -> None:
    """`dialog-title` exists once the dialog has content."""
    for url, page in pages.items():
        for _, attributes in page.elements:
            named = [attributes.get(name, "") for name in ("aria-labelledby", "aria-describedby", "for", "list")]
            names = {part for each in named for part in each.split()} - {"dialog-title"}
            assert names <= set(page.ids), url


def test_no_page_has_inline_styles_or_scripts(pages: Mapping[str, Outline]) -> None:
    for url, page in pages.items():
        for tag, attributes in page.elements:
            assert tag != "style", url
            assert tag != "script" or attributes.get("src", "").startswith("/static/"), url
            assert not [name for name in attributes if name.startswith(("on", "hx-on")) or name == "style"], url


def test_hostile_names_are_escaped(pages: Mapping[str, Outline], walked: Mapping[str, str]) -> None:
    """Foreign text is shown escaped and isolated: it cannot change the direction of the text around it."""
    assert not [url for url, text in walked.items() if "<script>alert" in text]
    assert visible(HOSTILE) in pages["/"].text.replace("/ ", "/")
    assert not [url for url, text in walked.items() if "\u202e" in re.sub(r'(data-watch|value)="[^"]*"', "", text)]
    for url, page in pages.items():
        assert not [attributes for _, attributes in page.elements if "alert('1')" in attributes.get("id", "")], url


def test_every_link_form_and_file_has_a_route_of_ours(pages: Mapping[str, Outline]) -> None:
    table = routes(Assets())
    for url, page in pages.items():
        for link in [*page.links, *page.files]:
            assert link.startswith("#") or is_routed(table, "GET", link), f"{link} on {url}"
        for form in page.forms:
            assert is_routed(table, form.method.upper(), form.action), f"{form.action} on {url}"
        for _, attributes in page.elements:
            for name in REQUEST_ATTRIBUTES:
                if name in attributes:
                    assert is_routed(table, name.removeprefix("hx-").upper(), attributes[name]), f"{name} on {url}"


def test_every_file_of_a_page_is_served_with_its_media_type(pages: Mapping[str, Outline]) -> None:
    kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    files = {file for page in pages.values() for file in page.files}
    assert {"/static/page.css", "/static/page.js"} <= {urlsplit(file).path for file in files}
    with full_process().client() as client:
        for file in files:
            answer = client.get(file)
            assert answer.status_code == 200, file
            assert answer.headers["content-type"].startswith(kinds[urlsplit(file).path.rpartition(".")[2]]), file


def test_unknown_urls_have_no_route() -> None:
    assert not is_routed(routes(Assets()), "GET", "/nothing")
    assert not is_routed(routes(Assets()), "GET", "//evil.example/")
    assert not is_routed(routes(Assets()), "GET", "https://evil.example/")


def _further(page: Outline) -> Iterator[str]:
    yield from (link for link in page.links if link.startswith("/"))
    for form in page.forms:
        if form.method == "get":
            yield f"{form.action}?{urlencode(form.fields)}"


def _kind(url: str) -> tuple[object, ...]:
    """The kind of a URL: its path and the names of its parameters. One URL per kind is visited."""
    parts = urlsplit(url)
    return parts.path, *sorted({name for name, _ in parse_qsl(parts.query)})


def is_routed(table: Iterable[BaseRoute], method: str, url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme or parts.netloc or not parts.path.startswith("/"):
        return False
    scope = {"type": "http", "method": method, "path": parts.path, "root_path": "", "headers": []}
    return any(route.matches(scope)[0] is Match.FULL for route in table)
