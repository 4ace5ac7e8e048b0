"""Diagnosis of a failed rollout, with the last log lines of its tasks, if the token may read them."""

import json
from collections.abc import AsyncIterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.adapters.nomad.explain.logs import cleaned
from app.domain.deployment import Diagnosis
from app.domain.job import Submission
from app.domain.watch import JobPlace
from tests.servers.http import serve

PLACE = JobPlace(region="", namespace="apps", job_id="web")
OURS = Submission(index=7, evaluation_id="e1")
Message = MutableMapping[str, Any]


def event(kind: str, message: str = "", **details: str) -> dict[str, Any]:
    return {"Type": kind, "DisplayMessage": message, "Details": details}


def allocation(identity: str, *events: dict[str, Any], **fields: Any) -> dict[str, Any]:
    state = {"Failed": fields.get("ClientStatus") == "failed", "Events": [event("Started"), *events]}
    return {"ID": identity, "TaskGroup": "app", "JobVersion": 1, "TaskStates": {"server": state}, **fields}


def exited(identity: str, **fields: Any) -> dict[str, Any]:
    return allocation(identity, event("Terminated", exit_code="3"), ClientStatus="failed", **fields)


@dataclass(slots=True, kw_only=True, eq=False)
class Nomad:
    """Gives answers by path. `requests` are the paths with their queries."""

    bodies: dict[str, Any] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        self.requests.append((path, dict(parse_qsl(scope["query_string"].decode()))))
        body = self.bodies.get(path)
        status = self.statuses.get(path, 404 if body is None else 200)
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        text = b"job not found" if body is None else text
        kind = b"text/plain" if isinstance(body, bytes) else b"application/json"
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
        await send({"type": "http.response.body", "body": text})

    def job(self, *allocations: dict[str, Any], evaluations: Any = (), **fields: Any) -> None:
        task = {"Name": "server", "Resources": {"MemoryMB": 64}}
        self.bodies["/v1/job/web"] = {
            "ID": "web", "JobModifyIndex": 7, "Version": 1, "TaskGroups": [{"Name": "app", "Tasks": [task]}], **fields,
        }  # fmt: skip
        self.bodies["/v1/job/web/allocations"] = list(allocations)
        self.bodies["/v1/job/web/evaluations"] = list(evaluations)
        self.bodies["/v1/job/web/deployments"] = []

    def log(self, identity: str, text: bytes, status: int = 200) -> None:
        self.bodies[f"/v1/client/fs/logs/{identity}"] = text
        self.statuses[f"/v1/client/fs/logs/{identity}"] = status


@pytest.fixture
def nomad() -> Nomad:
    return Nomad()


@pytest.fixture
async def deployer(nomad: Nomad) -> AsyncIterator[NomadDeployer]:
    with serve(nomad) as url:
        made = NomadDeployer(NomadConnection(address=url))
        yield made
        await made.aclose()


async def test_an_exit_is_reported_with_the_last_lines(nomad: Nomad, deployer: NomadDeployer) -> None:
    nomad.job(exited("a1"))
    nomad.log("a1", "ready\n\x1b[31mno license: grün\x1b[0m\n".encode())
    found = await deployer.diagnose(PLACE, OURS)
    assert found.findings == ("exited with code 3 (app/server)",)
    [tail] = found.logs
    assert (tail.task, tail.allocation_id, tail.text) == ("app/server", "a1", "ready\nno license: grün")
    path, query = nomad.requests[-1]
    assert path == "/v1/client/fs/logs/a1"
    assert query == {
        "namespace": "apps", "task": "server", "type": "stderr", "plain": "true", "origin": "end", "offset": "2000",
    }  # fmt: skip


async def test_the_newest_allocation_of_each_task_is_read_and_three_at_most(
    nomad: Nomad, deployer: NomadDeployer
) -> None:
    nomad.job(*(exited(f"a{number}", CreateIndex=number) for number in (1, 3, 2)))
    nomad.log("a3", b"newest")
    assert [each.text for each in (await deployer.diagnose(PLACE, OURS)).logs] == ["newest"]
    nomad.job(*({**exited(f"a{n}"), "TaskGroup": f"g{n}"} for n in range(6)))
    for number in range(6):
        nomad.log(f"a{number}", b"x")
    assert len((await deployer.diagnose(PLACE, OURS)).logs) == 3


async def test_a_token_without_read_logs_is_reported(nomad: Nomad, deployer: NomadDeployer) -> None:
    nomad.job(exited("a1"))
    nomad.log("a1", b"Permission denied", 403)
    found = await deployer.diagnose(PLACE, OURS)
    assert (found.logs, found.logs_denied) == ((), True)
    assert found.findings


@pytest.mark.parametrize("status", [404, 500])
async def test_a_log_that_cannot_be_read_is_no_log(nomad: Nomad, deployer: NomadDeployer, status: int) -> None:
    nomad.job(exited("a1"))
    nomad.log("a1", b"Unknown allocation", status)
    found = await deployer.diagnose(PLACE, OURS)
    assert (found.logs, found.logs_denied, len(found.findings)) == ((), False, 1)


async def test_what_never_started_has_no_log(nomad: Nomad, deployer: NomadDeployer) -> None:
    state = {"Failed": True, "Events": [event("Driver Failure", "Failed to pull `x:1`: gone")]}
    nomad.job({**exited("a1"), "TaskStates": {"server": state}})
    found = await deployer.diagnose(PLACE, OURS)
    assert found.findings == ("the image could not be pulled: x:1: gone (app/server)",)
    assert not any("logs" in path for path, _ in nomad.requests)


async def test_a_failing_check_is_named_before_what_followed_from_it(nomad: Nomad, deployer: NomadDeployer) -> None:
    found = event("Alloc Unhealthy", "Task not running for min_healthy_time of 10s by healthy_deadline of 5m0s")
    nomad.job(allocation("a1", found, ClientStatus="running", DeploymentStatus={"Healthy": False}))
    nomad.bodies["/v1/client/allocation/a1/checks"] = {
        "c1": {"Check": "alive", "Status": "failure", "Task": "server", "Output": "connection refused"},
        "c2": {"Check": "ready", "Status": "success"},
    }
    assert (await deployer.diagnose(PLACE, OURS)).findings == (
        'health check failed: "alive": connection refused (app/server)',
        "it did not stay healthy for 10s within its deadline of 5m0s (app/server)",
    )
    nomad.statuses["/v1/client/allocation/a1/checks"] = 500
    assert len((await deployer.diagnose(PLACE, OURS)).findings) == 1


def under_way(status: str = "failed") -> list[dict[str, Any]]:
    return [{"ID": "d1", "Status": status, "JobSpecModifyIndex": 7, "JobVersion": 1, "TaskGroups": {}}]


async def test_an_allocation_that_was_only_late_is_reported(nomad: Nomad, deployer: NomadDeployer) -> None:
    """A progress deadline can end a deployment that has no unhealthy allocation."""
    pulling = {"State": "pending", "Events": [event("Received"), event("Driver", "Downloading image"), event("x")]}
    nomad.job(
        allocation("a1", ClientStatus="running", TaskStates={"server": {"State": "running", "Events": []}}),
        allocation("a2", ClientStatus="pending", TaskStates={"server": pulling, "init": {"State": "dead"}}),
        allocation("a3", ClientStatus="pending", TaskStates={"server": {"State": "pending"}}),
        allocation("a4", ClientStatus="running", DeploymentStatus={"Healthy": True}),
    )
    nomad.bodies["/v1/job/web/deployments"] = under_way()
    assert (await deployer.diagnose(PLACE, OURS)).findings == (
        "it runs, but has not become healthy (app/server)",
        "it has not started; last event: Downloading image (app/server)",
        "it has not started (app/server)",
    )
    nomad.bodies["/v1/client/allocation/a1/checks"] = {"c1": {"Check": "alive", "Status": "failure", "Output": "no"}}
    assert (await deployer.diagnose(PLACE, OURS)).findings == ('health check failed: "alive": no (app)',)


@pytest.mark.parametrize("deployments", [[], under_way("successful")])
async def test_nothing_is_late_where_nothing_waits_for_it(
    nomad: Nomad, deployer: NomadDeployer, deployments: list[dict[str, Any]]
) -> None:
    nomad.job(allocation("a1", ClientStatus="running", TaskStates={"server": {"State": "running"}}))
    nomad.bodies["/v1/job/web/deployments"] = deployments
    assert await deployer.diagnose(PLACE, OURS) == Diagnosis()


async def test_unplaced_allocations_are_reported(nomad: Nomad, deployer: NomadDeployer) -> None:
    metrics = {"NodesEvaluated": 1, "DimensionExhausted": {"memory": 1}}
    nomad.job(evaluations=[{"ID": "e1", "Status": "complete", "JobModifyIndex": 7, "FailedTGAllocs": {"app": metrics}}])
    found = await deployer.diagnose(PLACE, OURS)
    assert found == Diagnosis(findings=("group app: 1 allocation cannot be placed: 1 node lacks enough memory",))


async def test_after_nomads_revert_our_own_version_is_read(nomad: Nomad, deployer: NomadDeployer) -> None:
    nomad.job(exited("a1"), allocation("a2", ClientStatus="running", JobVersion=2), JobModifyIndex=9, Version=2)
    job = nomad.bodies["/v1/job/web"]
    nomad.bodies["/v1/job/web/versions"] = {"Versions": [job, {**job, "JobModifyIndex": 7, "Version": 1}]}
    assert (await deployer.diagnose(PLACE, OURS)).findings == ("exited with code 3 (app/server)",)


async def test_a_job_that_is_gone_says_so(deployer: NomadDeployer) -> None:
    assert (await deployer.diagnose(PLACE, OURS)).findings == ("the job is no longer in Nomad",)


def test_a_tail_is_bounded_and_begins_with_a_whole_line() -> None:
    assert cleaned("") == ""
    assert cleaned("\x00a\x07b\ttab\r\n\n") == "ab\ttab"
    assert cleaned("\n".join(str(number) for number in range(50))).splitlines() == [str(n) for n in range(30, 50)]
    cut = "cut off\n" + "x" * 1992
    assert cleaned(cut) == "x" * 1992
    assert cleaned("y" * 2000) == "y" * 2000
