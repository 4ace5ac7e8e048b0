"""The list of repositories: those that need a person first, filtered by chips, typed text and condition."""

import html
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from app.domain.condition import Condition
from app.domain.decision import HoldReason
from app.refusals.process import DEPLOYMENT
from app.services.views.board import Listing, Search
from app.web.render import labels
from tests.fakes.board import MemoryBoard
from tests.fakes.registry import digest_of
from tests.web.outline import Outline, outline
from tests.web.process import MemoryProcess
from tests.web.samples import WAITING, watch, watches
from tests.web.values import DECISION, NOW, WATCH


def shown(page: Outline) -> list[str]:
    """The watches of the page, in order."""
    return [attributes["data-watch"] for tag, attributes in page.elements if tag == "tr" and "data-watch" in attributes]


def counts(page: Outline) -> dict[str, str]:
    """The filters by condition: the tone, and where each leads."""
    return {
        attributes["class"].split()[1]: attributes["href"]
        for tag, attributes in page.elements
        if tag == "a" and attributes.get("class", "").startswith("count")
    }


def test_a_row_shows_running_tag_desired_tag_and_reason(process: MemoryProcess, browser: TestClient) -> None:
    message = "auto deploy is off; v1.2.0 is deployed when it is switched on"
    held = replace(DECISION, reason=HoldReason.AUTO_DEPLOY_OFF, message=message)
    process.board.known = (replace(WATCH, desired="v1.2.0", auto_deploy=False, decision=held),)
    page = outline(browser)
    for expected in (
        "v1.1.0",
        "v1.2.0",
        message,
        "Held: auto deploy is off",
        "follows releases",
        "Off",
        "checked",
        "web",
    ):
        assert expected in page.text
    assert digest_of("v1.1.0")[7:19] in page.text
    assert page.link("/repos/") == "/repos/app"
    assert page.link("/confirm/switch-on/") == "/confirm/switch-on/app"
    assert page.form("/confirm/check/").method == "post"


@pytest.mark.parametrize("reason", HoldReason)
def test_every_hold_reason_has_its_label_and_tone(
    process: MemoryProcess, browser: TestClient, reason: HoldReason
) -> None:
    process.board.known = (watch("app", reason=reason),)
    page = outline(browser)
    assert labels.HOLDS[reason] in page.text
    assert labels.HOLD_TONES[reason] in page.by_id("row-app")["class"]


def test_watches_that_need_a_person_come_first(process: MemoryProcess, browser: TestClient) -> None:
    process.board.known = tuple(watches())
    found = shown(outline(browser))
    assert found[:2] == ["unreachable", "waiting"]
    assert found.index("for-failed_before") < found.index("for-auto_deploy_off") < found.index("moving")
    assert found.index("moving") < found.index("for-paused") < found.index("app")


def test_a_row_shows_health_and_canaries(process: MemoryProcess, browser: TestClient) -> None:
    running = replace(WAITING, deployment=replace(DEPLOYMENT, awaits_promotion=False))
    process.board.known = (watch("a", rollout=WAITING), watch("b", rollout=running))
    text = outline(browser).text
    assert "Waiting for promotion" in text
    assert "Deploying 1/2 healthy" in text


def test_chips_apply_together_and_each_can_be_removed(process: MemoryProcess, browser: TestClient) -> None:
    process.board.known = (watch("team/app"), watch("team/web"), watch("app"))
    page = outline(browser, "/?q=team&q=app")
    assert shown(page) == ["team/app"]
    assert "1 repository of 3" in page.text
    assert {"/?q=team", "/?q=app", "/"} <= set(page.links)
    assert shown(outline(browser, "/?q=team&text=web")) == ["team/web"]


def test_the_typed_text_becomes_a_chip_in_the_url(process: MemoryProcess, browser: TestClient) -> None:
    form = outline(browser, "/?q=team&state=held").form("/")
    assert ("q", "team") in form.fields
    assert ("state", "held") in form.fields
    answer = browser.get("/", params=[*((n, v) for n, v in form.fields if n != "text"), ("text", "a b"), ("add", "1")])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?q=team&q=a+b&state=held")
    assert browser.get("/?add=1&text=").headers["Location"] == "/"
    assert browser.get("/?add=1&text=app&q=app").headers["Location"] == "/?q=app"


def test_conditions_filter_with_their_counts(process: MemoryProcess, browser: TestClient) -> None:
    process.board.known = (watch("a"), watch("b"), watch("c", reason=HoldReason.FAILED_BEFORE))
    page = outline(browser)
    assert counts(page) == {"bad": "/?state=failed", "good": "/?state=current"}
    assert "Failed 1" in page.text
    assert "Up to date 2" in page.text
    chosen = outline(browser, "/?state=failed&from=0")
    assert shown(chosen) == ["c"]
    assert counts(chosen)["good"] == "/?state=failed&state=current"
    assert counts(chosen)["bad"] == "/"
    (current,) = (attributes for _, attributes in chosen.elements if attributes.get("aria-current") == "true")
    assert current["href"] == "/"


def test_a_page_links_to_the_next_and_the_previous_page(process: MemoryProcess, browser: TestClient) -> None:
    process.board.known = tuple(watch(f"app-{number:03}") for number in range(250))
    first = outline(browser, "/?q=app")
    assert len(shown(first)) == 100
    assert "250 repositories, 1–100 shown" in first.text
    later = first.link("/?q=app&from=")
    assert parse_qs(urlsplit(later).query)["from"] == ["100"]
    last = outline(browser, "/?q=app&from=200")
    assert (len(shown(last)), shown(last)[-1]) == (50, "app-249")
    assert [link for link in last.links if "from=" in link] == ["/?q=app&from=100"]


def test_an_offset_behind_the_last_page_redirects_to_the_first(process: MemoryProcess, browser: TestClient) -> None:
    """Watches were removed meanwhile: an empty page would be wrong."""
    answer = browser.get("/?q=app&from=500")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?q=app")


def test_an_empty_result_names_the_searched_fields(process: MemoryProcess, browser: TestClient) -> None:
    page = outline(browser, "/?q=nothing&state=held&from=100")
    assert shown(page) == []
    for message in ("The filter found no repository", "0 repositories of 1", "Clear all filters"):
        assert message in page.text
    assert "/" in page.links


def test_an_empty_list_shows_a_sample_configuration(process: MemoryProcess, browser: TestClient) -> None:
    process.board.known = ()
    page = outline(browser)
    assert "No repository is watched yet" in page.text
    assert "watched_repositories" in page.text
    assert page.forms == []


@pytest.mark.parametrize(
    ("query", "fix"),
    [
        ("state=nonsense", "state='nonsense' is unknown: use "),
        ("condition=held", "filter 'condition' is unknown: use add, from, q, state or text"),
    ],
)
def test_unknown_filters_are_refused(browser: TestClient, query: str, fix: str) -> None:
    answer = browser.get(f"/?{query}")
    assert answer.status_code == 400
    assert fix in html.unescape(answer.text)


class MatchingBoard(MemoryBoard):
    """A board whose search matched a tag."""

    async def listing(self, search: Search, *, offset: int, limit: int) -> Listing:
        return replace(await super().listing(Search(), offset=offset, limit=limit), matched_tags={"app": "v9-<rc>"})


def test_a_watch_that_was_found_by_a_tag_names_it(process: MemoryProcess, browser: TestClient) -> None:
    process.board = MatchingBoard(known=(WATCH,))
    assert "has v9-<rc>" in outline(browser, "/?q=rc").text


def test_suggestions_are_names_and_tags(process: MemoryProcess, browser: TestClient) -> None:
    process.board.known = (watch("v1-app"), watch("other"))
    answer = browser.get("/suggestions?text=v1")
    assert '<option value="v1-app">repository</option>' in answer.text
    assert '<option value="v1.0.0">tag of 2 repositories</option>' in answer.text
    assert browser.get("/suggestions").text.strip() == ""
    assert browser.get("/suggestions?text=%20").text.strip() == ""


def test_every_condition_is_a_filter(process: MemoryProcess, browser: TestClient) -> None:
    process.board.known = tuple(watches())
    text = outline(browser).text
    assert [label for label in labels.CONDITIONS.values() if label not in text] == []
    for each in Condition:
        assert outline(browser, f"/?state={each.value}").headings[0] in (1, 2)
    assert process.board.known[0].decision is not None
    assert NOW


def test_before_the_first_check_nothing_is_said_to_be_known(process: MemoryProcess, browser: TestClient) -> None:
    fresh = replace(WATCH, decision=None, rollout=None, specified=(), desired="", tags=(), tags_read_at=None, due=True)
    process.board.known = tuple(replace(fresh, name=f"app-{number}") for number in range(3))
    text = " ".join(outline(browser).text.split())
    assert "Not checked yet 3" in text
    assert "Not checked yet a worker reads its registry and its job next" in text
    assert "Desired not known yet" in text
    for unsaid in ("Nothing to do", "nothing", "Up to date"):
        assert unsaid not in text, unsaid


def test_a_watch_without_a_matching_tag_desires_nothing(process: MemoryProcess, browser: TestClient) -> None:
    process.board.known = (watch("app", reason=HoldReason.NO_MATCHING_TAG, desired=""),)
    assert "Desired nothing" in " ".join(outline(browser).text.split())
