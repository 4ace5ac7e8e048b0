"""A Nomad with given answers for the paths of one job, which records requests: for answers that no simulator gives."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.domain.job import JobPatch, TaskChange, TaskKey
from app.domain.watch import JobPlace

SERVER = TaskKey(group="app", task="server")
PLACE = JobPlace(region="", namespace="apps", job_id="web")
PATCH = JobPatch(changes={SERVER: TaskChange(image="reg.example/app:v2")}, expected_index=7)

JOB, PLAN, SUBMISSION, PARSE = "/v1/job/web", "/v1/job/web/plan", "/v1/job/web/submission", "/v1/jobs/parse"


def a_job(*, vault: object = None, **fields: object) -> dict[str, Any]:
    """The job `web` at index 7."""
    task = {"Name": "server", "Driver": "docker", "Config": {"image": "reg.example/app:v1"}, "Vault": vault}
    return {
        "ID": "web",
        "JobModifyIndex": 7,
        "ModifyIndex": 8,
        "TaskGroups": [{"Name": "app", "Tasks": [task]}],
        **fields,
    }


def a_diff(*fields: dict[str, str], image: str = "reg.example/app:v2") -> dict[str, Any]:
    """A plan's diff with a new image for the server, and more fields of its group."""
    changed = {"Name": "image", "Old": "reg.example/app:v1", "New": image, "Type": "Edited"}
    task = {"Name": "server", "Type": "Edited", "Objects": [{"Name": "Config", "Type": "Edited", "Fields": [changed]}]}
    return {"Type": "Edited", "TaskGroups": [{"Name": "app", "Type": "Edited", "Fields": fields, "Tasks": [task]}]}


def a_plan(*fields: dict[str, str], image: str = "reg.example/app:v2", index: int = 7) -> JSONResponse:
    """A plan's whole reply."""
    return JSONResponse({"JobModifyIndex": index, "Diff": a_diff(*fields, image=image)})


@dataclass(slots=True, kw_only=True)
class Stub:
    """`answers` by "METHOD path" precede the ordinary ones. Each list is used in order; its last one repeats."""

    job: dict[str, Any] = field(default_factory=a_job)
    version: str | None = None
    answers: dict[str, list[Response]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    bodies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        body = await request.body()
        self.requests.append(request)
        if body:
            self.bodies.setdefault(request.url.path, []).append(json.loads(body))
        await self._answer(request)(scope, receive, send)

    @property
    def posted(self) -> list[dict[str, Any]]:
        """The bodies of the registrations."""
        return self.bodies.get(JOB, [])

    def paths(self) -> list[str]:
        """The requests, in order."""
        return [f"{request.method} {request.url.path}" for request in self.requests]

    def _answer(self, request: Request) -> Response:
        path = request.url.path
        if answers := self.answers.get(f"{request.method} {path}"):
            return answers.pop(0) if len(answers) > 1 else answers[0]
        if path == "/v1/agent/self":
            if self.version is None:
                return Response("Permission denied", status_code=403)
            return JSONResponse({"config": {"Version": {"Version": self.version}}})
        if path == PLAN:
            return a_plan()
        if request.method == "POST":
            return JSONResponse({"JobModifyIndex": 9, "Index": 9, "EvalID": "e"})
        if path == SUBMISSION:
            return Response("job source not found", status_code=404)
        if path.endswith("/versions"):
            return JSONResponse({"Versions": [self.job]})
        return JSONResponse(self.job if path == JOB else [])


@asynccontextmanager
async def opened(connection: NomadConnection) -> AsyncIterator[NomadDeployer]:
    """A deployer that is closed at the end."""
    deployer = NomadDeployer(connection)
    try:
        yield deployer
    finally:
        await deployer.aclose()
