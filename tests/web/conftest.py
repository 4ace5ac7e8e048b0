"""A process in memory, and its clients: a JSON client, a browser, and the page's own script."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.web.process import MemoryProcess

ACCEPT = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.fixture
def process() -> MemoryProcess:
    return MemoryProcess()


@pytest.fixture
def client(process: MemoryProcess) -> Iterator[TestClient]:
    with process.client() as client:
        yield client


@pytest.fixture
def browser(process: MemoryProcess) -> Iterator[TestClient]:
    """Follows no redirects by itself, and keeps cookies."""
    with process.client(Accept=ACCEPT) as client:
        client.follow_redirects = False
        yield client


@pytest.fixture
def script(process: MemoryProcess) -> Iterator[TestClient]:
    """htmx, as page.js sets it up."""
    with process.client(**{"HX-Request": "true"}) as client:
        client.follow_redirects = False
        yield client
