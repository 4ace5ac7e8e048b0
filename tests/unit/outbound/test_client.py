"""Outgoing HTTP: proxies, bounds and redaction."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.outbound.client import BodyRefused, bounded, open_client, read_bounded, redact
from tests.servers.http import serve


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("GET https://ci:geheim@r.example.com/v2/?token=x&a=b failed", "GET https://r.example.com/v2/?… failed"),
        ("postgres://u:p@h/db#part", "postgres://h/db?…"),
        ("'https://a/b?c=d' and http://e@f", "'https://a/b?…' and http://f"),
        ("mail me@example.com? yes", "mail me@example.com? yes"),
        ("", ""),
    ],
)
def test_urls_show_no_secret(text: str, clean: str) -> None:
    assert redact(text) == clean


@pytest.mark.parametrize("text", ["m" * 1_000_000, "a://" * 250_000, "a://b" * 200_000 + "@", "?" * 1_000_000])
def test_redacting_foreign_text_takes_no_time(text: str) -> None:
    started = time.process_time()
    redact(text)
    assert time.process_time() - started < 1.0


def test_foreign_text_is_one_bounded_line() -> None:
    assert bounded("  a\r\n\tb\x00\x1b[31mc  ") == "a b [31mc"
    assert bounded("x" * 10_000, limit=10) == "x" * 9 + "…"


async def test_a_body_is_read_up_to_its_limit() -> None:
    assert await read_bounded(httpx.Response(200, content=b"12345"), 5) == b"12345"
    with pytest.raises(BodyRefused, match="larger than 4 bytes"):
        await read_bounded(httpx.Response(200, content=b"12345"), 4)


async def test_an_endless_body_is_left_early() -> None:
    read = 0

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal read
            while True:
                read += 1
                yield b"x" * 1_000

    with pytest.raises(BodyRefused, match="larger than"):
        await read_bounded(httpx.Response(200, stream=Endless()), 10_000)
    assert read == 11


async def test_an_encoded_body_is_refused() -> None:
    response = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"\x1f\x8b"))
    with pytest.raises(BodyRefused, match="encoded as gzip"):
        await read_bounded(response, 10)


async def test_the_client_sends_its_user_agent_and_follows_no_redirects() -> None:
    async with open_client() as client:
        assert client.headers["user-agent"].startswith("registrywatcher")
        assert not client.follow_redirects
        assert client.timeout.connect == 5.0


async def test_loopback_is_reached_without_the_environments_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hello(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})

    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with serve(hello) as url:
        async with open_client() as client:
            assert (await client.get(url)).status_code == 204
            with pytest.raises(httpx.ConnectError):
                await client.get("http://registry.example.com/")


async def test_a_proxy_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "gopher://user:geheim@proxy")
    with pytest.raises(ValueError, match="proxy settings") as caught:
        open_client()
    assert "geheim" not in str(caught.value)


def test_a_ca_file_that_cannot_be_used_is_no_fault_of_a_proxy() -> None:
    with pytest.raises(ValueError, match=r"^the CA file /nowhere/ca\.pem cannot be used"):
        open_client(ca_file="/nowhere/ca.pem")
