"""Answers: which endpoint does a path mean? The URL table of the simulated agent.

Like Nomad's own, it works on the decoded path and tells job paths apart by their ending, so an id may hold slashes.
"""

from __future__ import annotations

from collections.abc import Callable

from app.local.nomad import job_endpoints as jobs
from app.local.nomad import other_endpoints as others
from app.local.nomad.call import Answer, Call
from app.local.nomad.refusal import Refused
from app.local.nomad.simulator import Simulator

Endpoint = Callable[[Simulator, Call], Answer]
Methods = dict[str, Endpoint]


def _write(endpoint: Endpoint) -> Methods:
    return {"POST": endpoint, "PUT": endpoint}


EXACT: dict[str, Methods] = {
    "/v1/jobs": {"GET": jobs.list_jobs, **_write(jobs.register)},
    "/v1/deployments": {"GET": others.list_deployments},
    "/v1/status/leader": {"GET": others.leader},
    "/v1/agent/self": {"GET": others.agent_self},
}
AFTER_JOB: dict[str, Methods] = {
    "/plan": _write(jobs.plan),
    "/versions": {"GET": jobs.versions},
    "/submission": {"GET": jobs.submission},
    "/summary": {"GET": jobs.summary},
    "/deployments": {"GET": jobs.deployments},
    "/deployment": {"GET": jobs.deployment},
    "/evaluations": {"GET": jobs.evaluations},
    "/allocations": {"GET": jobs.allocations},
    "/revert": _write(jobs.revert),
    "/scale": _write(jobs.scale),
    "/periodic/force": _write(jobs.force_periodic),
    "/dispatch": _write(jobs.dispatch),
}
JOB: Methods = {"GET": jobs.read_job, "DELETE": jobs.deregister, **_write(jobs.register)}
BY_PREFIX: dict[str, Methods] = {
    "/v1/deployment/allocations/": {"GET": others.deployment_allocations},
    "/v1/deployment/promote/": _write(others.promote),
    "/v1/deployment/fail/": _write(others.fail),
    "/v1/deployment/pause/": _write(others.pause),
    "/v1/deployment/": {"GET": others.deployment},
    "/v1/evaluation/": {"GET": others.evaluation},
    "/v1/allocation/": {"GET": others.allocation},
    "/v1/client/fs/logs/": {"GET": others.logs},
    "/v1/namespace/": _write(others.create_namespace),
}
WITHOUT_TOKEN = frozenset({"/v1/status/leader"})


def find(method: str, path: str) -> tuple[Endpoint, str, str]:
    """(endpoint, id in the path, the path to count it under); Refused 404 with no text, or 405."""
    if path in EXACT:
        return _of(EXACT[path], method), "", path
    if path.startswith("/v1/job/"):
        rest = path.removeprefix("/v1/job/")
        for ending, methods in AFTER_JOB.items():
            if rest.endswith(ending):
                return _of(methods, method), rest.removesuffix(ending), path
        return _of(JOB, method), rest, path
    if path.startswith("/v1/evaluation/") and path.endswith("/allocations"):
        subject = path.removeprefix("/v1/evaluation/").removesuffix("/allocations")
        return _of({"GET": others.evaluation_allocations}, method), subject, "/v1/evaluation/:id/allocations"
    for prefix, methods in BY_PREFIX.items():
        if path.startswith(prefix):
            return _of(methods, method), path.removeprefix(prefix), prefix + ":id"
    raise Refused(404, "")


def _of(methods: Methods, method: str) -> Endpoint:
    endpoint = methods.get(method)
    if endpoint is None:
        raise Refused(405, "Invalid method")
    return endpoint
