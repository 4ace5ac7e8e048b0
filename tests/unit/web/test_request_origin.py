"""How a request arrived: only server and kernel make a caller local; the document names every proxy header."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers

from app.bootstrap.listening import listening, open_sockets
from app.errors import Permanent
from app.web.http.arrival import HEADERS, PREFIXES, Listening, arrival
from app.web.http.scheme import BrowserScheme
from tests.unit.packaging.documents import codes, read, section

HERE = Listening(addresses=("127.0.0.1", "::1"))


def came(*headers: str, client: tuple[str, int] | None = ("127.0.0.1", 9), version: str = "1.1") -> str:
    """Why the sender of a request with these headers may be remote."""
    raw = [(name.lower().encode(), b"127.0.0.1") for name in headers]
    return arrival({"headers": raw, "client": client, "http_version": version}, HERE).remote_reason


def test_loopback_peers_are_this_machine() -> None:
    assert came() == ""
    assert came("Accept", "Host", "Origin", "User-Agent", "X-Request-Id", "X-Requested-With", "Authorization") == ""
    assert came(client=("::1", 9)) == ""
    assert came(client=("::ffff:127.0.0.1", 9)) == ""


@pytest.mark.parametrize(
    "client", [None, ("192.0.2.2", 9), ("::ffff:192.0.2.2", 9), ("fe80::1%eth0", 9), ("localhost", 9), ("", 0)]
)
def test_other_peers_may_be_another_machine(client: tuple[str, int] | None) -> None:
    assert came(client=client).startswith("this request came from ")


def test_a_proxy_header_marks_a_forwarded_request() -> None:
    assert came("accept", "x-forwarded-anything") == "a proxy forwarded this request (X-Forwarded-Anything)"
    assert "HTTP/1.0" in came(version="1.0")
    assert len(came("x-forwarded-" + "x" * 60_000)) < 200


def test_the_document_names_every_proxy_header() -> None:
    documented = {
        name.lower() for name in codes(section(read("docs/operating.md"), "What counts as the sign of a proxy"))
    }
    prefixes = {name for name in documented if name in PREFIXES}
    assert prefixes == set(PREFIXES)
    assert documented >= HEADERS


@pytest.mark.parametrize(
    ("addresses", "loopback"),
    [((), False), (("127.0.0.1",), True), (("127.0.0.1", "::1"), True), (("0.0.0.0",), False), (("::",), False)],
)
def test_every_socket_must_be_of_loopback(addresses: tuple[str, ...], loopback: bool) -> None:
    assert Listening(addresses=addresses).loopback is loopback


@contextmanager
def opened(host: str, port: int = 0) -> Iterator[Sequence[socket.socket]]:
    with ExitStack() as closing:
        yield [closing.enter_context(each) for each in open_sockets(host, port)]


@pytest.mark.parametrize(("host", "loopback"), [("127.0.0.1", True), ("localhost", True), ("0.0.0.0", False)])
def test_the_kernel_names_the_listening_addresses(host: str, loopback: bool) -> None:
    with opened(host) as sockets:
        assert listening(sockets).loopback is loopback
        assert len({each.getsockname()[1] for each in sockets}) == 1
        for each in sockets:
            with socket.create_connection(
                ("127.0.0.1" if host == "0.0.0.0" else each.getsockname()[:2][0], each.getsockname()[1])
            ):
                pass


def test_a_socket_of_another_kind_is_no_loopback(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "127.0.0.1"))
        assert not listening([made]).loopback
        assert listening([made]).addresses


@pytest.mark.parametrize("host", ["192.0.2.77", "no-such-host.invalid"])
def test_an_address_that_cannot_be_bound_is_refused_with_the_fix(host: str) -> None:
    with pytest.raises(
        Permanent,
        match=rf"cannot listen on {host}:1234: .+; stop the program that listens there, or set server_listening_addr",
    ):
        open_sockets(host, 1234)


def test_opened_sockets_are_closed_when_another_cannot_be_opened() -> None:
    with opened("127.0.0.1") as sockets:
        port = sockets[0].getsockname()[1]
        with pytest.raises(Permanent, match="in use"):
            open_sockets("localhost", port)
    with opened("127.0.0.1", port):
        pass


@pytest.mark.parametrize(
    ("header", "scheme"),
    [
        (None, "http"), ("https", "https"), ("HTTPS", "https"), ("https, http", "https"), ("http, https", "http"),
        ("http", "http"), ("", "http"), ("javascript", "http"),
    ],
)  # fmt: skip
async def test_the_scheme_is_that_of_the_proxy_nearest_to_the_browser(header: str | None, scheme: str) -> None:
    scopes: list[Any] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        scopes.append(scope)

    async def unused(*_: object) -> Any:
        raise AssertionError("called")

    headers = [] if header is None else [(b"x-forwarded-proto", header.encode())]
    headers.append((b"x-forwarded-for", b"10.9.9.9"))
    scope = {"type": "http", "scheme": "http", "client": ("127.0.0.1", 9), "headers": headers}
    await BrowserScheme(application)(scope, unused, unused)
    await BrowserScheme(application)({"type": "lifespan"}, unused, unused)
    assert scopes == [{**scope, "scheme": scheme}, {"type": "lifespan"}]
    assert Headers(scope=scopes[0])["x-forwarded-for"] == "10.9.9.9"
