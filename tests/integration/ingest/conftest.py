"""The tests of the inbox share a database."""

import pytest

from tests.servers.shared_database import SharedDatabase


@pytest.fixture
def database_url(shared_database: SharedDatabase) -> str:
    """As empty as a new one."""
    return shared_database.emptied()
