"""A web process that is told to stop while it has not yet seen callers who have connected, or their requests."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.integration.web_access import Web, configuration, serving
from tests.processes import until

CALLERS = 200
STREAMS = 10

Caller = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.mark.parametrize("kept", [False, True], ids=["new connections", "kept connections"])
async def test_whoever_has_called_when_it_stops_is_answered(tmp_path: Path, kept: bool) -> None:
    async with serving(tmp_path, configuration("127.0.0.1")) as web:
        callers = [await _caller(web) for _ in range(CALLERS)] if kept else []
        stopped = web.process.popen
        stopped.send_signal(signal.SIGSTOP)
        try:
            callers = callers or [await asyncio.open_connection("127.0.0.1", web.port) for _ in range(CALLERS)]
            for caller in callers:
                await _ask(web, caller, "close")
            web.process.terminate()
        finally:
            stopped.send_signal(signal.SIGCONT)
        async with asyncio.timeout(60):
            answers = await asyncio.gather(*(_first_line(reader) for reader, _ in callers))
        for _, writer in callers:
            writer.close()
        assert answers == ["HTTP/1.1 200 OK"] * CALLERS
        await until(lambda: not web.process.running, web.processes.logs, within=60)
        assert stopped.returncode == 0
        assert await _is_closed(web)


async def test_whoever_asks_a_moment_after_it_connected_is_answered(tmp_path: Path) -> None:
    """The listening sockets are closed by then."""
    async with serving(tmp_path, configuration("127.0.0.1")) as web:
        caller = await asyncio.open_connection("127.0.0.1", web.port)
        web.process.terminate()
        await until(lambda: _is_closed(web), web.processes.logs, within=60)
        await _ask(web, caller, "close")
        async with asyncio.timeout(60):
            assert await _first_line(caller[0]) == "HTTP/1.1 200 OK"
        caller[1].close()


async def test_a_stream_that_ends_takes_no_other_request(tmp_path: Path) -> None:
    """A client that asks again at once uses another connection, and so another web."""
    async with serving(tmp_path, configuration("127.0.0.1")) as web:
        streams = [await asyncio.open_connection("127.0.0.1", web.port) for _ in range(STREAMS)]
        for stream in streams:
            await _ask(web, stream, "keep-alive", path="/live")
            assert await _first_line(stream[0]) == "HTTP/1.1 200 OK"
            await stream[0].readuntil(b"\r\n\r\n")
        web.process.terminate()
        async with asyncio.timeout(60):
            again = await asyncio.gather(*(_ask_after_the_end(web, stream) for stream in streams))
        assert [each for each in again if each.startswith("HTTP/")] == []


async def _ask_after_the_end(web: Web, stream: Caller) -> str:
    reader, writer = stream
    await reader.readuntil(b"0\r\n\r\n")
    try:
        await _ask(web, stream, "close")
        return await _first_line(reader)
    except ConnectionError as error:
        return repr(error)
    finally:
        writer.close()


async def _caller(web: Web) -> Caller:
    """A connection that has had an answer, and is kept open."""
    caller = await asyncio.open_connection("127.0.0.1", web.port)
    await _ask(web, caller, "keep-alive")
    await caller[0].readuntil(b'"pong"}')
    return caller


async def _ask(web: Web, caller: Caller, connection: str, *, path: str = "/ping/") -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: localhost:{web.port}\r\nConnection: {connection}\r\n\r\n"
    caller[1].write(head.encode())
    await caller[1].drain()


async def _first_line(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readline()).decode().strip()
    except ConnectionError as error:
        return repr(error)


async def _is_closed(web: Web) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", web.port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False
