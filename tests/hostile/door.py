"""Calls an ASGI application with the very bytes of a request, as uvicorn passes them on. Must not judge an answer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

import orjson
from starlette.types import ASGIApp, Message

PATIENCE = 60.0  # seconds; an answer that takes longer on any machine is none
_STREAM = b"text/event-stream"

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request. `target` is its path and query as they stand in the request line; names of headers are in lower case.

    `body` may come in several chunks. A request that is `cut` ends by a disconnection after its last chunk.
    """

    method: str = "POST"
    target: bytes
    headers: Headers = ()
    body: bytes | Sequence[bytes] = b""
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer: its status, its headers with names in lower case, and its body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> dict[str, object]:
        """The body as a JSON object."""
        found = orjson.loads(self.body)
        assert isinstance(found, dict), found
        return found


async def call(application: ASGIApp, request: Request) -> Answer:
    """The application's answer; a stream of events is read up to its first event. Raises what the application raises
    instead of an answer."""
    path, _, query = request.target.partition(b"?")
    chunks = [request.body] if isinstance(request.body, bytes) else list(request.body)
    messages: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": request.cut or number < len(chunks)}
        for number, chunk in enumerate(chunks, start=1)
    ]
    answered = asyncio.Event()
    started: list[Message] = []
    parts: list[bytes] = []

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        if not request.cut:
            await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
            return
        parts.append(message.get("body", b""))
        is_stream = any(value.startswith(_STREAM) for name, value in started[0]["headers"] if name == b"content-type")
        if is_stream or not message.get("more_body"):
            answered.set()

    text = path.decode("ascii")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "server": ("127.0.0.1", 8080),
        "client": ("127.0.0.1", 50_000),
        "root_path": "",
        "path": unquote(text) if "%" in text else text,
        "raw_path": path,
        "query_string": query,
        "headers": list(request.headers),
    }
    async with asyncio.timeout(PATIENCE):
        await application(scope, receive, send)
    if not started:
        return Answer(status=0)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in started[0]["headers"]}
    return Answer(status=started[0]["status"], headers=headers, body=b"".join(parts))
