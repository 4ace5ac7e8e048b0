"""GET /live: what changes, told to a browser as it changes, as server-sent events; one stream serves all its tabs.

https://html.spec.whatwg.org/multipage/server-sent-events.html. It says what to read again, never what it is now.
"""

import asyncio
import time
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from importlib import metadata
from typing import cast
from uuid import uuid4

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from app.errors import Rejected, Transient
from app.services.views.feed import Change
from app.web.http.auth import Role
from app.web.running import admitted, running

MOST = 256  # streams of one process; each is a connection that stays
PING_EVERY = 15.0  # seconds; proxies cut what is silent for a minute, and pages take 40 s of silence for a loss
CHECK_EVERY = 1.0  # seconds, at whether changes can be heard
RETRY = 1000  # milliseconds, after which a browser connects again

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx would gather events otherwise


class Streams:
    """The streams of this process that are open; `stop` ends them, since a server waits for all answers to end."""

    def __init__(self, *, most: int = MOST, ping_every: float = PING_EVERY, look_every: float = CHECK_EVERY) -> None:
        self.ping_every = ping_every
        self.look_every = look_every
        self.instance = uuid4().hex[:12]
        self.stopping = asyncio.Event()
        self._most = most
        self._open = 0

    @property
    def open(self) -> int:
        """How many there are."""
        return self._open

    def check_room(self) -> None:
        """Transient when one more would be too many."""
        if self._open >= self._most:
            raise Transient(
                f"{self._open} pages follow what happens here already, which is as many as one process serves: "
                "close some, or reload now and then",
                retry_after=10,
            )

    @contextmanager
    def one(self) -> Iterator[None]:
        """Counts a stream while it is open."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def stop(self) -> None:
        """End every stream, now and from now on. For the event loop's thread."""
        self.stopping.set()


async def live(request: Request) -> Response:
    """200 with a stream that ends with the process, or when the caller may no longer read; 503 when there are many."""
    streams: Streams = request.app.state.streams
    streams.check_room()
    return _EventStream(_events(request, streams), headers=HEADERS, media_type="text/event-stream")


class _EventStream(StreamingResponse):
    """Closes its events at once when the browser leaves, wherever it was waiting."""

    async def stream_response(self, send: Send) -> None:
        """Send the events."""
        async with aclosing(cast(AsyncGenerator[bytes, None], self.body_iterator)):
            await super().stream_response(send)


async def _events(request: Request, streams: Streams) -> AsyncGenerator[bytes, None]:
    feed, clock = running(request).services.feed, time.monotonic
    hello = {"version": metadata.version("registrywatcher"), "instance": streams.instance}
    with streams.one():
        yield b"retry: %d\n" % RETRY + _event("hello", hello)
        async with feed.listen() as changes:
            problem, ping_at = "", clock() + streams.ping_every
            ended = asyncio.ensure_future(streams.stopping.wait())
            fetching = asyncio.ensure_future(anext(changes))
            try:
                while not ended.done():
                    await asyncio.wait((fetching, ended), timeout=streams.look_every, return_when=FIRST_COMPLETED)
                    if feed.problem and feed.problem != problem:
                        yield _event("outages", {"problem": feed.problem})
                    problem = feed.problem
                    if fetching.done():
                        yield _event("changed", _rendered(fetching.result()))
                        fetching = asyncio.ensure_future(anext(changes))
                    if clock() >= ping_at:
                        if not _may_still(request):
                            return
                        ping_at = clock() + streams.ping_every
                        yield _event("ping", {})  # not a comment: scripts do not see those
            except StopAsyncIteration:  # the process stops
                return
            finally:
                ended.cancel()
                fetching.cancel()


def _may_still(request: Request) -> bool:
    """Whether the caller's token or session is still good: a stream must not outlive what opened it."""
    try:
        admitted(request, Role.VIEWER)
    except Rejected:
        return False
    return True


def _rendered(change: Change) -> Mapping[str, object]:
    return {
        "watches": sorted(change.watches),
        "rollouts": sorted(change.rollouts),
        "situation": change.situation,
        "deliveries": change.deliveries,
        "everything": change.everything,
    }


def _event(kind: str, content: Mapping[str, object]) -> bytes:
    """One event. JSON has no line ends of its own, so nothing in a name can end it."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps(content))
