"""Tell the webs of pushes as CNCF Distribution does, and retry as stubbornly as it does when they cannot take it."""

import asyncio
import random
from collections.abc import Sequence
from uuid import uuid4

import httpx

from app.local.registry.events import CONTENT_TYPE, Event, Origin, Target
from app.local.registry.grammar import OCI_MANIFEST
from tests.cluster import SECRET, Cluster, until

_AGAIN = 0.2


def body(cluster: Cluster, name: str, tag: str, digest: str) -> bytes:
    """The body of one push of `team/NAME:tag`; sent twice it is the same event."""
    return Event(
        action="push",
        target=Target(repository=f"team/{name}", media_type=OCI_MANIFEST, digest=digest, size=500, tag=tag),
        origin=Origin(host=cluster.host),
        at=0.0,
        instance_id=str(uuid4()),
    ).envelope()


class Teller:
    """Posts deliveries to the webs that run; `statuses` and `seconds` are those of every answer, in order."""

    def __init__(self, cluster: Cluster, *, seed: int = 1) -> None:
        self._cluster = cluster
        self._random = random.Random(seed)
        self._client = httpx.AsyncClient(
            timeout=10, trust_env=False, headers={"Authorization": f"Bearer {SECRET}", "Content-Type": CONTENT_TYPE}
        )
        self.statuses: list[int] = []
        self.seconds: list[float] = []

    async def __aenter__(self) -> "Teller":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def push(self, name: str, tag: str, content: str) -> str:
        """Push to the registry and tell one web of it. Returns the digest."""
        digest = self._cluster.registry.push(f"team/{name}", tag, content=content)
        await self.tell(body(self._cluster, name, tag, digest))
        return digest

    async def tell(self, delivery: bytes) -> None:
        """Post until it is taken, as the registry would."""
        status = 0
        while status != 202:
            status = await self.post(delivery)
            await asyncio.sleep(0 if status == 202 else _AGAIN)

    async def post(self, delivery: bytes) -> int:
        """Post once, to any of the webs; its status, 599 when it did not answer."""
        url = self._random.choice(self._cluster.webs)
        start = asyncio.get_running_loop().time()
        try:
            answer = await self._client.post(f"{url}/webhooks/distribution", content=delivery)
            status = answer.status_code
        except httpx.HTTPError:
            status = 599
        self.statuses.append(status)
        self.seconds.append(asyncio.get_running_loop().time() - start)
        return status

    async def tell_all(self, deliveries: Sequence[bytes], *, times: int, at_once: int = 8) -> None:
        """Post each `times` times, in no order, over so many connections."""
        waiting = [each for each in deliveries for _ in range(times)]
        self._random.shuffle(waiting)

        async def work() -> None:
            while waiting:
                await self.tell(waiting.pop())

        await asyncio.gather(*(work() for _ in range(at_once)))


async def answering(cluster: Cluster) -> None:
    """Wait until every web answers."""
    async with httpx.AsyncClient(trust_env=False) as client:

        async def answers(url: str) -> bool:
            try:
                return (await client.get(f"{url}/healthz")).status_code == 200
            except httpx.HTTPError:
                return False

        for url in cluster.webs:
            await until(lambda url=url: answers(url), f"{url} answers", within=30)
