"""A database with the targets' store, for each test."""

import pytest

from app.adapters.postgres.database.pool import Database
from tests.integration.reconcile.target import Around


@pytest.fixture
def around(database: Database) -> Around:
    """The database with its store."""
    return Around(database)
