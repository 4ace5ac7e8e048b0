"""Given bytes that are no sound HTTP at the socket of the web process, it refuses or hangs up, and deliveries go on."""

import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress

import pytest
import uvicorn

from tests.hostile.site import BOSS, SECRET, Site
from tests.unit.webhooks.bodies import envelope, push

PATIENCE = 20
_LINES = ("POST /webhooks/main HTTP/1.1", "Host: localhost", f"Authorization: Bearer {SECRET}", "Connection: close")
_HEAD = "".join(f"{line}\r\n" for line in _LINES).encode()
_GOOD = envelope(push(event_id="wire good"))


def _delivery(*headers: bytes, body: bytes = b"") -> bytes:
    return _HEAD + b"".join(each + b"\r\n" for each in headers) + b"\r\n" + body


def _read(target: bytes, *headers: bytes) -> bytes:
    lines = [b"GET " + target + b" HTTP/1.1", b"Host: localhost", f"Authorization: Bearer {BOSS}".encode(), *headers]
    return b"\r\n".join(lines) + b"\r\nConnection: close\r\n\r\n"


# The bytes of a request, and the statuses that may answer them; 0 is a connection that ends without an answer.
RAW: Mapping[str, tuple[bytes, set[int]]] = {
    "nothing": (b"", {0}),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64, {0, 400}),
    "NULs": (b"\0" * 5000, {0, 400}),
    "no HTTP": (b"hello\r\n\r\n", {400}),
    "HTTP/0.9": (b"GET /\r\n\r\n", {0, 400, 401}),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {0, 400}),
    "HTTP/9.9": (b"GET /ping HTTP/9.9\r\nHost: a\r\nConnection: close\r\n\r\n", {0, 400, 505}),
    "an unknown method": (b"BREW /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", {400, 405}),
    "a proxy's request": (b"GET http://evil.example/ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    {200, 400, 404}),
    "CONNECT": (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", {400, 404, 405}),
    "bytes in the target": (_read(b"/repos/\xff"), {400}),
    "UTF-8 in the target": (_read("/repos/ä".encode()), {400}),
    "a NUL in the target": (_read(b"/repos/a\0b"), {400}),
    "a fragment in the target": (_read(b"/repos#x"), {200, 400, 404}),
    "a target of a megabyte": (_read(b"/repos/" + b"a" * 1_000_000), {0, 400, 404, 414, 431}),
    "a header without a colon": (_read(b"/repos", b"x"), {400}),
    "a header with a NUL": (_read(b"/repos", b"x: a\0b"), {400}),
    "a folded header": (_read(b"/repos", b"x: a\r\n b"), {200, 400}),
    "a space before the colon": (_read(b"/repos", b"x : y"), {400}),
    "a header of a megabyte": (_read(b"/repos", b"x: " + b"y" * 1_000_000), {0, 200, 400, 431}),
    "a hundred thousand headers": (_read(b"/repos", *([b"x: y"] * 100_000)), {0, 200, 400, 431}),
    "a bare line feed": (_read(b"/repos").replace(b"\r\n", b"\n"), {200, 400}),
    "a bare carriage return": (_read(b"/repos", b"x: y\rz: 1"), {200, 400}),
    "two lengths": (_delivery(b"Content-Length: 5", b"Content-Length: 6", body=b"{}   "), {400}),
    "a length and chunks": (_delivery(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    {202, 400}),
    "a negative length": (_delivery(b"Content-Length: -5"), {400}),
    "a length of text": (_delivery(b"Content-Length: five"), {400}),
    "a length of hundreds of digits": (_delivery(b"Content-Length: " + b"9" * 300), {202, 400}),
    "a length with a plus": (_delivery(b"Content-Length: +2", body=b"{}"), {400}),
    "an unknown coding": (_delivery(b"Transfer-Encoding: xchunked", body=b"{}"), {0, 400, 501}),
    "a chunk of no number": (_delivery(b"Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n0\r\n\r\n"), {400}),
    "a negative chunk": (_delivery(b"Transfer-Encoding: chunked", body=b"-2\r\n{}\r\n0\r\n\r\n"), {400}),
    "a chunk that overflows": (_delivery(b"Transfer-Encoding: chunked", body=b"f" * 17 + b"\r\n{}\r\n"), {400}),
    "a chunk that is longer than it says": (_delivery(b"Transfer-Encoding: chunked", body=b"1\r\n{}\r\n0\r\n\r\n"),
    {400}),
    "chunks that end in the middle": (_delivery(b"Transfer-Encoding: chunked", body=b"ff\r\n{"), {0, 400}),
    "a body that ends in the middle": (_delivery(b"Content-Length: 5000", body=_GOOD[:100]), {0, 400}),
    "a head that ends in the middle": (_HEAD, {0, 400}),
    "a smuggled request": (
        _delivery(b"Content-Length: 2", body=b"{}GET /repos HTTP/1.1\r\nHost: a\r\n\r\n"), {202},
    ),
    "trailers": (
        _delivery(b"Transfer-Encoding: chunked", b"Connection: close",
        body=b"2\r\n{}\r\n0\r\nAuthorization: x\r\n\r\n"),
        {202, 400},
    ),
    "an extension of a chunk": (
        _delivery(b"Transfer-Encoding: chunked", b"Connection: close",
        body=b"2;x=" + b"y" * 5000 + b"\r\n{}\r\n0\r\n\r\n"),
        {202, 400},
    ),
    "an upgrade": (_read(b"/repos", b"Upgrade: websocket", b"Sec-WebSocket-Version: 99"), {200, 400, 426}),
    "a secret in two lines": (_HEAD[:-2] + b"\r\n x\r\n\r\n", {0, 400, 401}),
}  # fmt: skip

CUT = {"nothing", "chunks that end in the middle", "a body that ends in the middle", "a head that ends in the middle"}


@pytest.fixture(scope="module")
def port(here: Site) -> Iterator[int]:
    """The port of a real server before the process, in its event loop."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            here.application,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
        server = uvicorn.Server(config)
        served = here.portal.start_task_soon(server.serve, [listening])
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            served.result(PATIENCE)


@pytest.mark.parametrize("name", RAW)
def test_raw_bytes_are_refused_and_deliveries_go_on(here: Site, port: int, name: str) -> None:
    content, statuses = RAW[name]
    before = here.state()
    answers = answers_to(port, content, cut=name in CUT)
    assert answers[0] in statuses, answers
    assert [each for each in answers if each >= 500] == []
    assert here.state() == before
    assert answers_to(port, _delivery(b"Content-Length: %d" % len(_GOOD), body=_GOOD)) == [202]
    assert here.is_live()


def test_a_smuggled_request_gets_no_rights_of_the_one_before(port: int) -> None:
    answers = answers_to(port, RAW["a smuggled request"][0])
    assert answers in ([202], [202, 401])


def answers_to(port: int, content: bytes, *, cut: bool = False) -> list[int]:
    """The statuses of all answers to the bytes until the server closes; [0] if there is none. The sender of a request
    that is `cut` hangs up."""
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection, suppress(ConnectionError):
        connection.sendall(content)
        if cut:
            connection.shutdown(socket.SHUT_WR)
        while piece := connection.recv(65_536):
            received += piece
    found = re.findall(rb"HTTP/1\.1 (\d{3}) ", bytes(received))
    return [int(each) for each in found] or [0]
