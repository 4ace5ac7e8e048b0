"""What a browser is told not to do with our answers, and that our own pages need none of it."""

from collections.abc import Mapping

import pytest
from starlette.testclient import TestClient

from tests.web.outline import outline
from tests.web.process import SUMMARY


def policy(client: TestClient, path: str = "/") -> Mapping[str, str]:
    """The content security policy, by directive."""
    parts = client.get(path).headers["Content-Security-Policy"].split("; ")
    return dict(part.split(" ", 1) for part in parts)


@pytest.mark.parametrize(
    "path", ["/", "/repos", "/nothing", "/static/page.css", "/confirm/pause", f"/rollouts/{SUMMARY.rollout_id}"]
)
def test_every_answer_carries_them(browser: TestClient, path: str) -> None:
    headers = browser.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert policy(browser, path)["default-src"] == "'none'"
    assert policy(browser, path)["frame-ancestors"] == "'none'"
    assert policy(browser, path)["base-uri"] == "'none'"


def test_only_files_of_our_own_are_allowed_and_nothing_inline(browser: TestClient) -> None:
    for directive in ("script-src", "style-src", "img-src", "connect-src"):
        assert policy(browser)[directive] == "'self'"
    assert "unsafe" not in str(policy(browser))


def test_forms_may_be_sent_to_us_and_to_nobody_else(browser: TestClient) -> None:
    """Without a script every action is a form, and a browser holds it to this."""
    assert policy(browser)["form-action"] == "'self'"
    assert outline(browser, "/confirm/pause").form("/confirm/pause").method == "post"


def test_our_own_pages_are_told_where_a_form_stood(browser: TestClient) -> None:
    """With no-referrer browsers send `Origin: null` with a form, which is refused, and no way back to its page."""
    assert browser.get("/").headers["Referrer-Policy"] == "same-origin"


def test_pages_are_asked_for_again_and_what_api_clients_get_is_not_kept(browser: TestClient) -> None:
    assert browser.get("/").headers["Cache-Control"] == "private, no-cache"
    assert browser.get("/repos").headers["Cache-Control"] == "no-store"
