"""Sends push deliveries to the web processes of a cluster; it retries as CNCF Distribution does."""

import asyncio
import random
from collections.abc import Sequence
from functools import partial
from uuid import uuid4

import httpx

from app.simulators.registry.events import Event, EventOrigin, EventTarget
from app.simulators.registry.grammar import OCI_MANIFEST
from tests.cluster import SECRET, Cluster, until
from tests.servers.no_tls import NO_TLS
from tests.webhook_sender import Sender


def body(cluster: Cluster, name: str, tag: str, digest: str, *, at: float = 0.0) -> bytes:
    """The body of one push of `team/NAME:tag` at that Unix time; when it is sent twice it is the same event."""
    return Event(
        action="push",
        target=EventTarget(repository=f"team/{name}", media_type=OCI_MANIFEST, digest=digest, size=500, tag=tag),
        origin=EventOrigin(host=cluster.host),
        at=at,
        instance_id=str(uuid4()),
    ).envelope()


class DeliverySender(Sender):
    """Posts deliveries to any running web process; `statuses` and `seconds` are those of every answer, in order.

    `pushed` are the deliveries of `push`, oldest first.
    """

    def __init__(self, cluster: Cluster, *, seed: int = 1) -> None:
        self._cluster = cluster
        self._random = random.Random(seed)
        self.pushed: list[bytes] = []
        super().__init__(lambda: self._random.choice(cluster.webs), SECRET)

    async def push(self, name: str, tag: str, content: str) -> str:
        """Push to the registry and deliver the event to one web process. Returns the digest."""
        digest = self._cluster.registry.push(f"team/{name}", tag, content=content)
        self.pushed.append(body(self._cluster, name, tag, digest))
        await self.send(self.pushed[-1])
        return digest

    async def send_all(self, deliveries: Sequence[bytes], *, times: int, connections: int = 8) -> None:
        """Post each delivery `times` times, in random order, over that many connections."""
        waiting = [each for each in deliveries for _ in range(times)]
        self._random.shuffle(waiting)

        async def work() -> None:
            while waiting:
                await self.send(waiting.pop())

        await asyncio.gather(*(work() for _ in range(connections)))


async def answering(cluster: Cluster) -> None:
    """Wait until every web answers."""
    async with httpx.AsyncClient(verify=NO_TLS, trust_env=False) as client:

        async def answers(url: str) -> bool:
            try:
                return (await client.get(f"{url}/healthz")).status_code == 200
            except httpx.HTTPError:
                return False

        for url in cluster.webs:
            await until(partial(answers, url), f"{url} answers", within=90)
