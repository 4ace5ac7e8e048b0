"""A load of notifications over kept-alive connections: each connection waits for its answer before the next request."""

import asyncio
import itertools
import time
from dataclasses import dataclass, field

from tests.bench.ingest_servers import SECRET
from tests.unit.webhooks.bodies import V1, envelope, push

REPOSITORIES = 50
_IDENTITY = b"0" * 36  # stands for the id of each event, of the same length
_HEAD = "POST /webhooks/main HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\nContent-Type: {}\r\n"


@dataclass(slots=True)
class Slice:
    """One stretch of load: the number of acknowledgements, the seconds, and the latency of each."""

    seconds: float = 0.0
    acknowledged: int = 0
    actionable: int = 0
    refused: int = 0
    waits: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.acknowledged / self.seconds


class Requests:
    """Endless distinct requests; one of `every` is a pushed tag, the others are blobs, as a registry sends them."""

    def __init__(self, *, every: int, prefix: str) -> None:
        self._numbers = itertools.count()
        self._every = every
        self._prefix = prefix
        head = _HEAD.format(SECRET, V1)
        self._tagged = [_template(head, f"team/{n}", blob=False) for n in range(REPOSITORIES)]
        self._blobs = [_template(head, f"team/{n}", blob=True) for n in range(REPOSITORIES)]

    def next(self) -> tuple[bytes, bool]:
        """A request, and whether it contains an event to act on."""
        number = next(self._numbers)
        actionable = number % self._every == 0
        template = (self._tagged if actionable else self._blobs)[number % REPOSITORIES]
        return template.replace(_IDENTITY, f"{self._prefix}{number:032}".encode()), actionable


async def run(port: int, requests: Requests, *, connections: int, seconds: float) -> Slice:
    """Load the server for `seconds`; every request that was begun is awaited, so that rows can be audited."""
    result = Slice()
    started = time.perf_counter()
    until = started + seconds
    await asyncio.gather(*(_connection(port, requests, until, result) for _ in range(connections)))
    result.seconds = time.perf_counter() - started
    return result


async def _connection(port: int, requests: Requests, until: float, result: Slice) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (begun := time.perf_counter()) < until:
        request, actionable = requests.next()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        if head.startswith(b"HTTP/1.1 202"):
            result.acknowledged += 1
            result.actionable += actionable
            result.waits.append(time.perf_counter() - begun)
        else:
            result.refused += 1
    writer.close()
    await writer.wait_closed()


def _template(head: str, path: str, *, blob: bool) -> bytes:
    if blob:
        event = push(repository=path, tag="", mediaType="application/octet-stream", event_id="?")
    else:
        event = push(repository=path, event_id="?")
    body = envelope(event).replace(b'"?"', b'"' + _IDENTITY + b'"')
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
