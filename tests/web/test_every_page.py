"""What every page shows: the pause, outages, unsent notifications; what viewers see; and error pages."""

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from app.errors import StoreUnavailable
from app.services.views.queries import SystemOutage
from app.web.http.assets import Assets
from app.web.http.auth import Role
from app.web.routes import routes
from tests.web.conftest import ACCEPT
from tests.web.outline import Outline, outline
from tests.web.process import WIDER, MemoryProcess
from tests.web.samples import DELIVERY, HOSTILE, full_process
from tests.web.test_access import SECRETS, TOKENS
from tests.web.test_all_pages import is_routed
from tests.web.values import NOW, SUMMARY

PAGES = ("/", "/repos/app", "/activity", "/deliveries", f"/deliveries/{DELIVERY}", f"/rollouts/{SUMMARY.rollout_id}")


@pytest.fixture
def process() -> MemoryProcess:
    return full_process()


@pytest.mark.parametrize("path", [*PAGES, "/confirm/reset/app", "/confirm/deploy/app"])
def test_the_pause_cannot_be_overlooked(process: MemoryProcess, browser: TestClient, path: str) -> None:
    assert "/confirm/pause" in outline(browser, path).links
    process.board.paused = True
    page = outline(browser, path)
    assert "Everything is paused for 0 s , by ann" in page.text
    assert "/confirm/resume" in page.links
    assert "/confirm/pause" not in page.links


def test_outages_are_shown_with_their_start(process: MemoryProcess, browser: TestClient) -> None:
    process.board.absent = (SystemOutage(name="registry main", problem=HOSTILE, since=NOW - timedelta(minutes=5)),)
    process.waker.problem = "Redis does not take messages"
    process.problem = "staging.toml: poll_interval: is no duration"
    text = outline(browser).text
    for expected in (
        "registry main for 5 min",
        "Redis does not take messages",
        "is no duration",
        "2 notifications could not be",
    ):
        assert expected in text


def test_a_page_without_outages_shows_no_banner(browser: TestClient, process: MemoryProcess) -> None:
    process.board.absent, process.board.unsent_notifications = (), 0
    text = outline(browser).text
    assert "Outages" not in text
    assert "could not be sent" not in text


@pytest.mark.parametrize("path", PAGES)
def test_the_navigation_marks_the_current_page(browser: TestClient, path: str) -> None:
    page = outline(browser, path)
    current = [attributes["href"] for _, attributes in page.elements if attributes.get("aria-current") == "page"]
    assert current == ([path] if path in ("/", "/activity", "/deliveries") else [])


@pytest.mark.parametrize("path", PAGES)
def test_a_viewer_reads_and_is_offered_no_action(process: MemoryProcess, path: str) -> None:
    process.access = TOKENS
    with process.client(Accept=ACCEPT, Authorization=f"Bearer {SECRETS[Role.VIEWER]}") as viewer:
        page = outline(viewer, path)
        assert _offers(page) == []
        assert "You are signed in as a viewer" in page.text
        assert "dashboard (viewer)" in page.text
        for each in (*page.links, *(form.action for form in page.forms)):
            assert each.startswith("#") or is_routed(routes(Assets()), "GET", each) or each == "/logout"
        assert viewer.get("/confirm/reset/app").status_code == 403
        assert viewer.post("/confirm/check/app", data={}).status_code == 403


def test_a_deployer_may_change_and_not_pause(process: MemoryProcess) -> None:
    process.access = TOKENS
    with process.client(Accept=ACCEPT, Authorization=f"Bearer {SECRETS[Role.DEPLOYER]}") as deployer:
        page = outline(deployer)
        assert _offers(page)
        assert "/confirm/pause" not in page.links
        process.board.paused = True
        assert "/confirm/resume" not in outline(deployer).links
        assert deployer.get("/confirm/pause").status_code == 403


@pytest.mark.parametrize("path", PAGES)
def test_without_tokens_others_read_and_are_shown_the_fix(process: MemoryProcess, path: str) -> None:
    process.listening = WIDER
    with process.client(Accept=ACCEPT) as anybody:
        page = outline(anybody, path)
        assert _offers(page) == []
        assert (
            "Read-only: this process listens on more than loopback (0.0.0.0); "
            "without tokens, only this machine may change things" in page.text
        )
        assert "[api_tokens.NAME]" in page.text
        assert "Sign out" not in page.text
        assert anybody.post("/confirm/check/app", data={}).status_code == 403


def test_error_pages_link_to_the_repositories(process: MemoryProcess, browser: TestClient) -> None:
    process.board.outage = StoreUnavailable("Postgres cannot be used now: <it is away>")
    page = outline(browser, status=503)
    assert page.headings == [1]
    assert "Postgres cannot be used now: <it is away>" in page.text
    assert "/" in page.links
    assert browser.get("/").headers["Retry-After"] == "1"
    assert "Not found" in outline(browser, "/nothing", status=404).text


def test_a_bug_is_a_page_without_its_details(process: MemoryProcess, browser: TestClient) -> None:
    process.board.outage = ZeroDivisionError("secret inside")
    page = outline(browser, status=500)
    assert "secret inside" not in page.text
    assert "bug in registrywatcher" in page.text


def test_an_error_for_the_script_is_plain_text(process: MemoryProcess, script: TestClient) -> None:
    process.board.outage = process.queries.outage = ZeroDivisionError("secret inside")
    answer = script.post("/confirm/reset/app", data={"idempotency_key": "nonsense"})
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")


def _offers(page: Outline) -> list[str]:
    """Links and forms of actions."""
    posts = [form.action for form in page.forms if form.method == "post" and form.action != "/logout"]
    return [*posts, *(link for link in page.links if link.startswith("/confirm/"))]
