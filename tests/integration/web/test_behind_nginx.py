"""A real nginx before a real web process: configured as in docs/operating.md, and with nginx defaults."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.local.daemon import Daemon
from tests.integration.web_access import BEARER, TOKENS, Web, configuration, serving
from tests.servers.ports import free_port
from tests.servers.tls import Certificate, issue
from tests.unit.packaging.documents import blocks, read

NAME = "registrywatcher.example.com"
ORIGIN = {"Origin": f"https://{NAME}"}
EXTERNAL = f'external_url = "https://{NAME}"\n'
BARE = "server {{ listen 127.0.0.1:{port}; location / {{ proxy_http_version {version}; proxy_pass {upstream}; }} }}"
PIECES = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@pytest.fixture
def nginx(find_program: Callable[..., str]) -> str:
    return find_program("nginx", fix="on Debian: apt install nginx-light")


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return issue(tmp_path, NAME, "127.0.0.1")


def documented(certificate: Certificate, *, port: int, upstream: str) -> str:
    """The block of the document, with addresses and a certificate of the test."""
    (block,) = (each.text for each in blocks(read("docs/operating.md")) if each.language == "nginx")
    for theirs, ours in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("http://127.0.0.1:8080", upstream),
        ("/etc/ssl/registrywatcher.pem", str(certificate.chain_file)),
        ("/etc/ssl/registrywatcher.key", str(certificate.key_file)),
    ):
        assert block.count(theirs) == 1
        block = block.replace(theirs, ours)
    return block


@asynccontextmanager
async def nginx_before(
    web: Web, program: str, server: str, url: str, trust: ssl.SSLContext
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an nginx that has this one `server`."""
    home = web.processes.directory
    pieces = "".join(f"{piece}_temp_path {home}/{piece};" for piece in PIECES)
    account = "user root;" if os.geteuid() == 0 else ""
    file = home / "nginx.conf"
    file.write_text(
        f"daemon off; master_process off; pid {home}/nginx.pid; error_log stderr; {account} events {{}}\n"
        f"http {{ access_log off; {pieces}\n{server}\n}}\n"
    )

    def ready() -> bool:
        try:
            return httpx.get(f"{url}/healthz", verify=trust, trust_env=False, timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    daemon = Daemon([program, "-p", str(home), "-c", str(file)], log=home / "nginx.log", grace=2)
    await asyncio.to_thread(daemon.start, ready, timeout=20)
    try:
        async with httpx.AsyncClient(base_url=url, verify=trust, trust_env=False, timeout=20) as client:
            yield client
    finally:
        daemon.kill()


@asynccontextmanager
async def as_documented(
    web: Web, program: str, certificate: Certificate, name: str = NAME
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser's way in: TLS to nginx, and our name in each request."""
    port = free_port()
    server = documented(certificate, port=port, upstream=web.process.url)
    trust = ssl.create_default_context(cafile=str(certificate.ca_file))
    async with nginx_before(web, program, server, f"https://127.0.0.1:{port}", trust) as client:
        client.headers["Host"] = name
        yield client


@asynccontextmanager
async def as_by_default(web: Web, program: str, *, version: str) -> AsyncIterator[httpx.AsyncClient]:
    """nginx with `proxy_pass` alone: it tells no name and no address."""
    port = free_port()
    server = BARE.format(port=port, version=version, upstream=web.process.url)
    trust = ssl.create_default_context()
    async with nginx_before(web, program, server, f"http://127.0.0.1:{port}", trust) as client:
        yield client


@pytest.mark.parametrize(("name", "more"), [(NAME, EXTERNAL), ("localhost", "")])
async def test_without_tokens_it_reads_only(
    nginx: str, certificate: Certificate, tmp_path: Path, database_url: str, name: str, more: str
) -> None:
    async with (
        serving(tmp_path, configuration("127.0.0.1", more), database_url=database_url) as web,
        as_documented(web, nginx, certificate, name) as client,
    ):
        assert (await client.get("/repos")).status_code == 200
        page = (await client.get("/", headers={"Accept": "text/html"})).text
        assert "Read-only" in page
        assert "/confirm/pause" not in page
        for headers in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"Origin": f"https://{name}"}):
            refused = await client.post("/pause", headers=headers)
            assert refused.status_code == 403
            assert "[api_tokens.NAME]" in refused.json()["message"]
        assert await web.status("POST", "/pause") == (403 if more else 200)


@pytest.mark.parametrize("more", [EXTERNAL, ""], ids=["told by external_url", "told by X-Forwarded-Proto"])
async def test_with_tokens_programs_and_browsers_change_things(
    nginx: str, certificate: Certificate, tmp_path: Path, database_url: str, more: str
) -> None:
    async with (
        serving(tmp_path, configuration("127.0.0.1", more + TOKENS), database_url=database_url) as web,
        as_documented(web, nginx, certificate) as client,
    ):
        assert (await client.post("/pause")).status_code == 401
        assert (await client.post("/pause", headers=BEARER)).status_code == 200
        signed = await client.post("/login", data={"token": "the-admins-secret"}, headers=ORIGIN)
        assert signed.status_code == 303
        cookie = signed.headers["Set-Cookie"]
        assert cookie.startswith("__Host-registrywatcher=")
        assert "; secure" in cookie.lower()
        session = {"Cookie": cookie.partition(";")[0]}
        assert (await client.post("/resume", headers={**session, **ORIGIN})).status_code == 200
        assert (await client.post("/resume", headers={**session, "Origin": "https://evil.example"})).status_code == 403
        async with asyncio.timeout(20), client.stream("GET", "/live", headers=session) as stream:
            async for line in stream.aiter_lines():
                if line == "event: hello":
                    break


async def test_what_is_put_before_it_by_default_reads_only(nginx: str, tmp_path: Path, database_url: str) -> None:
    """The nginx of most machines speaks HTTP/1.0 then; newer ones do not, and only external_url tells of them."""
    async with serving(tmp_path, configuration("127.0.0.1"), database_url=database_url) as web:
        async with as_by_default(web, nginx, version="1.0") as client:
            assert (await client.get("/repos")).status_code == 200
            refused = await client.post("/pause")
            assert (refused.status_code, "HTTP/1.0" in refused.json()["message"]) == (403, True)
        await web.reads_at_last(configuration("127.0.0.1", EXTERNAL))
        async with as_by_default(web, nginx, version="1.1") as client:
            assert (await client.get("/repos")).status_code == 200
            refused = await client.post("/pause")
            assert (refused.status_code, "external_url" in refused.json()["message"]) == (403, True)
