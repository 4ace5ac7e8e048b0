"""Every page that links of a rich scene lead to: it is there, sound, inert, and leads nowhere but to pages of ours."""

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

ASKS = ("hx-get", "hx-post")


@pytest.fixture(scope="module")
def walked() -> Mapping[str, str]:
    """Every page by its URL, as somebody finds it who follows each link and sends each form that only asks."""
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
    """What was walked, taken apart."""
    return {url: Outline(text) for url, text in walked.items() if text}


def test_the_walk_saw_every_kind_of_page(walked: Mapping[str, str]) -> None:
    seen = {urlsplit(url).path.strip("/").split("/")[0] for url in walked}
    assert {"", "repos", "rollouts", "activity", "deliveries", "confirm", "readyz", "api"} <= seen
    asked = {urlsplit(url).path.split("/")[2] for url in walked if url.startswith("/confirm/")}
    assert asked == {"deploy", "reset", "switch-on", "switch-off", "release", "promote", "fail", "rollback", "pause"}


def test_every_page_has_one_title_and_headings_that_do_not_skip(pages: Mapping[str, Outline]) -> None:
    for url, page in pages.items():
        assert page.headings.count(1) == 1, url
        assert all(later - before <= 1 for before, later in zip(page.headings, page.headings[1:], strict=False)), url


def test_every_id_stands_once(pages: Mapping[str, Outline]) -> None:
    for url, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), url
        assert all(each and not any(map(str.isspace, each)) for each in page.ids), url


def test_every_input_has_its_label(pages: Mapping[str, Outline]) -> None:
    assert {url: page.unlabelled for url, page in pages.items() if page.unlabelled} == {}


def test_every_reference_within_a_page_leads_to_an_id(pages: Mapping[str, Outline]) -> None:
    """`dialog-title` is in the dialog once something is."""
    for url, page in pages.items():
        for _, attributes in page.elements:
            named = [attributes.get(name, "") for name in ("aria-labelledby", "aria-describedby", "for", "list")]
            names = {part for each in named for part in each.split()} - {"dialog-title"}
            assert names <= set(page.ids), url


def test_nothing_is_styled_or_run_inline(pages: Mapping[str, Outline]) -> None:
    for url, page in pages.items():
        for tag, attributes in page.elements:
            assert tag != "style", url
            assert tag != "script" or attributes.get("src", "").startswith("/static/"), url
            assert not [name for name in attributes if name.startswith(("on", "hx-on")) or name == "style"], url


def test_names_stay_names(pages: Mapping[str, Outline], walked: Mapping[str, str]) -> None:
    """Text of somebody else is shown as it is, and turns nothing around it: it stands in an element of its own."""
    assert not [url for url, text in walked.items() if "<script>alert" in text]
    assert visible(HOSTILE) in pages["/"].text.replace("/ ", "/")
    assert not [url for url, text in walked.items() if "\u202e" in re.sub(r'(data-watch|value)="[^"]*"', "", text)]
    for url, page in pages.items():
        assert not [attributes for _, attributes in page.elements if "alert('1')" in attributes.get("id", "")], url


def test_every_link_form_and_file_is_ours_and_there(pages: Mapping[str, Outline]) -> None:
    table = routes(Assets())
    for url, page in pages.items():
        for link in [*page.links, *page.files]:
            assert link.startswith("#") or is_routed(table, "GET", link), f"{link} on {url}"
        for form in page.forms:
            assert is_routed(table, form.method.upper(), form.action), f"{form.action} on {url}"
        for _, attributes in page.elements:
            for name in ASKS:
                if name in attributes:
                    assert is_routed(table, name.removeprefix("hx-").upper(), attributes[name]), f"{name} on {url}"


def test_every_file_of_a_page_is_served_with_its_kind(pages: Mapping[str, Outline]) -> None:
    kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    files = {file for page in pages.values() for file in page.files}
    assert {"/static/page.css", "/static/page.js"} <= {urlsplit(file).path for file in files}
    with full_process().client() as client:
        for file in files:
            answer = client.get(file)
            assert answer.status_code == 200, file
            assert answer.headers["content-type"].startswith(kinds[urlsplit(file).path.rpartition(".")[2]]), file


def test_the_table_is_asked_for_what_is_not_there() -> None:
    assert not is_routed(routes(Assets()), "GET", "/nothing")
    assert not is_routed(routes(Assets()), "GET", "//evil.example/")
    assert not is_routed(routes(Assets()), "GET", "https://evil.example/")


def _further(page: Outline) -> Iterator[str]:
    yield from (link for link in page.links if link.startswith("/"))
    for form in page.forms:
        if form.method == "get":
            yield f"{form.action}?{urlencode(form.fields)}"


def _kind(url: str) -> tuple[object, ...]:
    """What makes a URL worth its own visit: its path, and which parameters it has."""
    parts = urlsplit(url)
    return parts.path, *sorted({name for name, _ in parse_qsl(parts.query)})


def is_routed(table: Iterable[BaseRoute], method: str, url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme or parts.netloc or not parts.path.startswith("/"):
        return False
    scope = {"type": "http", "method": method, "path": parts.path, "root_path": "", "headers": []}
    return any(route.matches(scope)[0] is Match.FULL for route in table)
