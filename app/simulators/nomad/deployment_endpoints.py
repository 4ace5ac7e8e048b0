"""The deployment endpoints: NomadCall in, NomadAnswer out, Refused where Nomad refuses. No HTTP, no waiting."""

from __future__ import annotations

from typing import Any

from app.simulators.nomad import deployments, views
from app.simulators.nomad.call import NomadAnswer, NomadCall
from app.simulators.nomad.filters import Row
from app.simulators.nomad.lists import Kind, page
from app.simulators.nomad.refusal import Json, Refused
from app.simulators.nomad.simulator import Simulator
from app.simulators.nomad.tables import Deployment, Evaluation

UUID_LENGTH = 36


class _Fields(dict[str, Any]):
    """The fields that filters of deployments usually read. The others are computed when a filter reads one."""

    def __init__(self, row: Deployment) -> None:
        super().__init__(Status=row.status, JobID=row.job_id, Namespace=row.namespace, ID=row.id)
        self._row = row

    def __contains__(self, key: object) -> bool:
        if not super().__contains__(key):
            self.update(views.deployment(self._row))
        return super().__contains__(key)


def _fields(row: Deployment) -> Row:
    return _Fields(row)


DEPLOYMENTS: Kind[Deployment] = Kind(
    id=lambda row: row.id, key=lambda row: f"{row.create_index}.{row.id}", fields=_fields
)


def list_deployments(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    """In order of creation. The index is that of the whole table, so a change of any deployment ends a wait."""
    with nomad.at_work() as world:
        visible = nomad.visible(call, "read-job")
        found, following = page([d for d in world.deployments.values() if visible(d.namespace)], call, DEPLOYMENTS)
        body = [nomad.release.deployment(views.deployment(row)) for row in found]
        return NomadAnswer(body=body, index=world.touched["deployments"], next_token=following)


def deployment(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        row = _deployment(nomad, call)
        if row is None or not nomad.permits(call, "read-job", namespace=row.namespace):
            raise Refused(404, "deployment not found", index=world.touched["deployments"])
        return NomadAnswer(body=nomad.release.deployment(views.deployment(row)), index=row.modify_index)


def deployment_allocations(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        rows = [row for row in world.allocations.values() if row.deployment_id == call.subject]
        version = (len(rows), max(row.modify_index for row in rows)) if rows else None
        body = [views.allocation_stub(row, nomad.release) for row in rows]
        return NomadAnswer(body=body, index=world.touched["allocations"], version=version)


def promote(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    body = _about_deployment(call)
    with nomad.at_work() as world:
        row = _to_change(nomad, call, "promote-deployment")
        groups = None if body.get("All") else list(body.get("Groups") or ())
        return _changed(row, deployments.promote(world, row, groups))


def fail(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    with nomad.at_work() as world:
        row = _to_change(nomad, call, "fail-deployment")
        evaluation_row, reverted = deployments.fail_on_request(world, row)
        return _changed(row, evaluation_row, reverted)


def pause(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    body = _about_deployment(call)
    with nomad.at_work() as world:
        row = _to_change(nomad, call, "pause-deployment")
        return _changed(row, deployments.pause(world, row, paused=bool(body.get("Pause"))))


def _to_change(nomad: Simulator, call: NomadCall, capability: str) -> Deployment:
    """The deployment to change. Its own namespace decides what the token may do, not the requested one."""
    nomad.who(call)
    row = _deployment(nomad, call)
    if row is None:
        raise Refused(500, "deployment not found")
    nomad.require(call, "submit-job", capability, namespace=row.namespace)
    return row


def _deployment(nomad: Simulator, call: NomadCall) -> Deployment | None:
    if len(call.subject) != UUID_LENGTH:
        raise Refused(500, "deployment lookup failed: index error: UUID must be 36 characters")
    return nomad.world.deployments.get(call.subject)


def _about_deployment(call: NomadCall) -> Json:
    body = call.json()
    if not body.get("DeploymentID"):
        raise Refused(400, "DeploymentID must be specified")
    if body["DeploymentID"] != call.subject:
        raise Refused(400, "Deployment ID does not match")
    return body


def _changed(row: Deployment, created: Evaluation | None, reverted: int | None = None) -> NomadAnswer:
    index = row.modify_index
    body = {
        "DeploymentModifyIndex": index, "EvalCreateIndex": created.create_index if created else 0,
        "EvalID": created.id if created else "",
        "Index": index, "RevertedJobVersion": reverted,
    }  # fmt: skip
    return NomadAnswer(body=body, index=index, read=False)
