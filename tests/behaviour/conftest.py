"""The line for one test: `running`, with a sweeper, on the test's own database."""

from collections.abc import AsyncIterator

import pytest

from tests.line import Line, line


@pytest.fixture
async def running(database_url: str) -> AsyncIterator[Line]:
    async with line(database_url) as opened:
        yield opened
