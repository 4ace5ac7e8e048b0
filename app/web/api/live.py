"""GET /live: changes as server-sent events. One stream serves all tabs of a browser.

https://html.spec.whatwg.org/multipage/server-sent-events.html. An event names what to read again, never its new value.
Pages trust the stream, so it speaks for the store as well as for the connection: a ping means that Postgres answers.
"""

import asyncio
import time
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Set
from contextlib import aclosing, contextmanager
from importlib import metadata
from typing import cast
from uuid import uuid4

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from app.errors import Rejected, Transient
from app.services.views.feed import Change, Feed
from app.web.http.auth import Role
from app.web.process import OWN_LOOPS, WebProcess, admitted, own_outages, process_of

MAX_STREAMS = 256  # streams of one process; each keeps a connection open
PING_EVERY = 1.0  # seconds; pages call 4 silent seconds a loss
ADMIT_EVERY = 15.0  # seconds between checks whether the caller may still read
CHECK_EVERY = 0.25  # seconds between checks whether changes still arrive, and which outages this process finds
RETRY = 1000  # milliseconds until a browser connects again

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx would buffer events otherwise


class Streams:
    """The open streams of this process; `stop` ends them, since a server waits for all responses to end."""

    def __init__(
        self,
        *,
        limit: int = MAX_STREAMS,
        ping_every: float = PING_EVERY,
        admit_every: float = ADMIT_EVERY,
        check_every: float = CHECK_EVERY,
    ) -> None:
        self.ping_every = ping_every
        self.admit_every = admit_every
        self.check_every = check_every
        self.instance = uuid4().hex[:12]
        self.stopping = asyncio.Event()
        self._limit = limit
        self._open = 0

    @property
    def open(self) -> int:
        """The number of open streams."""
        return self._open

    def check_room(self) -> None:
        """Raise Transient when the limit is reached."""
        if self._open >= self._limit:
            raise Transient(
                f"too many live pages: this process serves {self._limit} at most: "
                "close some, or reload the page for news",
                retry_after=10,
            )

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a stream while it is open."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def stop(self) -> None:
        """End all streams, also those opened later. Call it in the event loop's thread."""
        self.stopping.set()


async def live(request: Request) -> Response:
    """200 with a stream that ends with the process, or when the caller may no longer read; 503 at the limit."""
    streams: Streams = request.app.state.streams
    streams.check_room()
    return _EventStream(_events(request, streams), headers=HEADERS, media_type="text/event-stream")


class _EventStream(StreamingResponse):
    """Closes its events at once when the browser disconnects, also in the middle of a wait."""

    async def stream_response(self, send: Send) -> None:
        """Send the events."""
        async with aclosing(cast(AsyncGenerator[bytes, None], self.body_iterator)):
            await super().stream_response(send)


async def _events(request: Request, streams: Streams) -> AsyncGenerator[bytes, None]:
    process, clock = process_of(request), time.monotonic
    feed = process.services.feed
    hello = {"version": metadata.version("registrywatcher"), "instance": streams.instance}
    with streams.counted():
        yield b"retry: %d\n" % RETRY + _event("hello", hello)
        async with feed.listen() as changes:
            watched = _Watched(process, feed, clock)
            ping_at, admit_at = clock() + streams.ping_every, clock() + streams.admit_every
            ended = asyncio.ensure_future(streams.stopping.wait())
            fetching = asyncio.ensure_future(anext(changes))
            try:
                while not ended.done():
                    await asyncio.wait((fetching, ended), timeout=streams.check_every, return_when=FIRST_COMPLETED)
                    for event in watched.news():
                        yield event
                    if fetching.done():
                        yield _event("changed", _rendered(fetching.result()))
                        fetching = asyncio.ensure_future(anext(changes))
                    if clock() >= admit_at:
                        if not _is_admitted(request):
                            return
                        admit_at = clock() + streams.admit_every
                    if clock() >= ping_at:
                        ping_at = clock() + streams.ping_every
                        yield _event("ping", {})  # an event, since scripts do not see comments
            except StopAsyncIteration:  # the process stops
                return
            finally:
                ended.cancel()
                fetching.cancel()


class _Watched:
    """What one stream said last of the store and of the outages that this process finds by itself: no row of the store
    changes with these."""

    def __init__(self, process: WebProcess, feed: Feed, clock: Callable[[], float]) -> None:
        self._process = process
        self._feed = feed
        self._clock = clock
        self._problem = ""
        self._current_at = clock()
        self._outages = self._found()

    def news(self) -> Iterator[bytes]:
        """The events that are due."""
        problem, found = self._process.store_problem or self._feed.problem, self._found()
        if problem and not self._problem:
            silent_for = max(self._process.store_silent_for, self._clock() - self._current_at)
            yield _event("outage", {"problem": problem, "seconds": round(silent_for, 1)})
        elif self._problem and not problem:
            yield _event("changed", _rendered(Change(everything=True)))
        elif found != self._outages:
            yield _event("changed", _rendered(Change(situation=True)))
        if not problem:
            self._current_at = self._clock()
        self._problem, self._outages = problem, found

    def _found(self) -> Set[object]:
        """The outages without the seconds in the sentence about our own loops."""
        own = {(each.name, each.problem if each.name != OWN_LOOPS else "") for each in own_outages(self._process)}
        return own | self._process.stored_outages | self._process.explaining


def _is_admitted(request: Request) -> bool:
    """Whether the caller's token or session is still valid: a stream must not outlive it."""
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
    """One event. JSON contains no line ends, so no name can end the event."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps(content))
