"""Answers: what do the evaluation, deployment, allocation and agent paths do? Call in, Answer out; no HTTP, no
waiting.
"""

from __future__ import annotations

from app.local.nomad import deployments, views
from app.local.nomad.call import Answer, Call
from app.local.nomad.refusal import Json, Refused
from app.local.nomad.simulator import Simulator
from app.local.nomad.tables import Deployment, Evaluation
from app.local.nomad.timing import Fate
from app.local.nomad.world import World, images_of

UUID_LENGTH = 36
BAD_UUID = "UUID must be 36 characters"


def evaluation(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        row = _evaluation(world, call.subject)
        return Answer(body=views.evaluation(row), index=row.modify_index)


def evaluation_allocations(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        rows = [row for row in world.allocations.values() if row.eval_id == call.subject]
        return Answer(body=[views.allocation_stub(row) for row in rows], index=world.touched["allocations"])


def list_deployments(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        rows = [row for row in world.deployments.values() if call.namespace in ("*", row.namespace)]
        return Answer(body=[views.deployment(row) for row in rows], index=world.touched["deployments"])


def deployment(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        row = _deployment(world, call.subject, missing=404)
        return Answer(body=views.deployment(row), index=row.modify_index)


def deployment_allocations(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        rows = [row for row in world.allocations.values() if row.deployment_id == call.subject]
        index = max((row.modify_index for row in rows), default=world.touched["allocations"])
        return Answer(body=[views.allocation_stub(row) for row in rows], index=index)


def promote(nomad: Simulator, call: Call) -> Answer:
    body = _about_deployment(call)
    with nomad.at_work() as world:
        row = _deployment(world, call.subject, missing=500)
        groups = None if body.get("All") else list(body.get("Groups") or ())
        return _moved(row, deployments.promote(world, row, groups))


def fail(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        row = _deployment(world, call.subject, missing=500)
        evaluation_row, reverted = deployments.fail_by_hand(world, row)
        return _moved(row, evaluation_row, reverted)


def pause(nomad: Simulator, call: Call) -> Answer:
    body = _about_deployment(call)
    with nomad.at_work() as world:
        row = _deployment(world, call.subject, missing=500)
        return _moved(row, deployments.pause(world, row, paused=bool(body.get("Pause"))))


def allocation(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        row = world.allocations.get(call.subject)
        if row is None:
            raise Refused(404, "alloc not found", index=world.touched["allocations"])
        return Answer(body=views.allocation(row), index=row.modify_index)


def logs(nomad: Simulator, call: Call) -> Answer:
    """The last output of a task whose image was judged to exit badly: the verdict's text; plain text, so bytes."""
    with nomad.at_work() as world:
        row = world.allocations.get(call.subject)
        if row is None:
            raise Refused(404, "alloc not found")
        verdict = world.fated(list(images_of(row.job, row.group).values()), Fate.EXITS_NONZERO)
        text = verdict.text if verdict is not None and call.query.get("type", "stderr") == "stderr" else ""
        return Answer(body=text.encode(), read=False)


def leader(nomad: Simulator, call: Call) -> Answer:
    return Answer(body="127.0.0.1:4647", read=False)


def agent_self(nomad: Simulator, call: Call) -> Answer:
    config = {"Region": nomad.region, "Version": {"Version": "2.0.6", "VersionPrerelease": "dev"}, "Datacenter": "dc1"}
    member = {"Name": f"simulator.{nomad.region}", "Tags": {"build": "2.0.6-dev", "region": nomad.region}}
    return Answer(body={"config": config, "member": member, "stats": {"nomad": {"server": "true"}}}, read=False)


def create_namespace(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        world.namespaces.add(call.subject)
        return Answer(body=None, index=world.commit(), read=False)


def _evaluation(world: World, eval_id: str) -> Evaluation:
    if len(eval_id) != UUID_LENGTH:
        raise Refused(500, f"failed to lookup eval: eval lookup failed: index error: {BAD_UUID}")
    row = world.evaluations.get(eval_id)
    if row is None:
        raise Refused(404, "eval not found", index=world.touched["evaluations"])
    return row


def _deployment(world: World, deployment_id: str, *, missing: int) -> Deployment:
    if len(deployment_id) != UUID_LENGTH:
        raise Refused(500, f"deployment lookup failed: index error: {BAD_UUID}")
    row = world.deployments.get(deployment_id)
    if row is None:
        raise Refused(missing, "deployment not found", index=world.touched["deployments"] if missing == 404 else None)
    return row


def _about_deployment(call: Call) -> Json:
    body = call.json()
    if not body.get("DeploymentID"):
        raise Refused(400, "DeploymentID must be specified")
    if body["DeploymentID"] != call.subject:
        raise Refused(400, "Deployment ID does not match")
    return body


def _moved(row: Deployment, made: Evaluation | None, reverted: int | None = None) -> Answer:
    index = row.modify_index
    body = {
        "DeploymentModifyIndex": index, "EvalCreateIndex": made.create_index if made else 0,
        "EvalID": made.id if made else "",
        "Index": index, "RevertedJobVersion": reverted,
    }  # fmt: skip
    return Answer(body=body, index=index, read=False)
