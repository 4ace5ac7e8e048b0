"""Post pushes to our webhook as CNCF Distribution does: each delivery is posted until it is accepted.

Every answer is recorded, because retries hide earlier errors: no answer may be one that senders were not promised. Not
for tests that check one answer.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Self

import httpx

from app.simulators.registry.events import CONTENT_TYPE
from tests.servers.no_tls import NO_TLS

NO_ANSWER = 0
TAKEN = 202
PAUSE = 0.2
_MOST = 600


class Sender:
    """Posts to the web process at `url()`, which is called for each post; `statuses` and `seconds` are those of every
    post.

    On exit without an error, it fails when an answer was none that senders are promised.
    """

    def __init__(self, url: Callable[[], str], secret: str) -> None:
        self._url = url
        self._client = httpx.AsyncClient(
            verify=NO_TLS,
            timeout=10,
            trust_env=False,
            headers={"Authorization": f"Bearer {secret}", "Content-Type": CONTENT_TYPE},
            limits=httpx.Limits(max_keepalive_connections=0),  # each on a new connection, as Distribution does
        )
        self.statuses: list[int] = []
        self.unanswered: list[Exception] = []
        self.asked = ""
        """Which web has a post that it has not answered yet; "" without one. For one post at a time."""
        self.seconds: list[float] = []
        self.broken: list[str] = []
        """Answers that are neither 202 nor 503 with Retry-After, in words."""

    @property
    def answers(self) -> Counter[int]:
        """How often each status was the answer; NO_ANSWER counts posts without one."""
        return Counter(self.statuses)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        await self._client.aclose()
        if kind is None:
            assert self.broken == [], self.answers

    async def send(self, delivery: bytes) -> httpx.Response:
        """Post until it is accepted; returns the accepting answer."""
        for _ in range(_MOST):
            answer = await self.post(delivery)
            if answer is not None and answer.status_code == TAKEN:
                return answer
            await asyncio.sleep(PAUSE)
        raise AssertionError(f"not taken by {_MOST} posts: {self.answers}, {self.broken[:3]}")

    async def post(self, delivery: bytes) -> httpx.Response | None:
        """Post one time; None when there was no answer."""
        start = asyncio.get_running_loop().time()
        answer: httpx.Response | None = None
        self.asked = self._url()
        try:
            answer = await self._client.post(f"{self.asked}/webhooks/distribution", content=delivery)
        except httpx.HTTPError as error:
            self.unanswered.append(error)
        finally:
            self.asked = ""
        self.seconds.append(asyncio.get_running_loop().time() - start)
        self.statuses.append(NO_ANSWER if answer is None else answer.status_code)
        if answer is not None and not _is_promised(answer):
            self.broken.append(f"{answer.status_code} {answer.text[:200]}")
        return answer


def _is_promised(answer: httpx.Response) -> bool:
    return answer.status_code == TAKEN or (answer.status_code == 503 and answer.headers.get("Retry-After", "") != "")
