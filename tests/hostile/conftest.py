"""One web process for all tests of this folder: what one request does to the next is a part of the question.

It ends with them: its threads would disturb later tests of the worker.
"""

import logging
from collections.abc import Iterator

import pytest
import structlog

from tests.hostile.site import Site, site
from tests.servers.postgres import Databases


@pytest.fixture(scope="module", autouse=True)
def short_logs() -> Iterator[None]:
    """Log only bugs, on one line each: a line for each of thousands of deliveries takes longer than they do."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        processors=[structlog.processors.KeyValueRenderer()],
    )
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="package")
def here(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[Site]:
    """The process and its tables."""
    database_url = databases.fresh()
    with site(tmp_path_factory.mktemp("hostile"), database_url) as made:
        yield made
    databases.drop(database_url)
