"""The URL table: endpoint of a path, capability that it requires, and table that a blocking query on it watches.

As in Nomad, the path is decoded first, and job paths differ by their ending. So an id may contain slashes.
"""

from __future__ import annotations

from collections.abc import Callable

from app.simulators.nomad import acl_endpoints as acl
from app.simulators.nomad import deployment_endpoints as deployments
from app.simulators.nomad import job_reads as reads
from app.simulators.nomad import job_writes as writes
from app.simulators.nomad import server_endpoints as servers
from app.simulators.nomad import source_endpoints as sources
from app.simulators.nomad import work_endpoints as work
from app.simulators.nomad.call import NomadAnswer, NomadCall
from app.simulators.nomad.refusal import Refused
from app.simulators.nomad.simulator import Simulator

Endpoint = Callable[[Simulator, NomadCall], NomadAnswer]
Methods = dict[str, Endpoint]


def _write(endpoint: Endpoint) -> Methods:
    return {"POST": endpoint, "PUT": endpoint}


EXACT: dict[str, Methods] = {
    "/v1/jobs": {"GET": reads.list_jobs, **_write(writes.register)},
    "/v1/jobs/parse": _write(sources.parse),
    "/v1/deployments": {"GET": deployments.list_deployments},
    "/v1/evaluations": {"GET": work.list_evaluations},
    "/v1/allocations": {"GET": work.list_allocations},
    "/v1/status/leader": {"GET": servers.leader},
    "/v1/regions": {"GET": servers.regions},
    "/v1/agent/self": {"GET": servers.agent_self},
    "/v1/namespaces": {"GET": servers.list_namespaces},
    "/v1/namespace": _write(servers.put_namespace),
    "/v1/operator/scheduler/configuration": {"GET": servers.read_scheduler, **_write(servers.put_scheduler)},
    "/v1/system/gc": _write(servers.collect_garbage),
    "/v1/acl/token/self": {"GET": acl.token_self},
    "/v1/acl/token": _write(acl.create_token),
}
AFTER_JOB: dict[str, Methods] = {
    "/plan": _write(writes.plan),
    "/versions": {"GET": reads.versions},
    "/submission": {"GET": sources.submission},
    "/summary": {"GET": reads.summary},
    "/deployments": {"GET": reads.deployments},
    "/deployment": {"GET": reads.deployment},
    "/evaluations": {"GET": reads.evaluations},
    "/allocations": {"GET": reads.allocations},
    "/revert": _write(writes.revert),
    "/scale": {"GET": reads.scale_status, **_write(writes.scale)},
    "/periodic/force": _write(writes.force_periodic),
    "/dispatch": _write(writes.dispatch),
    "/tag": {**_write(writes.tag_version), "DELETE": writes.tag_version},
}
JOB: Methods = {"GET": reads.read_job, "DELETE": writes.deregister, **_write(writes.register)}
BY_PREFIX: dict[str, Methods] = {
    "/v1/deployment/allocations/": {"GET": deployments.deployment_allocations},
    "/v1/deployment/promote/": _write(deployments.promote),
    "/v1/deployment/fail/": _write(deployments.fail),
    "/v1/deployment/pause/": _write(deployments.pause),
    "/v1/deployment/": {"GET": deployments.deployment},
    "/v1/evaluation/": {"GET": work.evaluation},
    "/v1/allocation/": {"GET": work.allocation},
    "/v1/client/fs/logs/": {"GET": work.logs},
    "/v1/namespace/": {
        "GET": servers.read_namespace,
        "DELETE": servers.delete_namespace,
        **_write(servers.put_namespace),
    },
    "/v1/acl/policy/": {"DELETE": acl.delete_policy, **_write(acl.put_policy)},
    "/v1/acl/token/": {"DELETE": acl.delete_token},
}

REQUIRED_CAPABILITY: dict[Endpoint, str] = {
    reads.list_jobs: "list-jobs",
    deployments.list_deployments: "read-job",
    **dict.fromkeys(
        (reads.read_job, reads.versions, reads.summary, reads.deployments, reads.deployment, reads.evaluations,
         reads.allocations, reads.scale_status, sources.submission, deployments.deployment,
         deployments.deployment_allocations,
         work.evaluation, work.list_evaluations, work.list_allocations, work.evaluation_allocations),
        "read-job",
    ),
}  # fmt: skip
"""The capability required in the requested namespace. Writes check theirs themselves, after they decoded the body."""

FOR_MANAGEMENT: frozenset[Endpoint] = frozenset(
    {acl.put_policy, acl.delete_policy, acl.create_token, acl.delete_token, servers.agent_self,
     servers.put_namespace, servers.delete_namespace, servers.read_scheduler, servers.put_scheduler,
     servers.collect_garbage}
)  # fmt: skip

WAITS_ON: dict[Endpoint, str] = {
    **dict.fromkeys((reads.list_jobs, reads.read_job, reads.versions, reads.summary), "jobs"),
    **dict.fromkeys(
        (reads.deployments, reads.deployment, deployments.list_deployments, deployments.deployment), "deployments"
    ),
    **dict.fromkeys((reads.evaluations, work.evaluation, work.list_evaluations), "evaluations"),
    **dict.fromkeys(
        (
            reads.allocations,
            work.allocation,
            work.list_allocations,
            work.evaluation_allocations,
            deployments.deployment_allocations,
        ),
        "allocations",
    ),
    **dict.fromkeys((servers.list_namespaces, servers.read_namespace), "namespaces"),
}
"""The table that a blocking query on the endpoint watches."""


def find(method: str, path: str) -> tuple[Endpoint, str, str]:
    """(endpoint, id in the path, path for the ledger's counts). Refused 404 without text, or 405."""
    if path in EXACT:
        return _of(EXACT[path], method), "", path
    if path.startswith("/v1/job/"):
        rest = path.removeprefix("/v1/job/")
        for ending, methods in AFTER_JOB.items():
            if rest.endswith(ending) and (ending != "/tag" or "/versions/" in rest):
                return _of(methods, method), rest.removesuffix(ending), path
        return _of(JOB, method), rest, path
    if path.startswith("/v1/client/allocation/") and path.endswith("/checks"):
        subject = path.removeprefix("/v1/client/allocation/").removesuffix("/checks")
        return _of({"GET": work.checks}, method), subject, "/v1/client/allocation/:id/checks"
    if path.startswith("/v1/evaluation/") and path.endswith("/allocations"):
        subject = path.removeprefix("/v1/evaluation/").removesuffix("/allocations")
        return _of({"GET": work.evaluation_allocations}, method), subject, "/v1/evaluation/:id/allocations"
    for prefix, methods in BY_PREFIX.items():
        if path.startswith(prefix):
            return _of(methods, method), path.removeprefix(prefix), prefix + ":id"
    raise Refused(404, "")


def _of(methods: Methods, method: str) -> Endpoint:
    endpoint = methods.get(method)
    if endpoint is None:
        raise Refused(405, "Invalid method")
    return endpoint
