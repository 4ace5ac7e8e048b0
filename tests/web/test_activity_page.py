"""The activity page: the timeline by repository, kind and person; as a page, and as JSON."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from app.domain.timeline import EntryKind
from app.services.views.board import TimelineEntry
from app.web.pages.activity import ENTRIES
from tests.web.outline import outline
from tests.web.process import MemoryProcess
from tests.web.samples import entries, full_process
from tests.web.values import NOW

ONE = next(each for each in entries() if each.key == "r")


@pytest.fixture
def process() -> MemoryProcess:
    process = full_process()
    process.board.happened = tuple(
        replace(each, watch="team/web" if each.key == "h" else each.watch) for each in entries() if each.key[0] in "rh"
    )
    return process


def many(count: int) -> list[TimelineEntry]:
    return [
        replace(ONE, key=f"k{number:03}", at=NOW - timedelta(minutes=number), message=f"event {number:03}")
        for number in range(count)
    ]


def test_each_entry_links_to_its_repository_and_rollout(browser: TestClient) -> None:
    page = outline(browser, "/activity")
    assert {"/repos/app", "/repos/team/web", f"/rollouts/{ONE.rollout_id}"} <= set(page.links)
    assert "by ann" in page.text


def test_the_filter_form_keeps_its_values(process: MemoryProcess, browser: TestClient) -> None:
    page = outline(browser, "/activity?repo=app&kind=rollout&by=ann")
    assert "the text of r" in page.text
    assert "the text of h" not in page.text
    assert ("repo", "app") in page.form("/activity").fields
    selected = [attributes.get("value") for tag, attributes in page.elements if "selected" in attributes]
    assert selected == ["rollout", "ann"]


@pytest.mark.parametrize("query", ["repo=nobody", "kind=decision&by=nobody"])
def test_an_empty_result_says_that_the_filter_found_nothing(
    process: MemoryProcess, browser: TestClient, query: str
) -> None:
    page = outline(browser, f"/activity?{query}")
    assert "The filter found no activity" in page.text
    assert page.links.count("/activity") == 2  # in the header, and beside the sentence
    process.board.happened = ()
    assert "Nothing has happened yet" in outline(browser, "/activity").text


@pytest.mark.parametrize("query", ["before=nonsense", "repo=&kind=&by=", "before=2026-01-02+x"])
def test_empty_filters_and_an_invalid_page_are_ignored(process: MemoryProcess, client: TestClient, query: str) -> None:
    assert client.get(f"/activity?{query}").json() == client.get("/activity").json()


@pytest.mark.parametrize(
    ("query", "fix"),
    [
        ("kind=nonsense", "kind='nonsense' is unknown: use webhook, decision, rollout, outcome, command or drift"),
        ("kind=rollout&kind=x", "kind='x' is unknown"),
        ("person=ann", "filter 'person' is unknown: use before, by, kind or repo"),
    ],
)
def test_unknown_filters_are_refused(client: TestClient, browser: TestClient, query: str, fix: str) -> None:
    answer = client.get(f"/activity?{query}")
    assert answer.status_code == 400
    assert fix in answer.json()["message"]
    assert browser.get(f"/activity?{query}").status_code == 400


def test_an_entry_for_all_watches_says_everything(process: MemoryProcess, browser: TestClient) -> None:
    process.board.happened = tuple(each for each in entries() if each.key == "all")
    assert "everything" in outline(browser, "/activity").text


def test_older_and_newest_entries_have_links(process: MemoryProcess, browser: TestClient) -> None:
    process.board.happened = tuple(many(ENTRIES + 1))
    first = outline(browser, "/activity?repo=app&kind=rollout")
    older = first.link("/activity?repo=app&kind=rollout&before=")
    page = outline(browser, older)
    assert f"event {ENTRIES:03}" in page.text
    assert page.link("/activity?") == "/activity?repo=app&kind=rollout"
    assert "data-follows" in first.by_id("main")
    assert "data-follows" not in page.by_id("main")


def test_api_clients_get_json(process: MemoryProcess, client: TestClient) -> None:
    process.board.happened = tuple(many(ENTRIES + 1))
    found = client.get("/activity?kind=rollout&kind=command").json()
    assert [each["message"] for each in found["entries"]] == [f"event {number:03}" for number in range(ENTRIES)]
    assert found["entries"][0]["kind"] == EntryKind.ROLLOUT
    assert parse_qs(urlsplit(found["older"]).query)["kind"] == ["command", "rollout"]
    last = client.get(found["older"]).json()
    assert [each["message"] for each in last["entries"]] == [f"event {ENTRIES:03}"]
    assert last["older"] is None
