"""The line, opened for one test: `running` with a sweeper, on a database of the test's own."""

from collections.abc import AsyncIterator

import pytest

from tests.line import Line, line


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Line]:
    async with line(database_url) as opened:
        yield opened
