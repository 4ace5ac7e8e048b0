"""An empty logical database for each test on one server."""

import itertools
from urllib.parse import urlsplit, urlunsplit

import redis

LOGICAL_DATABASES = 16


class LogicalDatabases:
    """Hands out one logical database after the other, emptied; a test's late writes do not meet the next test."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._numbers = itertools.cycle(range(1, LOGICAL_DATABASES))

    def fresh(self) -> str:
        """The URL of an empty one."""
        url = urlunsplit(urlsplit(self._server_url)._replace(path=f"/{next(self._numbers)}"))
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url
