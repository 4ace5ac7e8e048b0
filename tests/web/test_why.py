"""Why: the page and the API, over stored facts."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from app.domain.why.facts import TagFacts, WatchFacts
from app.errors import StoreUnavailable
from tests.unit.domain.why.facts import tag
from tests.unit.domain.why.test_outcome import CASES
from tests.web.outline import outline
from tests.web.process import MemoryProcess
from tests.web.samples import full_process
from tests.web.values import WATCH


@pytest.mark.parametrize("case", CASES)
def test_the_api_gives_each_tag_exactly_one_outcome(process: MemoryProcess, client: TestClient, case: str) -> None:
    watch, facts, outcome, sentence, remedy = CASES[case]
    process.why.watch, process.why.tags = watch, (facts,)
    answer = client.get("/tags/app/why", params={"tag": facts.tag}).json()
    (found,) = answer["tags"]
    assert (found["tag"], found["outcome"], found["message"], found["fix"]) == (facts.tag, outcome, sentence, remedy)
    assert (found["hold"] is not None) is (outcome == "held")
    assert client.get("/tags/app/why").json()["tags"] == [found]
    assert (answer["repo"], answer["total"], answer["omitted"]) == ("app", 1, 0)


def test_a_bound_that_is_reached_is_counted(process: MemoryProcess, client: TestClient) -> None:
    process.why.tags = tuple(tag(f"v1.{minor}.0") for minor in range(120))
    answer = client.get("/tags/app/why").json()
    assert (len(answer["tags"]), answer["total"], answer["omitted"]) == (100, 120, 20)


def test_a_text_that_is_no_tag_and_an_unknown_watch_are_refused(client: TestClient) -> None:
    answer = client.get("/tags/app/why", params={"tag": "a tag"})
    assert answer.status_code == 400
    assert "'a tag' is not a tag" in answer.json()["message"]
    assert client.get("/tags/app/why", params={"tag": ""}).status_code == 200
    assert client.get("/tags/nobody/why").status_code == 404
    assert client.get("/repos/nobody/why").status_code == 404


def test_a_watch_whose_name_ends_like_the_route_is_still_read(process: MemoryProcess, client: TestClient) -> None:
    process.queries.known = (replace(WATCH, name="tell/why"),)
    assert client.get("/tags/tell/why").json() == {"repo_tag": "v1.1.0"}
    assert list(client.get("/repos/tell/why").json()) == ["tell/why"]


def test_an_outage_of_the_store_is_one(process: MemoryProcess, client: TestClient) -> None:
    process.why.outage = StoreUnavailable("Postgres cannot be used now")
    assert client.get("/tags/app/why").status_code == 503


def test_the_page_shows_each_tag_with_its_reason_and_its_links() -> None:
    with full_process().client(Accept="text/html") as browser:
        page = outline(browser, "/repos/app/why")
        for expected in (
            *("Held", "because of v3.0.0", "by ann", "until auto deploy is switched on", "the tag moved"),
            *("Runs", "it runs", "Lower", "Ran", "since before the first check", "Deploying", "Failed", "leading zero"),
            *("push time unknown", "not in the registry’s list since", "As of the last check", "7 more are on record"),
        ):
            assert expected in page.text, expected
        assert "/repos/app/why?tag=v2.0.0" in page.links
        one = outline(browser, "/repos/app/why?tag=v9.9.9")
        assert "its registry cannot be read" in one.text
        assert "/repos/app/why" in one.links


def test_other_pages_link_to_why() -> None:
    with full_process().client(Accept="text/html") as browser:
        repository = outline(browser, "/repos/app")
        assert {"/repos/app/why", "/repos/app/why?tag=v1.1.0"} <= set(repository.links)
        assert "/repos/app/why?tag=v1.1.0" in outline(browser, "/activity").links


def test_the_page_without_tags_says_so(process: MemoryProcess) -> None:
    process.why.watch = WatchFacts(name="app")
    with process.client(Accept="text/html") as browser:
        assert "the repository was not checked yet" in outline(browser, "/repos/app/why").text
        process.why.tags = (TagFacts(tag="v1.0.0"),)
        assert "Unknown" in outline(browser, "/repos/app/why").text
