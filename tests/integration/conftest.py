"""An empty, migrated database of the embedded Postgres, for tests of the stores."""

from collections.abc import AsyncIterator

import pytest

from app.adapters.postgres.database.pool import Database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Its connections are opened as they are needed, and closed at the end."""
    database = Database(database_url, size=8)
    yield database
    await database.close()
