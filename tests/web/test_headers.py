"""The security headers of our responses, and that our own pages work with them."""

from collections.abc import Mapping

import pytest
from starlette.testclient import TestClient

from tests.web.outline import outline
from tests.web.values import SUMMARY


def policy(client: TestClient, path: str = "/") -> Mapping[str, str]:
    """The content security policy, by directive."""
    parts = client.get(path).headers["Content-Security-Policy"].split("; ")
    return dict(part.split(" ", 1) for part in parts)


@pytest.mark.parametrize(
    "path", ["/", "/repos", "/nothing", "/static/page.css", "/confirm/pause", f"/rollouts/{SUMMARY.rollout_id}"]
)
def test_every_response_has_the_security_headers(browser: TestClient, path: str) -> None:
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


def test_forms_may_be_sent_only_to_our_own_origin(browser: TestClient) -> None:
    """Without a script every action is a form, and browsers apply this directive to it."""
    assert policy(browser)["form-action"] == "'self'"
    assert outline(browser, "/confirm/pause").form("/confirm/pause").method == "post"


def test_our_own_pages_get_the_referrer(browser: TestClient) -> None:
    """With no-referrer browsers send `Origin: null` with a form, which is refused, and no page to return to."""
    assert browser.get("/").headers["Referrer-Policy"] == "same-origin"


def test_pages_are_revalidated_and_api_responses_are_not_stored(browser: TestClient) -> None:
    assert browser.get("/").headers["Cache-Control"] == "private, no-cache"
    assert browser.get("/repos").headers["Cache-Control"] == "no-store"
