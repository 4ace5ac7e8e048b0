"""An empty logical database for each test on one server."""

import itertools
from urllib.parse import urlsplit, urlunsplit

import redis

LOGICAL_DATABASES = 16


class LogicalDatabases:
    """Provides one emptied logical database after the other, so a test's late writes do not reach the next test.

    `share` is (number, count): this is provider `number`, from 0, of `count` providers on the same server.
    """

    def __init__(self, server_url: str, *, share: tuple[int, int] = (0, 1)) -> None:
        number, count = share
        self._server_url = server_url
        self._numbers = itertools.cycle(range(1 + number, LOGICAL_DATABASES, count))

    def fresh(self) -> str:
        """The URL of an empty database."""
        url = urlunsplit(urlsplit(self._server_url)._replace(path=f"/{next(self._numbers)}"))
        with redis.Redis.from_url(url) as client:
            client.flushdb()
        return url
