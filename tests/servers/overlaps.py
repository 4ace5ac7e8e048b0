"""An ASGI middleware that records whether requests for one repository ever ran at the same time."""

from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class Overlaps:
    """`most` is the largest number of requests at one time, for each repository of `/v2/{repository}/…`."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        repository = "/".join(scope.get("path", "").split("/")[2:4])
        self._now[repository] += 1
        self.most[repository] = max(self.most[repository], self._now[repository])
        try:
            await self._application(scope, receive, send)
        finally:
            self._now[repository] -= 1
