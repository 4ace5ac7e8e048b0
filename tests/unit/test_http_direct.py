"""The direct transport against servers that say exactly what a test wants."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.http import open_client, trusted_authorities
from app.http_direct import DirectTransport
from tests.servers.http import serve
from tests.servers.tls import Certificate

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Plays `play` on every connection, and counts them."""

    def __init__(self, play: Play) -> None:
        self.connections = 0
        self.heads: list[bytes] = []
        self.url = ""
        self._play = play

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._play(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client hung up, as some tests want
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Server"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self


def saying(*answers: bytes, hang_up: bool = False) -> Server:
    """Each request gets the next answer; after the last the server hangs up, or waits."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            server.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
        if not hang_up:
            await reader.read()

    server = Server(play)
    return server


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The workers' event loop, and the web's."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=DirectTransport(trust=trusted_authorities(None)), timeout=5) as opened:
        yield opened


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK, b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", b""),
    ],
)
async def test_an_answer_is_read_and_the_connection_used_again(
    client: httpx.AsyncClient, answer: bytes, body: bytes
) -> None:
    async with saying(answer, OK).running() as server:
        assert (await client.get(server.url)).content == body
        assert (await client.get(server.url)).content == b"ok"
        assert server.connections == 1


async def test_a_head_has_no_body_whatever_it_announces(client: httpx.AsyncClient) -> None:
    announced = b"HTTP/1.1 200 OK\r\nContent-Length: 534\r\nDocker-Content-Digest: sha256:x\r\n\r\n"
    async with saying(announced, OK).running() as server:
        answer = await client.head(server.url)
        assert (answer.headers["docker-content-digest"], answer.content) == ("sha256:x", b"")
        assert (await client.get(server.url)).content == b"ok"
        assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_a_connection_that_ends_with_its_answer_is_not_used_again(
    client: httpx.AsyncClient, answer: bytes
) -> None:
    async with saying(answer, hang_up=True).running() as server:
        for _ in range(2):
            assert (await client.get(server.url)).content == b"ok"
        assert server.connections == 2


async def test_a_kept_connection_that_the_server_closed_is_replaced(client: httpx.AsyncClient) -> None:
    async with saying(OK, hang_up=True).running() as server:
        for _ in range(3):
            assert (await client.get(server.url)).content == b"ok"
        assert server.connections == 3


async def test_a_request_lost_on_a_kept_connection_is_sent_again(client: httpx.AsyncClient) -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")  # taken in, and never answered

    async with Server(play).running() as server:
        assert (await client.get(server.url)).content == b"ok"
        assert (await client.get(server.url)).content == b"ok"
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(server.url, content=b"only once")
        assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"SSH-2.0-OpenSSH_9.2\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, httpx.RemoteProtocolError),
        (OK + b"HTTP/1.1 200 OK\r\n", None),
    ],
)
async def test_a_broken_answer_is_an_error_at_once(
    client: httpx.AsyncClient, answer: bytes, error: type[Exception] | None
) -> None:
    async with saying(answer, hang_up=True).running() as server:
        if error is None:
            await client.get(server.url)
            assert (await client.get(server.url)).content == b"ok"
            assert server.connections == 2
            return
        with pytest.raises(error):
            await client.get(server.url)


async def test_a_body_is_taken_in_only_as_fast_as_it_is_read(client: httpx.AsyncClient) -> None:
    sent = 0
    hung_up = asyncio.Event()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
                sent += 65_536
        finally:
            hung_up.set()

    async with Server(play).running() as server:
        async with client.stream("GET", server.url) as answer:
            read = 0
            async for chunk in answer.aiter_bytes():
                read += len(chunk)
                if read > 2_000_000:
                    break
        await hung_up.wait()
        assert sent < 50_000_000


async def test_a_silent_server_is_left_in_time(client: httpx.AsyncClient) -> None:
    async with saying(b"").running() as server:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(server.url, timeout=0.05)
    async with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n").running() as server:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(server.url, timeout=0.05)


async def test_a_cancelled_request_closes_its_connection(client: httpx.AsyncClient) -> None:
    asked, hung_up = asyncio.Event(), asyncio.Event()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        try:
            await reader.read()
        finally:
            hung_up.set()

    async with Server(play).running() as server:
        asking = asyncio.create_task(client.get(server.url))
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await hung_up.wait()


async def test_a_posted_body_arrives_whole(client: httpx.AsyncClient) -> None:
    received = b""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        received = await reader.readuntil(b"\r\n\r\n")
        received += await reader.readexactly(6)
        writer.write(OK)
        await reader.read()

    async def parts() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"def"

    async with Server(play).running() as server:
        await client.post(server.url + "/a b?q=ü", content=parts())
    head, _, body = received.partition(b"\r\n\r\n")
    assert body == b"abcdef"
    assert head.startswith(b"POST /a%20b?q=%C3%BC HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"content-length: 6" in head.lower()
    assert b"chunked" not in head.lower()


async def test_a_header_does_not_break_out_of_its_line(client: httpx.AsyncClient) -> None:
    async with saying(OK).running() as server:
        with pytest.raises(httpx.LocalProtocolError):
            await client.get(server.url, headers={"X": "a\r\nY: b"})
        assert server.heads == []


@pytest.mark.parametrize(
    ("url", "error"),
    [("http://127.0.0.1:1/", httpx.ConnectError), ("ftp://127.0.0.1/", httpx.UnsupportedProtocol)],
)
async def test_what_cannot_be_connected_is_an_error_of_httpx(
    client: httpx.AsyncClient, url: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await client.get(url)


async def test_a_body_without_an_asynchronous_stream_is_refused(client: httpx.AsyncClient) -> None:
    with pytest.raises((httpx.LocalProtocolError, RuntimeError)):
        await client.post("http://127.0.0.1:1/", content=iter([b"x"]))


async def test_old_and_too_many_connections_are_closed() -> None:
    trust = trusted_authorities(None)
    for transport in (DirectTransport(trust=trust, idle_seconds=0), DirectTransport(trust=trust, most_idle=0)):
        async with httpx.AsyncClient(transport=transport) as client, saying(OK, OK).running() as server:
            for _ in range(2):
                assert (await client.get(server.url)).content == b"ok"
            assert server.connections == 2


async def test_tls_is_verified(certificate: Certificate) -> None:
    async def hello(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x" * 1_000_000})

    with serve(hello, certificate=certificate) as url:
        async with open_client(ca_file=str(certificate.ca_file)) as client:
            for _ in range(2):
                assert len((await client.get(url)).content) == 1_000_000
        async with open_client() as client:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.get(url)
