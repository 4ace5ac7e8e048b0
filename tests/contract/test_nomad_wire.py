"""What the Nomad deployer puts on the wire: places, credentials, VAULT_TOKEN for old servers; and unix sockets."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from threading import Thread
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.domain.job import Order, TaskChange, TaskKey
from app.domain.watch import JobPlace
from app.errors import NomadUnavailable
from tests.servers.http import serve

SERVER = TaskKey(group="app", task="server")
PLACE = JobPlace(region="", namespace="apps", job_id="web")
ORDER = Order(changes={SERVER: TaskChange(image="reg.example/app:v2")}, expected_index=7)


def a_job(*, vault: object = None, **fields: object) -> dict[str, Any]:
    task = {"Name": "server", "Driver": "docker", "Config": {"image": "reg.example/app:v1"}, "Vault": vault}
    return {
        "ID": "web",
        "JobModifyIndex": 7,
        "ModifyIndex": 8,
        "TaskGroups": [{"Name": "app", "Tasks": [task]}],
        **fields,
    }


@dataclass(slots=True, kw_only=True)
class Stub:
    """Answers every path of a job, and keeps what it was asked."""

    job: dict[str, Any]
    version: str | None = None
    asked: list[Request] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        await self._answer(request, await request.body())(scope, receive, send)

    def _answer(self, request: Request, body: bytes) -> Response:
        self.asked.append(request)
        if request.url.path == "/v1/agent/self":
            if self.version is None:
                return Response("Permission denied", status_code=403)
            return JSONResponse({"config": {"Version": {"Version": self.version}}})
        if request.method == "POST":
            self.posted.append(json.loads(body))
            return JSONResponse({"JobModifyIndex": 9, "Index": 9, "EvalID": "e"})
        if request.url.path.endswith("/versions"):
            return JSONResponse({"Versions": [self.job]})
        return JSONResponse(self.job if request.url.path == "/v1/job/web" else [])


@asynccontextmanager
async def opened(connection: NomadConnection) -> AsyncIterator[NomadDeployer]:
    deployer = NomadDeployer(connection)
    try:
        yield deployer
    finally:
        await deployer.aclose()


async def test_every_call_names_its_namespace_and_only_a_given_region() -> None:
    stub = Stub(job=a_job())
    with serve(stub) as url:
        async with opened(NomadConnection(address=url)) as deployer:
            submission = await deployer.submit(PLACE, ORDER)
            await deployer.inspect(PLACE)
            await deployer.observe(PLACE, submission)
            here = [dict(request.query_params) for request in stub.asked]
            stub.asked.clear()
            await deployer.inspect(JobPlace(region="eu", namespace="apps", job_id="web"))
        async with opened(NomadConnection(address=url, region="us", namespace="team")) as deployer:
            await deployer.inspect(JobPlace(region="", namespace="", job_id="web"))
    assert here == [{"namespace": "apps"}] * len(here)
    assert [dict(each.query_params) for each in stub.asked] == [
        *[{"namespace": "apps", "region": "eu"}] * 2,
        *[{"namespace": "team", "region": "us"}] * 2,
    ]


async def test_credentials_travel_in_headers() -> None:
    stub = Stub(job=a_job())
    with serve(stub) as url:
        async with opened(NomadConnection(address=url + "/", token=" t-1\n", http_auth="user:pa:ss")) as deployer:
            await deployer.inspect(PLACE)
        async with opened(NomadConnection(address=url)) as deployer:
            await deployer.inspect(PLACE)
    known, _, anonymous, _ = stub.asked
    assert known.headers["x-nomad-token"] == "t-1"
    assert known.headers["authorization"] == "Basic dXNlcjpwYTpzcw=="
    assert "x-nomad-token" not in anonymous.headers


async def test_the_post_is_a_check_and_set() -> None:
    stub = Stub(job=a_job(VersionTag={"Name": "golden"}))
    with serve(stub) as url:
        async with opened(NomadConnection(address=url)) as deployer:
            submission = await deployer.submit(PLACE, ORDER)
    [body] = stub.posted
    assert (body["EnforceIndex"], body["JobModifyIndex"]) == (True, 7)
    assert set(body) == {"Job", "EnforceIndex", "JobModifyIndex"}
    assert "VersionTag" not in body["Job"]
    assert (submission.index, submission.evaluation_id, submission.changed) == (9, "e", True)


@pytest.mark.parametrize(
    ("job", "version", "is_sent"),
    [
        pytest.param(a_job(VaultToken=""), None, True, id="the job shows the field"),
        pytest.param(a_job(), "1.9.7", True, id="an agent before 1.10"),
        pytest.param(a_job(vault={"Role": "x"}), "1.10.0", False, id="an agent that takes none"),
        pytest.param(a_job(), "2.0.6", False, id="a current agent"),
        pytest.param(a_job(vault={"Role": "x"}), None, True, id="unknown, with a vault block"),
        pytest.param(a_job(), None, False, id="unknown, without a vault block"),
        pytest.param(a_job(), "odd", False, id="an unreadable version"),
    ],
)
async def test_the_vault_token_goes_only_where_it_is_taken(
    job: dict[str, Any], version: str | None, is_sent: bool
) -> None:
    stub = Stub(job=job, version=version)
    with serve(stub) as url:
        async with opened(NomadConnection(address=url, vault_token="hvs.s3cret")) as deployer:
            await deployer.submit(PLACE, ORDER)
    assert (stub.posted[0]["Job"].get("VaultToken") == "hvs.s3cret") is is_sent


async def test_without_a_vault_token_nothing_is_asked_or_sent() -> None:
    stub = Stub(job=a_job(VaultToken=""))
    with serve(stub) as url:
        async with opened(NomadConnection(address=url)) as deployer:
            await deployer.submit(PLACE, ORDER)
    assert stub.posted[0]["Job"]["VaultToken"] == ""
    assert all(request.url.path == "/v1/job/web" for request in stub.asked)


class _OverSocket(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(a_job() if self.path.startswith("/v1/job/web?") else []).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def socket_path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "api.sock"
    with ThreadingUnixStreamServer(str(path), _OverSocket) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield path
        server.shutdown()
        thread.join()


async def test_the_task_api_is_reached_over_its_unix_socket(socket_path: Path) -> None:
    async with opened(NomadConnection(address=f"unix://{socket_path}")) as deployer:
        state = await deployer.inspect(PLACE)
    assert state is not None
    assert state.index == 7


async def test_a_socket_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    async with opened(NomadConnection(address=f"unix://{tmp_path / 'none.sock'}")) as deployer:
        with pytest.raises(NomadUnavailable, match="cannot be reached"):
            await deployer.inspect(PLACE)
