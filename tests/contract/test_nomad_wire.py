"""The requests of the Nomad deployer: places, credentials, VAULT_TOKEN for old servers; and unix sockets."""

import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from threading import Thread
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.adapters.nomad import NomadConnection
from app.domain.watch import JobPlace
from app.errors import NomadDenied, NomadUnavailable
from tests.contract.nomad_stub import JOB, PATCH, PLACE, PLAN, Stub, a_job, opened
from tests.servers.http import serve


def places(request: Request) -> dict[str, str]:
    return {name: text for name, text in request.query_params.items() if name in ("namespace", "region")}


async def test_every_call_names_its_namespace_and_only_a_given_region() -> None:
    stub = Stub(job=a_job())
    with serve(stub) as url:
        async with opened(NomadConnection(address=url)) as deployer:
            submission = await deployer.submit(PLACE, PATCH)
            await deployer.inspect(PLACE)
            await deployer.observe(PLACE, submission)
            here = [places(request) for request in stub.requests]
            stub.requests.clear()
            await deployer.inspect(JobPlace(region="eu", namespace="apps", job_id="web"))
        async with opened(NomadConnection(address=url, region="us", namespace="team")) as deployer:
            await deployer.inspect(JobPlace(region="", namespace="", job_id="web"))
    assert here == [{"namespace": "apps"}] * len(here)
    assert [places(each) for each in stub.requests] == [
        *[{"namespace": "apps", "region": "eu"}] * 3,
        *[{"namespace": "team", "region": "us"}] * 3,
    ]


async def test_calls_after_the_read_name_the_region_of_the_job() -> None:
    stub = Stub(job=a_job(Region="eu"))
    with serve(stub) as url:
        async with opened(NomadConnection(address=url)) as deployer:
            await deployer.submit(PLACE, PATCH)
            submitting = [places(request) for request in stub.requests]
            stub.requests.clear()
            stub.job = {**stub.job, "JobModifyIndex": 9, "TaskGroups": stub.posted[0]["Job"]["TaskGroups"]}
            assert await deployer.recover(PLACE, PATCH) is not None
            recovering = [places(request) for request in stub.requests]
    for found in (submitting, recovering):
        assert found == [{"namespace": "apps"}, *[{"namespace": "apps", "region": "eu"}] * (len(found) - 1)]
        assert len(found) >= 3


async def test_a_token_file_that_changed_is_used_by_the_next_call(tmp_path: Path) -> None:
    stub = Stub()
    file = tmp_path / "nomad_token"
    file.write_text("t-1\n")
    with serve(stub) as url:
        async with opened(NomadConnection(address=url, token="unused", token_file=str(file))) as deployer:
            await deployer.inspect(PLACE)
            file.with_suffix(".new").write_text("t-2\n")
            file.with_suffix(".new").rename(file)
            await deployer.inspect(PLACE)
            file.unlink()
            await deployer.inspect(PLACE)
    assert [request.headers["x-nomad-token"] for request in stub.requests] == [*["t-1"] * 3, *["t-2"] * 6]


async def test_a_refused_token_is_read_again_before_giving_up(tmp_path: Path) -> None:
    refused = Response("Permission denied", status_code=403)
    stub = Stub(answers={f"GET {JOB}": [refused, JSONResponse(a_job())]})
    file = tmp_path / "nomad_token"
    file.write_text("t-1")
    before = file.stat()
    with serve(stub) as url:
        async with opened(NomadConnection(address=url, token_file=str(file))) as deployer:
            stub.answers[f"GET {JOB}"].insert(0, refused)
            with pytest.raises(NomadDenied, match="NOMAD_TOKEN_FILE"):
                await deployer.inspect(PLACE)
            file.write_text("t-2")
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # the same size and time as before
            assert await deployer.inspect(PLACE)
    assert [request.headers["x-nomad-token"] for request in stub.requests] == ["t-1", "t-1", "t-2", "t-2", "t-2"]


@pytest.mark.parametrize(
    ("answer", "is_warned"),
    [
        (JSONResponse({"Type": "management", "SecretID": "s3cret"}), True),
        (JSONResponse({"Type": "client", "AccessorID": "anonymous"}), False),
        (Response("ACL support disabled", status_code=400), False),
        (Response("Permission denied", status_code=403), False),
        (Response("failed to parse signed token", status_code=500), False),
        (Response("<html>"), False),
    ],
)
async def test_a_management_token_is_warned_about_at_start(answer: Response, is_warned: bool) -> None:
    with serve(Stub(answers={"GET /v1/acl/token/self": [answer]})) as url:
        async with opened(NomadConnection(address=url, token="t")) as deployer:
            cautions = await deployer.cautions()
    assert [("config/nomad/registrywatcher.policy.hcl" in each, "s3cret" in each) for each in cautions] == (
        [(True, False)] if is_warned else []
    )


async def test_no_answer_at_start_is_no_caution() -> None:
    async with opened(NomadConnection(address="http://127.0.0.1:9")) as deployer:
        assert await deployer.cautions() == ()


async def test_credentials_travel_in_headers() -> None:
    stub = Stub(job=a_job())
    with serve(stub) as url:
        async with opened(NomadConnection(address=url + "/", token=" t-1\n", http_auth="user:pa:ss")) as deployer:
            await deployer.inspect(PLACE)
        async with opened(NomadConnection(address=url)) as deployer:
            await deployer.inspect(PLACE)
    known, _, _, anonymous, _, _ = stub.requests
    assert known.headers["x-nomad-token"] == "t-1"
    assert known.headers["authorization"] == "Basic dXNlcjpwYTpzcw=="
    assert "x-nomad-token" not in anonymous.headers


async def test_the_post_is_a_check_and_set() -> None:
    stub = Stub(job=a_job(VersionTag={"Name": "golden"}))
    with serve(stub) as url:
        async with opened(NomadConnection(address=url)) as deployer:
            submission = await deployer.submit(PLACE, PATCH)
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
            await deployer.submit(PLACE, PATCH)
    for body in (*stub.posted, *stub.bodies[PLAN]):
        assert (body["Job"].get("VaultToken") == "hvs.s3cret") is is_sent


async def test_without_a_vault_token_nothing_is_read_or_sent() -> None:
    stub = Stub(job=a_job(VaultToken=""))
    with serve(stub) as url:
        async with opened(NomadConnection(address=url)) as deployer:
            await deployer.submit(PLACE, PATCH)
    assert stub.posted[0]["Job"]["VaultToken"] == ""
    assert all(request.url.path.startswith(JOB) for request in stub.requests)


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
