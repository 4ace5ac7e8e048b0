"""Activity: everything that happened, by repository, kind and person; as a page, and for machines."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from app.domain.timeline import EntryKind
from app.services.views.board import TimelineEntry
from app.web.pages.activity import ENTRIES
from tests.web.outline import outline
from tests.web.process import NOW, MemoryProcess
from tests.web.samples import entries, full_process

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


def test_each_entry_names_its_repository_and_what_it_led_to(browser: TestClient) -> None:
    page = outline(browser, "/activity")
    assert {"/repos/app", "/repos/team/web", f"/rollouts/{ONE.rollout_id}"} <= set(page.links)
    assert "by ann" in page.text


def test_filters_are_a_form_that_remembers(process: MemoryProcess, browser: TestClient) -> None:
    page = outline(browser, "/activity?repo=app&kind=rollout&by=ann")
    assert "the words of r" in page.text
    assert "the words of h" not in page.text
    assert ("repo", "app") in page.form("/activity").fields
    selected = [attributes.get("value") for tag, attributes in page.elements if "selected" in attributes]
    assert selected == ["rollout", "ann"]
    assert "Nothing has happened yet" in outline(browser, "/activity?repo=nobody").text


@pytest.mark.parametrize("query", ["kind=nonsense", "before=nonsense", "repo=&kind=&by=", "before=2026-01-02+x"])
def test_nonsense_filters_nothing(process: MemoryProcess, client: TestClient, query: str) -> None:
    assert client.get(f"/activity?{query}").json() == client.get("/activity").json()


def test_everything_is_named_where_it_concerns_all(process: MemoryProcess, browser: TestClient) -> None:
    process.board.happened = tuple(each for each in entries() if each.key == "all")
    assert "everything" in outline(browser, "/activity").text


def test_older_ones_are_a_link_away_and_the_newest_too(process: MemoryProcess, browser: TestClient) -> None:
    process.board.happened = tuple(many(ENTRIES + 1))
    first = outline(browser, "/activity?repo=app&kind=rollout")
    older = first.link("/activity?repo=app&kind=rollout&before=")
    page = outline(browser, older)
    assert f"event {ENTRIES:03}" in page.text
    assert page.link("/activity?") == "/activity?repo=app&kind=rollout"
    assert "data-follows" in first.by_id("main")
    assert "data-follows" not in page.by_id("main")


def test_for_machines(process: MemoryProcess, client: TestClient) -> None:
    process.board.happened = tuple(many(ENTRIES + 1))
    told = client.get("/activity?kind=rollout&kind=command").json()
    assert [each["message"] for each in told["entries"]] == [f"event {number:03}" for number in range(ENTRIES)]
    assert told["entries"][0]["kind"] == EntryKind.ROLLOUT
    assert parse_qs(urlsplit(told["older"]).query)["kind"] == ["command", "rollout"]
    last = client.get(told["older"]).json()
    assert [each["message"] for each in last["entries"]] == [f"event {ENTRIES:03}"]
    assert last["older"] is None
