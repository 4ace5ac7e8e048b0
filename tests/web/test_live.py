"""GET /live: changes reach the browser at once, an idle stream differs from a lost one, and each stream ends.

The tests call the application as a server does, since a stream does not end by itself.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.types import Message

from app.services.views.feed import Change
from app.web.api.live import Streams
from app.web.http.auth import Access, Role
from tests.processes import until
from tests.web.process import MemoryProcess, token

EVERYTHING = Change(everything=True)


@dataclass
class Browser:
    """One request, its answer as it comes, and a connection that can be cut."""

    start: Message = field(default_factory=dict)
    chunks: "asyncio.Queue[bytes]" = field(default_factory=asyncio.Queue)
    ended: bool = False
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode().lower(): value.decode() for name, value in self.start["headers"]}

    async def receive(self) -> Message:
        await self.disconnected.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            return
        if message.get("body"):
            self.chunks.put_nowait(message["body"])
        self.ended = not message.get("more_body")

    async def event(self) -> tuple[str, Any]:
        """The next event: each comes by itself, as soon as it is there."""
        async with asyncio.timeout(30):
            chunk = (await self.chunks.get()).decode()
        lines = [line for line in chunk.rstrip("\n").split("\n") if not line.startswith("retry: ")]
        kind, data = lines
        return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))


@asynccontextmanager
async def serving(process: MemoryProcess, **streams: Any) -> AsyncIterator[Starlette]:
    application = process.application()
    application.state.streams = Streams(**{"check_every": 0.02, **streams})
    async with application.router.lifespan_context(application):
        yield application


@asynccontextmanager
async def opened(application: Starlette, **headers: str) -> AsyncIterator[Browser]:
    browser = Browser()
    sent = {"host": "localhost:8080", "accept": "text/event-stream", "accept-encoding": "gzip", **headers}
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": "/live", "raw_path": b"/live", "query_string": b"", "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080), "state": {},
    }  # fmt: skip
    request = asyncio.create_task(application(scope, browser.receive, browser.send))
    try:
        await until(lambda: browser.start, "there is no answer", within=30)
        yield browser
    finally:
        browser.disconnected.set()
        async with asyncio.timeout(30):
            await request


async def test_a_change_is_sent_as_it_happens() -> None:
    process = MemoryProcess()
    async with serving(process) as application, opened(application) as browser:
        assert browser.start["status"] == 200
        assert browser.headers["content-type"].startswith("text/event-stream")
        assert browser.headers["cache-control"] == "no-store"
        assert browser.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in browser.headers
        assert "default-src 'none'" in browser.headers["content-security-policy"]
        kind, hello = await browser.event()
        assert (kind, set(hello)) == ("hello", {"version", "instance"})
        assert (await browser.event())[1]["everything"] is True
        process.feed.put(Change(watches=frozenset({"b", 'a\n\n"'}), rollouts=frozenset({"7"})))
        assert await browser.event() == (
            "changed",
            {
                "watches": ['a\n\n"', "b"],
                "rollouts": ["7"],
                "situation": False,
                "deliveries": False,
                "everything": False,
            },
        )
        process.feed.put(EVERYTHING)
        assert (await browser.event())[1]["everything"] is True


async def test_every_browser_gets_changes_and_a_closed_stream_is_removed() -> None:
    process = MemoryProcess()
    async with serving(process) as application:
        async with opened(application) as one:
            async with opened(application):
                await until(lambda: len(process.feed.mailboxes) == 2, "no stream listens", within=30)
                assert application.state.streams.open == 2
            assert len(process.feed.mailboxes) == application.state.streams.open == 1
            process.feed.mailboxes[0].put(EVERYTHING)
            await one.event()
            assert (await one.event())[0] == "changed"
        assert process.feed.mailboxes == []
        assert application.state.streams.open == 0


async def test_a_feed_that_receives_nothing_is_sent_with_its_problem() -> None:
    process = MemoryProcess()
    process.feed.problem = "Postgres cannot be used now"
    async with serving(process) as application, opened(application) as browser:
        assert (await browser.event())[0] == "hello"
        assert (await _next(browser, "outage"))["problem"] == "Postgres cannot be used now"
        process.feed.problem = ""
        process.feed.mailboxes[0].put(EVERYTHING)
        assert (await _next(browser, "changed"))["everything"] is True
        process.feed.problem = "again"
        assert (await _next(browser, "outage"))["problem"] == "again"


async def test_a_store_that_does_not_answer_is_sent_though_the_feed_is_quiet() -> None:
    """A connection that stands proves nothing: a frozen Postgres keeps it open."""
    process = MemoryProcess()
    async with serving(process, ping_every=0.05) as application, opened(application) as browser:
        assert await _next(browser, "ping") == {}
        process.store_problem, process.store_silent_for = "Postgres does not answer: it is frozen", 3.25
        assert await _next(browser, "outage") == {"problem": "Postgres does not answer: it is frozen", "seconds": 3.2}
        assert await _next(browser, "ping") == {}
        process.store_problem = ""
        assert (await _next(browser, "changed"))["everything"] is True


async def test_an_outage_that_the_process_itself_finds_is_a_change_of_the_situation() -> None:
    process = MemoryProcess()
    async with serving(process) as application, opened(application) as browser:
        assert (await _next(browser, "changed"))["everything"] is True
        for part in ("problem", "redis_problem", "stalled"):
            setattr(process, part, "for 1 s")
            assert (await _next(browser, "changed"))["situation"] is True, part
            setattr(process, part, "")
            assert (await _next(browser, "changed"))["situation"] is True, part
        process.stored_outages = frozenset({"worker"})
        assert (await _next(browser, "changed"))["situation"] is True


async def test_the_growing_time_of_a_stalled_loop_is_no_change() -> None:
    process = MemoryProcess()
    async with serving(process, ping_every=0.05) as application, opened(application) as browser:
        process.stalled = "stalled for 7 s"
        while not (await _next(browser, "changed"))["everything"]:
            pass  # what an earlier pass has found, on a busy machine
        assert (await _next(browser, "changed"))["situation"] is True
        process.stalled = "stalled for 8 s"
        assert [(await browser.event())[0] for _ in range(4)] == ["ping"] * 4


async def test_an_idle_stream_sends_pings() -> None:
    async with serving(MemoryProcess(), ping_every=0.05) as application, opened(application) as browser:
        assert [(await browser.event())[0] for _ in range(4)] == ["hello", "changed", "ping", "ping"]


async def test_a_stream_ends_when_its_token_becomes_invalid() -> None:
    process = MemoryProcess(access=Access(tokens=(token("wall", Role.VIEWER, "secret"),)))
    async with (
        serving(process, ping_every=0.05, admit_every=0.05) as application,
        opened(application, authorization="Bearer secret") as browser,
    ):
        assert [(await browser.event())[0] for _ in range(3)] == ["hello", "changed", "ping"]
        process.access = Access(tokens=(token("wall", Role.VIEWER, "rotated"),))
        await until(lambda: browser.ended, "the stream continues", within=30)


async def test_a_stream_ends_with_the_process_and_with_the_feed() -> None:
    process = MemoryProcess()
    async with serving(process) as application:
        async with opened(application) as browser, opened(application) as other:
            await until(lambda: len(process.feed.mailboxes) == 2, "no stream listens", within=30)
            process.feed.mailboxes[0].close()
            await until(lambda: browser.ended or other.ended, "the stream outlives the feed", within=30)
            application.state.streams.stop()
            await until(lambda: browser.ended and other.ended, "the stream outlives the process", within=30)
        async with opened(application) as late:
            await until(lambda: late.ended, "a stream is opened while the process stops", within=30)


async def test_the_number_of_streams_is_limited() -> None:
    async with serving(MemoryProcess(), limit=1) as application, opened(application) as one:
        assert (await one.event())[0] == "hello"
        async with opened(application) as other:
            assert other.start["status"] == 503
            assert int(other.headers["retry-after"]) == 10
            assert "close some" in (await other.chunks.get()).decode()


async def test_a_stream_needs_the_same_credentials_as_a_page() -> None:
    locked = MemoryProcess(access=Access(tokens=(token("wall", Role.VIEWER, "secret"),)))
    async with serving(locked) as application, opened(application) as browser:
        assert browser.start["status"] == 401
    async with serving(MemoryProcess()) as application, opened(application, host="evil.example") as browser:
        assert browser.start["status"] == 403


async def _next(browser: Browser, kind: str) -> Any:
    """The content of the next event of this kind."""
    while True:
        found, content = await browser.event()
        if found == kind:
            return content
