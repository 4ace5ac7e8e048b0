"""Who is trusted without a token, by real processes: the sockets they bound and who called, whatever a file says."""

import socket
from pathlib import Path

import pytest

from tests.integration.web_access import BEARER, TOKENS, configuration, own_address, serving
from tests.processes import Processes, environment, until
from tests.servers.ports import free_port

LET_IN = (200, 503)  # 503 where Postgres is away
WEAKER = {
    "emptied": "",
    "cut off by its writer": configuration("0.0.0.0"),
    "edited": configuration("127.0.0.1"),
    "edited to localhost": configuration("localhost", 'external_url = "http://localhost:8080"'),
}


async def test_no_file_makes_an_admin_of_who_calls_from_another_address(tmp_path: Path, database_url: str) -> None:
    address = own_address()
    sound = configuration("0.0.0.0", TOKENS)
    async with serving(tmp_path, sound, database_url=database_url) as web:
        assert await web.status("POST", "/pause", to=address) == 401
        for what, text in WEAKER.items():
            await web.reads(text)
            for called in (address, "127.0.0.1"):
                for method, path in (("POST", "/pause"), ("GET", "/repos"), ("GET", "/live")):
                    assert await web.status(method, path, to=called) in (401, 403), what
            await web.reads_at_last(sound)
            assert await web.status("POST", "/resume", to=address, **BEARER) == 200, what


async def test_tokens_hold_from_the_moment_they_come_and_leave_no_way_in(tmp_path: Path, database_url: str) -> None:
    bare = configuration("127.0.0.1")
    async with serving(tmp_path, bare, database_url=database_url) as web:
        assert await web.status("POST", "/pause") == 200
        await web.reads_at_last(bare + TOKENS)
        assert await web.status("POST", "/resume") == 401
        assert await web.status("GET", "/repos") == 401
        await web.reads(bare)
        for method, path in (("POST", "/resume"), ("GET", "/repos")):
            assert await web.status(method, path) in (401, 403)


async def test_an_external_url_counts_to_the_end_of_the_process(tmp_path: Path, database_url: str) -> None:
    bare = configuration("127.0.0.1")
    async with serving(tmp_path, bare, database_url=database_url) as web:
        assert await web.status("POST", "/pause") == 200
        for url in ("https://deploys.example", "http://127.0.0.1.nip.io:8080", ""):
            await web.reads(bare + (f'external_url = "{url}"\n' if url else ""))
            assert await web.status("POST", "/resume") == 403
            assert await web.status("GET", "/repos") == 200


async def test_who_comes_to_wider_sockets_reads_only_from_wherever(tmp_path: Path) -> None:
    """The old configuration goes on working. What a connection was made to says nothing of what is listened on."""
    async with serving(tmp_path, configuration("0.0.0.0")) as web:
        for to in ("127.0.0.1", "127.0.0.2", own_address()):
            assert await web.status("GET", "/repos", to=to) in LET_IN
            for headers in ({}, {"X_Forwarded_For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}):
                assert await web.status("POST", "/pause", to=to, **headers) == 403


async def test_on_loopback_only_callers_of_loopback_write(tmp_path: Path) -> None:
    """A packet from elsewhere gets there by the routing of containers' hosts (route_localnet)."""
    address = own_address()
    async with serving(tmp_path, configuration("127.0.0.1")) as web:
        assert await web.status("POST", "/pause") == 503
        assert await web.status("POST", "/pause", by=address) == 403
        assert await web.status("POST", "/pause", by=address, X_Forwarded_For="127.0.0.1") == 403
        assert await web.status("GET", "/repos", by=address) == 503


@pytest.mark.parametrize("allowed", ["", "*", "127.0.0.1"])
async def test_a_header_makes_nobody_local(tmp_path: Path, allowed: str) -> None:
    async with serving(tmp_path, configuration("127.0.0.1"), FORWARDED_ALLOW_IPS=allowed) as web:
        for headers in (
            {"X_Forwarded_For": "127.0.0.1"},
            {"X_Forwarded_For": "10.1.2.3", "X_Forwarded_Proto": "https"},
            {"X_Real_IP": "127.0.0.1"},
            {"Forwarded": "for=127.0.0.1"},
            {"Via": "1.1 proxy"},
            {"CF_Connecting_IP": "127.0.0.1"},
        ):
            assert await web.status("POST", "/pause", **headers) == 403
            assert await web.status("GET", "/repos", **headers) == 503
        assert await web.status("POST", "/pause") == 503


async def test_what_proxies_speak_is_no_browser(tmp_path: Path) -> None:
    async with serving(tmp_path, configuration("127.0.0.1")) as web:
        rest = f"Host: 127.0.0.1:{web.port}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        assert " 403 " in await web.told(f"POST /pause HTTP/1.0\r\n{rest}")
        assert " 503 " in await web.told(f"POST /pause HTTP/1.1\r\n{rest}")
        assert " 503 " in await web.told(f"GET /repos HTTP/1.0\r\n{rest}")


async def test_localhost_is_each_of_its_addresses(tmp_path: Path) -> None:
    found = {str(each[4][0]) for each in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    async with serving(tmp_path, configuration("localhost")) as web:
        for address in found:
            assert await web.status("POST", "/pause", to=address) == 503


async def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    port = free_port()
    processes = Processes(directory=tmp_path, env=environment(DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing"))
    processes.config.write_text(configuration("127.0.0.1"))
    with processes.ending(), socket.create_server(("127.0.0.1", port)):
        second = processes.start("web", port=port)
        second.ended_by_us = True
        await until(lambda: not second.running, processes.logs, within=60)
        assert second.popen.returncode == 1
        assert f"cannot listen on 127.0.0.1:{port} (Address already in use): stop what" in second.log.read_text()
