"""The tests of the reconcile's stores share a database."""

import pytest

from app.adapters.postgres.database.pool import Database
from tests.integration.reconcile.target import Around
from tests.servers.shared_database import SharedDatabase


@pytest.fixture
def database_url(shared_database: SharedDatabase) -> str:
    """As empty as a new one."""
    return shared_database.emptied()


@pytest.fixture
def around(database: Database) -> Around:
    """The database with its store."""
    return Around(database)
