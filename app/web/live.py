"""GET /live: what changed, to browsers, as it changes (Server-Sent Events, WHATWG HTML 9.2). What to read again.

hello    {"version"}   the stream is open
changed  {"watches": [names], "rollouts": [ids], "situation", "deliveries", "everything": booleans}
away     {"problem"}   Postgres cannot be listened to; what is shown may be old, until `changed` says everything
ping     {}            nothing happened; without one for 40 s the link is dead
"""

from collections.abc import AsyncIterator
from importlib.metadata import version

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.errors import Transient
from app.services.feed import Change, Feed, FeedClosed
from app.web.running import running

STREAMS = 500
"""Streams of one process. Each costs some kilobytes, and a file descriptor."""
PING = 15.0
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the latter: proxies must not hold it back


async def live(request: Request) -> Response:
    """200 with a stream that ends when the browser leaves or the process stops; 503 when there are too many."""
    feed = running(request).services.feed
    if feed.listeners >= STREAMS:
        raise Transient(f"{STREAMS} pages listen to this process already: close some, or run one more", retry_after=30)
    return StreamingResponse(_events(feed), headers=_HEADERS, media_type="text/event-stream")


async def _events(feed: Feed) -> AsyncIterator[bytes]:
    async with feed.listen() as listener:
        yield b"retry: 1000\n" + _event("hello", {"version": version("registrywatcher")})
        try:
            while True:
                yield _told(await listener.next(within=PING))
        except FeedClosed:
            return


def _told(change: Change | None) -> bytes:
    if change is None:
        return _event("ping", {})
    if change.away:
        return _event("away", {"problem": change.away})
    return _event(
        "changed",
        {
            "watches": sorted(change.watches),
            "rollouts": sorted(change.rollouts),
            "situation": change.situation,
            "deliveries": change.deliveries,
            "everything": change.everything,
        },
    )


def _event(name: str, data: object) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
