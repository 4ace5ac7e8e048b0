"""Waits over each kind of connection: unreachable, faulty, with a new token, over a unix socket, over TLS."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from app.domain.deployment import WaitIndex
from app.domain.job import Submission
from app.simulators.nomad import Simulator, create_simulator_app, sample_job
from tests.servers.http import serve
from tests.servers.tls import issue
from tests.unit.nomad.waits import (
    NEVER,
    PLACE,
    Scripted,
    Watched,
    opened,
    until,
    wait_index_of,
    waiting,
)


async def test_an_unreachable_agent_does_not_end_the_wait_with_an_error() -> None:
    async with opened("http://127.0.0.1:9") as deployer, asyncio.timeout(30):
        for subject in ("deployment/d", "evaluation/e", "allocations"):
            await deployer.wait_for_change(PLACE, WaitIndex(subject=subject, index=1), within=0.1)


@pytest.mark.parametrize("subject", ["deployment/d", "evaluation/e", "allocations"])
@pytest.mark.parametrize(
    "server",
    [
        pytest.param(lambda: Scripted(body=b'[{"ID": "d", "ModifyIndex": 7}]'), id="an answer at once, and unchanged"),
        pytest.param(lambda: Scripted(body=b"oops"), id="no JSON"),
        pytest.param(lambda: Scripted(body=b"[1, null]"), id="another JSON"),
        pytest.param(lambda: Scripted(status=500, body=b"No cluster leader"), id="an error"),
    ],
)
async def test_a_server_that_does_not_wait_causes_no_hot_loop(server: Callable[[], Scripted], subject: str) -> None:
    stub = server()
    with serve(stub) as url:
        async with opened(url) as deployer:
            async with asyncio.timeout(30):
                while not stub.received:  # a busy machine may not have come as far
                    await deployer.wait_for_change(PLACE, WaitIndex(subject=subject, index=7), within=0.5)
    assert len(stub.received) <= 5


async def test_a_rotated_token_is_read_again(tmp_path: Path) -> None:
    nomad = Simulator(timing=NEVER, token="new")
    file = tmp_path / "token"
    file.write_text("old")
    watched = Watched(application=create_simulator_app(nomad))
    reply = nomad.seed(sample_job("web", "reg.example/app:1"))
    submission = Submission(index=reply["JobModifyIndex"], evaluation_id=reply["EvalID"])
    with serve(watched) as url:
        async with opened(url, token_file=str(file)) as deployer, opened(url, token="new") as other:
            snapshot = await other.observe(PLACE, submission)
            with suppress(Exception):
                await deployer.wait_for_change(PLACE, WaitIndex(subject="allocations", index=1), within=0.05)
            file.write_text("new")
            task = waiting(deployer, "web", wait_index_of(snapshot))
            await until(lambda: watched.now > 0)
            nomad.stop("web")
            await asyncio.wait_for(task, 30)
    assert "/v1/deployments" in watched.requests


async def test_waiting_goes_through_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n"))
        body = b'{"ID": "e", "ModifyIndex": 9}'
        writer.write(b"HTTP/1.1 200 OK\r\nX-Nomad-Index: 9\r\nConnection: close\r\n\r\n" + body)
        writer.close()

    requests: list[bytes] = []
    async with (
        await asyncio.start_unix_server(answer, path),
        opened(f"unix://{path}", region="eu") as deployer,
        asyncio.timeout(30),
    ):
        await deployer.wait_for_change(PLACE, WaitIndex(subject="evaluation/e", index=7), within=60)
    assert requests == [b"GET /v1/evaluation/e?namespace=default&region=eu&index=7&wait=5s HTTP/1.1\r\n"]


async def test_waiting_uses_tls_with_the_name_that_the_certificate_has(tmp_path: Path) -> None:
    certificate = issue(tmp_path, "server.global.nomad")
    stub = Scripted(body=b'{"ID": "e", "ModifyIndex": 9}')
    with serve(stub, certificate=certificate) as url:
        known = {"ca_cert": str(certificate.ca_file), "http_auth": "user:pa:ss", "token": "t-1"}
        async with opened(url, tls_server_name="server.global.nomad", **known) as deployer, asyncio.timeout(30):
            await deployer.wait_for_change(PLACE, WaitIndex(subject="evaluation/e", index=7), within=60)
        [received] = stub.received
        assert (received["authorization"], received["x-nomad-token"]) == ("Basic dXNlcjpwYTpzcw==", "t-1")
        async with opened(url, **known) as deployer:
            await deployer.wait_for_change(PLACE, WaitIndex(subject="evaluation/e", index=7), within=0.2)
        assert len(stub.received) == 1, "no request to another name"
        async with opened(url, skip_verify=True) as deployer, asyncio.timeout(30):
            await deployer.wait_for_change(PLACE, WaitIndex(subject="evaluation/e", index=7), within=60)
