"""An installation for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.site import Site, site


@pytest.fixture
def database_url(own_database_url: str) -> str:
    """One of its own: a process that was killed or cut off may still have a statement to end."""
    return own_database_url


@pytest.fixture
def installation(server_directory: Path, database_url: str, redis_url: str) -> Iterator[Site]:
    """None of its processes runs yet, and it has no configuration; pytest shows the logs when the test fails."""
    with site(server_directory, database_url=database_url, redis_url=redis_url) as made:
        yield made
        print(made.logs())
