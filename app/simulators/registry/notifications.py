"""Sends events to one endpoint as Distribution does: one event per request, one after the other, each on a new
connection. The head of the queue is retried for ever. The queue is in memory.

A status below 400 is a success. https://distribution.github.io/distribution/about/notifications/#responding
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

import httpx

from .events import CONTENT_TYPE, Event
from .settings import RegistryNotifications


class Sender:
    """The queue and the worker of one endpoint. `offer` may be called from any thread; `run` runs in one event loop."""

    def __init__(self, endpoint: RegistryNotifications) -> None:
        self.endpoint = endpoint
        self.delivered = 0
        self.failures = 0
        self._queue: deque[bytes] = deque()
        self._wake: Callable[[], object] | None = None

    @property
    def pending(self) -> int:
        return len(self._queue)

    def offer(self, event: Event) -> None:
        ignored = event.action in self.endpoint.ignore_actions
        if ignored or (event.target.media_type and event.target.media_type in self.endpoint.ignore_media_types):
            return
        self._queue.append(event.envelope())
        if self._wake is not None:
            self._wake()

    async def run(self) -> None:
        """Deliver until cancelled. A later call, also in another event loop, continues with the same queue."""
        filled = asyncio.Event()
        self._wake = partial(asyncio.get_running_loop().call_soon_threadsafe, filled.set)
        try:
            await self._work(filled)
        finally:
            self._wake = None

    async def _work(self, filled: asyncio.Event) -> None:
        no_reuse = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            limits=no_reuse, timeout=self.endpoint.timeout, follow_redirects=True, trust_env=False
        ) as client:
            while True:
                filled.clear()
                while self._queue:
                    await self._deliver(client, self._queue[0])
                    self._queue.popleft()
                    self.delivered += 1
                await filled.wait()

    async def _deliver(self, client: httpx.AsyncClient, body: bytes) -> None:
        failures = 0
        while not await self._post(client, body):
            failures += 1
            self.failures += 1
            if failures >= self.endpoint.threshold:
                await asyncio.sleep(self.endpoint.backoff)

    async def _post(self, client: httpx.AsyncClient, body: bytes) -> bool:
        headers = {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}
        try:
            answer = await client.post(
                self.endpoint.url,
                content=body,
                headers={**headers, **self.endpoint.headers, "Content-Type": CONTENT_TYPE},
            )
        except httpx.HTTPError:
            return False
        return answer.status_code < 400
