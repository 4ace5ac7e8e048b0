"""The page: what a person finds on it, that it holds under hostile names, and that it stays light."""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from app.domain.decision import HoldReason
from app.domain.event import Action
from app.domain.job import Diagnosis, LogTail
from app.domain.rollout import RolloutState
from app.errors import StoreUnavailable
from app.services.queries import Away, EventSummary, Trouble, UnknownSource
from app.web import labels
from tests.fakes.registry import digest_of
from tests.web.face import DECISION, DEPLOYMENT, NOW, ROLLOUT, SUMMARY, WATCH, Face

VOID = {"meta", "link", "br", "wbr", "input"}


class Outline(HTMLParser):
    """Checks that tags nest, and collects ids, links and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.headings: list[int] = []
        self.text = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        if tag in {"h1", "h2", "h3"}:
            self.headings.append(int(tag[1]))
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += " ".join(data.split()) + " "


@pytest.fixture
def browser(face: Face) -> Iterator[TestClient]:
    with face.client(Accept="text/html,application/xhtml+xml,*/*;q=0.8") as client:
        yield client


def outline(browser: TestClient, path: str = "/") -> Outline:
    answer = browser.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    return Outline(answer.text)


def test_a_watch_tells_what_runs_what_is_wanted_and_why(face: Face, browser: TestClient) -> None:
    held = replace(
        DECISION,
        reason=HoldReason.AUTO_DEPLOY_OFF,
        words="auto deploy is off; v1.2.0 is deployed when it is switched on",
        looks=41,
    )
    face.queries.known = (
        replace(WATCH, wanted="v1.2.0", wanted_digest=digest_of("v1.2.0"), auto_deploy=False, decision=held),
    )
    page = outline(browser)
    for words in ("v1.1.0", "v1.2.0", held.words, "41 looks", "follows releases", "off", digest_of("v1.2.0")[:19]):
        assert words in page.text
    assert "app" in page.ids
    assert f"/rollouts/{SUMMARY.rollout_id}" in page.links


@pytest.mark.parametrize("reason", HoldReason)
def test_every_reason_is_worded(face: Face, browser: TestClient, reason: HoldReason) -> None:
    face.queries.known = (replace(WATCH, decision=replace(DECISION, reason=reason)),)
    assert labels.HOLDS[reason] in outline(browser).text


def test_a_deploy_and_a_watch_never_looked_at(face: Face, browser: TestClient) -> None:
    under_way = replace(SUMMARY, outcome=None, state=RolloutState.SUBMITTED, ended_at=None)
    face.queries.known = (
        replace(WATCH, decision=replace(DECISION, reason=None), rollout=under_way),
        replace(WATCH, name="new", decision=None, rollout=None, running=(), wanted="", wanted_digest="", due=True),
    )
    text = outline(browser).text
    assert "Deploying" in text
    assert "Under way" in text
    assert "Not looked at yet" in text
    assert "1 deploying" in text


def test_trouble_is_shown_with_since_when(face: Face, browser: TestClient) -> None:
    trouble = Trouble(problem="connection refused", since=NOW - timedelta(minutes=5))
    face.queries.known = (replace(WATCH, registry_trouble=trouble, job_trouble=Trouble(problem="403", since=None)),)
    face.queries.absent = (Away(name="registry main", problem="connection refused", since=NOW),)
    face.doorbell.problem = "Redis does not take messages"
    face.problem = "staging.toml: poll_interval: is no duration"
    text = outline(browser).text
    for words in ("connection refused", "2026-01-02 02:59:05 UTC", "Redis does not", "is no duration", "some time ago"):
        assert words in text


def test_webhooks_are_shown_with_what_became_of_them(face: Face, browser: TestClient) -> None:
    told = EventSummary(
        delivery_id=UUID(int=9),
        source="distribution",
        action=Action.PUSH,
        path="team/app",
        tag="v1.2.0",
        received_at=NOW,
        answer="app: v1.2.0 follows v1.1.0",
    )
    face.queries.told = (told,)
    shown = browser.get("/").text
    assert f'<a href="/deliveries/{told.delivery_id}">team/app:v1.2.0</a>' in shown
    assert "app: v1.2.0 follows v1.1.0" in shown


def test_unknown_sources_and_the_pause_are_shown(face: Face, browser: TestClient) -> None:
    face.queries.unknown_sources = (UnknownSource(source="harbor", deliveries=12, last_at=NOW),)
    face.queries.paused = True
    text = outline(browser).text
    assert "/webhooks/harbor" in text
    assert "Everything is paused" in text


def test_an_empty_page_says_what_to_do(face: Face, browser: TestClient) -> None:
    face.queries.known, face.queries.ended = (), ()
    text = outline(browser).text
    assert "watched_repositories" in text
    assert "None yet" in text


def test_a_rollout_is_a_page_for_browsers(browser: TestClient) -> None:
    page = outline(browser, f"/rollouts/{SUMMARY.rollout_id}")
    for words in ("Failed", SUMMARY.reason, "ann", "team/app:v1.0.0", ROLLOUT.changes["web/server"]):
        assert words in page.text
    assert "/#app" in page.links


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        ("text/html", True),
        ("text/html,application/json;q=0.9", True),
        ("application/json", False),
        ("application/json, text/html;q=0.5", False),
        ("*/*", False),
        ("", False),
        ("text/html;q=0", False),
        ("text/html;q=nonsense", False),
    ],
)
def test_who_gets_html(browser: TestClient, accept: str, html: bool) -> None:
    answer = browser.get(f"/rollouts/{SUMMARY.rollout_id}", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith("text/html") is html


def test_errors_are_pages_for_browsers(face: Face, browser: TestClient) -> None:
    face.queries.trouble = StoreUnavailable("Postgres cannot be used now")
    answer = browser.get("/")
    assert answer.status_code == 503
    assert "Postgres cannot be used now" in Outline(answer.text).text
    assert browser.get("/nothing").headers["Content-Type"].startswith("text/html")


def test_names_cannot_break_out(face: Face, browser: TestClient) -> None:
    evil = '"><script>alert(1)</script>'
    face.queries.known = (replace(WATCH, name=evil, decision=replace(DECISION, words=evil), pinned_tag=evil),)
    face.queries.ended = (replace(ROLLOUT, summary=replace(SUMMARY, reason=evil, asked_by=evil)),)
    for path in ("/", f"/rollouts/{SUMMARY.rollout_id}"):
        assert "<script>alert" not in browser.get(path).text


def test_the_policy_allows_our_own_files_only_and_the_page_needs_no_more(browser: TestClient) -> None:
    answer = browser.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    page = Outline(answer.text)
    assert not {name for name in page.attributes if name.startswith("on") or name == "style"}
    assert all(link.startswith(("/", "#")) for link in page.links)
    for path in ("/static/page.css", "/static/live.js", "/static/icon.svg"):
        assert browser.get(path).headers["X-Content-Type-Options"] == "nosniff"


def test_headings_do_not_skip_and_ids_are_unique(face: Face, browser: TestClient) -> None:
    face.queries.known = (WATCH, replace(WATCH, name="other"))
    page = outline(browser)
    assert page.headings[0] == 1
    assert len(page.ids) == len(set(page.ids))
    assert all(later - earlier <= 1 for earlier, later in zip(page.headings, page.headings[1:], strict=False))


def test_an_unchanged_page_is_not_sent_again(face: Face, browser: TestClient) -> None:
    tag = browser.get("/").headers["ETag"]
    again = browser.get("/", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    face.queries.paused = True
    assert browser.get("/", headers={"If-None-Match": tag}).status_code == 200


def test_a_thousand_watches_stay_light(face: Face, browser: TestClient) -> None:
    face.queries.known = tuple(
        replace(
            WATCH,
            name=f"app-{number}",
            wanted_digest=digest_of(str(number)),
            rollout=replace(SUMMARY, outcome=None, what=f"app-{number} v1.1.0"),
        )
        for number in range(1000)
    )
    answer = browser.get("/", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(gzip.compress(answer.content, 5)) <= 100_000


def test_a_failed_rollout_is_explained_with_the_last_lines(face: Face, browser: TestClient) -> None:
    log = LogTail(task="web/server", allocation_id="a1", text="<panic>\nexit 1")
    diagnosis = Diagnosis(findings=("web/server: exit code 1",), logs=(log,), logs_denied=True)
    undone = replace(SUMMARY, undoes=UUID(int=3), undone_by=UUID(int=4))
    item = replace(ROLLOUT.items[0], from_tag="v1.0.0", from_digest=digest_of("v1.0.0"))
    face.queries.ended = (replace(ROLLOUT, summary=undone, items=(item,), diagnosis=diagnosis),)
    answer = browser.get(f"/rollouts/{SUMMARY.rollout_id}")
    assert "<pre>&lt;panic&gt;\nexit 1</pre>" in answer.text
    page = Outline(answer.text)
    for words in ("Why it failed", "exit code 1", "read-logs", "before: v1.0.0", digest_of("v1.0.0")[:19]):
        assert words in page.text
    assert {f"/rollouts/{UUID(int=3)}", f"/rollouts/{UUID(int=4)}"} <= set(page.links)


def test_canaries_that_wait_are_shown(face: Face, browser: TestClient) -> None:
    waiting = replace(SUMMARY, outcome=None, state=RolloutState.SUBMITTED, ended_at=None, deployment=DEPLOYMENT)
    face.queries.known = (replace(WATCH, rollout=waiting),)
    face.queries.ended = (replace(ROLLOUT, summary=waiting),)
    assert "waiting for promotion" in outline(browser).text
    assert f"registrywatcher promote {SUMMARY.rollout_id}" in outline(browser, f"/rollouts/{SUMMARY.rollout_id}").text
    face.queries.known = (replace(WATCH, rollout=replace(waiting, ended_at=NOW)),)
    face.queries.ended = ()
    assert "waiting for promotion" not in outline(browser).text


def test_a_stale_source_and_an_unserved_digest_are_marked(face: Face, browser: TestClient) -> None:
    unserved = Trouble(problem="the registry no longer has sha256:abc", since=NOW)
    face.queries.known = (replace(WATCH, source_stale="two literals name it", unserved=unserved),)
    text = outline(browser).text
    for words in ("source is stale", "two literals name it", "no longer served", unserved.problem):
        assert words in text
