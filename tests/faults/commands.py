"""Posts a person's commands to the web processes of a cluster, again and again while one of them is down."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from typing import Any, Self

import httpx

from tests.cluster import Cluster
from tests.servers.no_tls import NO_TLS

_MOST = 300
_PAUSE = 0.1


class Person:
    """Posts to any running web; `answers` counts every status, 0 for none. No answer may be another than 200 or 503."""

    def __init__(self, cluster: Cluster, *, seed: int = 1) -> None:
        self._cluster = cluster
        self._random = random.Random(seed)
        self._client = httpx.AsyncClient(verify=NO_TLS, timeout=10, trust_env=False)
        self.answers: Counter[int] = Counter()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        await self._client.aclose()
        if kind is None:
            assert set(self.answers) <= {0, 200, 503}, self.answers

    async def post(self, path: str, body: dict[str, Any]) -> None:
        """Post until it is accepted."""
        for _ in range(_MOST):
            status = 0
            with suppress(httpx.HTTPError):
                status = (
                    await self._client.post(f"{self._random.choice(self._cluster.webs)}{path}", json=body)
                ).status_code
            self.answers[status] += 1
            if status == 200:
                return
            await asyncio.sleep(_PAUSE)
        raise AssertionError(f"POST {path} was not accepted: {self.answers}")

    async def switch(self, name: str, *, on: bool) -> None:
        """Switch auto deploy of a watch."""
        await self.post(f"/tags/{name}", {"auto_deploy": on})
