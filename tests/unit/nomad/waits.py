"""A simulator behind a counter of requests, a server with scripted answers, and helpers for waits."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.domain.deployment import Snapshot, WaitIndex
from app.domain.job import Submission
from app.domain.watch import JobPlace
from app.simulators.nomad import Simulator, Timing, sample_job

Message = MutableMapping[str, Any]
MANY = 100
NEVER = Timing(start=3600, healthy=3600)
PLACE = JobPlace(region="", namespace="default", job_id="web")


@dataclass(slots=True, kw_only=True, eq=False)
class Watched:
    """In front of an ASGI application: counts requests, and how many are open at the same time.

    A request counts as closed before its last bytes are sent, since a client may send the next one after them.
    """

    application: Callable[..., Coroutine[Any, Any, None]]
    requests: list[str] = field(default_factory=list)
    most: int = 0
    _open: set[object] = field(default_factory=set)

    @property
    def now(self) -> int:
        """The number of open requests."""
        return len(self._open)

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.application(scope, receive, send)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self._open.discard(request)
            await send(message)

        request = object()
        self.requests.append(scope["path"])
        self._open.add(request)
        self.most = max(self.most, self.now)
        body = await receive()
        answered = asyncio.create_task(self.application(scope, _replay(body, receive), sent))
        left = asyncio.create_task(receive())
        try:
            await asyncio.wait((answered, left), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(request)
            for task in (answered, left):
                task.cancel()
            await asyncio.gather(answered, left, return_exceptions=True)


def _replay(first: Message, receive: Any) -> Any:
    messages = [first]

    async def replayed() -> Message:
        return messages.pop() if messages else await receive()

    return replayed


@dataclass(slots=True, kw_only=True, eq=False)
class Scripted:
    """Answers every request at once with the same body and index."""

    body: bytes = b"[]"
    index: int = 7
    status: int = 200
    received: list[dict[str, str]] = field(default_factory=list)

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.received.append({name.decode(): value.decode() for name, value in scope["headers"]})
        headers = [(b"x-nomad-index", str(self.index).encode()), (b"content-length", str(len(self.body)).encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


@dataclass(slots=True, kw_only=True, eq=False)
class Agent:
    """The simulator behind a counter."""

    nomad: Simulator
    watched: Watched
    url: str

    def registered(self, job_id: str, **fields: Any) -> Submission:
        reply = self.nomad.seed(sample_job(job_id, "reg.example/app:1", **fields))
        return Submission(index=reply["JobModifyIndex"], evaluation_id=reply["EvalID"])


@asynccontextmanager
async def opened(url: str, **fields: Any) -> AsyncIterator[NomadDeployer]:
    deployer = NomadDeployer(NomadConnection(address=url, **fields))
    try:
        yield deployer
    finally:
        await deployer.aclose()


def place(job_id: str) -> JobPlace:
    return JobPlace(region="", namespace="default", job_id=job_id)


def wait_index_of(snapshot: Snapshot) -> WaitIndex:
    assert snapshot.wait_index is not None
    return snapshot.wait_index


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - another thread's state
            await asyncio.sleep(0.01)


def waiting(deployer: NomadDeployer, job_id: str, wait_index: WaitIndex, within: float = 60) -> asyncio.Task[None]:
    return asyncio.create_task(deployer.wait_for_change(place(job_id), wait_index, within=within))
