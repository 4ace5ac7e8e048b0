"""A Nomad whose answers are sound ones with parts changed, for the real deployer over real HTTP."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

from starlette.types import Receive, Scope, Send

from app.domain.job import Submission
from tests.contract.nomad_stub import PLACE, a_job
from tests.hostile.mutations import changed, damaged

JOB = f"/v1/job/{PLACE.job_id}"
OURS = Submission(index=7, evaluation_id="e-1")
_DEPLOYMENT = {
    "ID": "d-1", "JobID": "web", "JobVersion": 0, "JobSpecModifyIndex": 7, "JobCreateIndex": 1, "CreateIndex": 8,
    "ModifyIndex": 9,
    "Status": "running", "StatusDescription": "Deployment is running",
    "TaskGroups": {"app": {"DesiredTotal": 1, "PlacedAllocs": 1, "HealthyAllocs": 0, "UnhealthyAllocs": 1,
    "DesiredCanaries": 0, "Promoted": False}},
}  # fmt: skip
_ALLOCATION = {
    "ID": "a-1", "JobID": "web", "JobVersion": 0, "TaskGroup": "app", "NodeID": "n-1", "CreateIndex": 8,
    "ModifyIndex": 9, "DesiredStatus": "run",
    "ClientStatus": "running", "ClientDescription": "Tasks are running",
    "DeploymentStatus": {"Healthy": False, "Canary": False},
    "TaskStates": {"server": {"State": "running", "Failed": False, "Restarts": 1, "Events": [
        {"Type": "Terminated", "DisplayMessage": "Exit Code: 1", "Details": {"exit_code": "1", "signal": "0"},
        "Time": 1},
        {"Type": "Driver Failure", "DriverError": "Failed to pull `x`: API error (404): manifest unknown",
        "Details": {}},
    ]}},
}  # fmt: skip
_EVALUATION = {
    "ID": "e-1", "JobID": "web", "JobModifyIndex": 7, "CreateIndex": 8, "ModifyIndex": 9, "Status": "complete",
    "TriggeredBy": "job-register",
    "QueuedAllocations": {"app": 1},
    "FailedTGAllocs": {"app": {"NodesEvaluated": 3, "NodesExhausted": 3, "DimensionExhausted": {"memory": 3}}},
}  # fmt: skip


def sound() -> dict[str, Any]:
    """What a Nomad with one job answers, by path."""
    job = a_job(Version=0, CreateIndex=1, Status="running", Type="service", SubmitTime=1)
    job["TaskGroups"][0]["Count"] = 1
    answers = {
        JOB: job,
        f"{JOB}/allocations": [_ALLOCATION],
        f"{JOB}/evaluations": [_EVALUATION],
        f"{JOB}/deployments": [_DEPLOYMENT],
        f"{JOB}/versions": {"Versions": [job]},
        f"{JOB}/plan": {"JobModifyIndex": 7, "Diff": {"Type": "None", "TaskGroups": []}, "Annotations": None},
        "/v1/deployment/d-1": _DEPLOYMENT,
        "/v1/client/allocation/a-1/checks": {
            "c": {"Status": "failure", "Check": "http", "Task": "server", "Output": "no"}
        },
    }
    return deepcopy(answers)


@dataclass(slots=True, kw_only=True)
class HostileNomad:
    """An ASGI application; `answers` maps paths to bodies, other paths are 404."""

    answers: Mapping[str, bytes] = field(default_factory=dict)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = self.answers.get(scope["path"])
        head = [(b"content-type", b"application/json"), (b"x-nomad-index", b"9"), *self.headers]
        await send({"type": "http.response.start", "status": 404 if body is None else 200, "headers": head})
        await send({"type": "http.response.body", "body": b"not found" if body is None else body})


def changed_answers(random: Random, times: int = 1) -> tuple[str, dict[str, bytes]]:
    """Which answer was changed and how, and all answers; now and then its bytes are damaged, too."""
    answers = sound()
    path = random.choice(sorted(answers))
    value, kinds = answers[path], []
    for _ in range(times):
        kind, value = changed(value, random)
        kinds.append(kind)
    found = {each: json.dumps(answer).encode() for each, answer in (answers | {path: value}).items()}
    if random.random() < 0.2:
        kind, found[path] = damaged(found[path], random)
        kinds.append(kind)
    return f"{path} {kinds} {found[path].decode(errors='replace')}", found
