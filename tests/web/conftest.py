"""A process in memory, and clients in front of it: a program that speaks JSON, a browser, and the page's own script."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.web.face import Face

ACCEPT = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.fixture
def face() -> Face:
    return Face()


@pytest.fixture
def client(face: Face) -> Iterator[TestClient]:
    with face.client() as client:
        yield client


@pytest.fixture
def browser(face: Face) -> Iterator[TestClient]:
    """Follows no redirects by itself, and keeps cookies."""
    with face.client(Accept=ACCEPT) as client:
        client.follow_redirects = False
        yield client


@pytest.fixture
def script(face: Face) -> Iterator[TestClient]:
    """htmx, as page.js sets it up."""
    with face.client(**{"HX-Request": "true"}) as client:
        client.follow_redirects = False
        yield client
