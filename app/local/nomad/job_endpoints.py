"""Answers: what does each /v1/job… path do? Call in, Answer out; Refused where Nomad refuses. No HTTP, no waiting."""

from __future__ import annotations

import time
from typing import TypeVar

from app.local.nomad import operations, views
from app.local.nomad.call import Answer, Call
from app.local.nomad.plan import plan as make_plan
from app.local.nomad.refusal import Json, Refused
from app.local.nomad.registration import Registration
from app.local.nomad.simulator import Simulator
from app.local.nomad.tables import JobRecord, Row
from app.local.nomad.world import World, new_id

AnyRow = TypeVar("AnyRow", bound=Row)


def list_jobs(nomad: Simulator, call: Call) -> Answer:
    prefix = call.query.get("prefix", "")
    with nomad.at_work() as world:
        found = [
            record
            for (namespace, job_id), record in sorted(world.jobs.items())
            if call.namespace in ("*", namespace) and job_id.startswith(prefix)
        ]
        stubs = [views.job_stub(record, meta=call.flag("meta")) for record in found]
        return Answer(body=stubs, index=world.touched["jobs"])


def read_job(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work():
        job = nomad.record(call.subject, call.namespace).current
        return Answer(body=job, index=job["ModifyIndex"])


def register(nomad: Simulator, call: Call) -> Answer:
    body = call.json()
    job = body.get("Job")
    if not isinstance(job, dict):
        raise Refused(400, "Job must be specified")
    if not job.get("ID"):
        raise Refused(400, "Job ID hasn't been provided")
    if call.subject and job["ID"] != call.subject:
        raise Refused(400, "Job ID does not match name")
    enforced = int(body.get("JobModifyIndex") or 0) if body.get("EnforceIndex") else None
    reply = nomad.register(
        Registration(
            job=job,
            namespace=_namespace(call, body, job),
            region=nomad.region,
            enforced=enforced,
            preserve_counts=bool(body.get("PreserveCounts")),
            submission=body.get("Submission"),
            accessor=nomad.accessor,
            request_id=call.request_id,
        )
    )
    return _written(reply)


def plan(nomad: Simulator, call: Call) -> Answer:
    body = call.json()
    job = body.get("Job")
    if not isinstance(job, dict) or not job.get("ID"):
        raise Refused(400, "Job must have a valid ID" if isinstance(job, dict) else "Job must be specified")
    if job["ID"] != call.subject:
        raise Refused(400, "Job ID does not match")
    with nomad.at_work() as world:
        reply = make_plan(world, job, namespace=_namespace(call, body, job), diff=bool(body.get("Diff")))
        return Answer(body=reply, index=reply["Index"], read=False)


def versions(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        record = world.jobs.get((call.namespace, call.subject))
        if record is None:
            raise Refused(404, "job versions not found", index=world.touched["jobs"])
        index = max(job["ModifyIndex"] for job in record.versions)
        shown = {"Diffs": None, "Index": index, "KnownLeader": True, "LastContact": 0, "NextToken": ""}
        return Answer(body={**shown, "Versions": record.versions[::-1]}, index=index)


def submission(nomad: Simulator, call: Call) -> Answer:
    version = int(call.query.get("version") or 0)
    with nomad.at_work() as world:
        record = world.jobs.get((call.namespace, call.subject))
        source = record.submissions.get(version) if record is not None else None
        if source is None:
            raise Refused(404, "job source not found", index=world.touched["jobs"])
        return Answer(body=source, index=world.touched["jobs"])


def summary(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work():
        record = nomad.record(call.subject, call.namespace)
        return Answer(body=views.summary(record), index=record.current["ModifyIndex"])


def deployments(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        record = _record(world, call)
        rows = _by_id(record.deployments) if record is not None else []
        return Answer(body=[views.deployment(row) for row in rows], index=world.touched["deployments"])


def deployment(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        record = _record(world, call)
        latest = record.latest_deployment if record is not None else None
        body = views.deployment(latest) if latest is not None else None
        return Answer(body=body, index=world.touched["deployments"])


def evaluations(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        record = _record(world, call)
        rows = _by_id(record.evaluations) if record is not None else []
        index = max((row.modify_index for row in rows), default=world.touched["evaluations"])
        return Answer(body=[views.evaluation(row) for row in rows], index=index)


def allocations(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        record = _record(world, call)
        rows = _by_id(record.allocations) if record is not None else []
        index = max((row.modify_index for row in rows), default=world.touched["allocations"])
        return Answer(body=[views.allocation_stub(row) for row in rows], index=index)


def deregister(nomad: Simulator, call: Call) -> Answer:
    return _written(nomad.stop(call.subject, purge=call.flag("purge"), namespace=call.namespace))


def revert(nomad: Simulator, call: Call) -> Answer:
    body = call.json()
    if not body.get("JobID"):
        raise Refused(400, "JobID must be specified")
    if body["JobID"] != call.subject:
        raise Refused(400, "Job ID does not match")
    with nomad.at_work() as world:
        record = _record(world, call)
        if record is None:
            raise Refused(500, f'job "{call.subject}" not found')
        return _written(operations.revert(world, nomad.ledger, record, body))


def scale(nomad: Simulator, call: Call) -> Answer:
    body = call.json()
    group = (body.get("Target") or {}).get("Group")
    return _written(nomad.scale(call.subject, count=int(body["Count"]), group=group, namespace=call.namespace))


def force_periodic(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        record = nomad.record(call.subject, call.namespace)
        _, eval_id = operations.launch(world, record, f"periodic-{int(time.time())}", {})
        return _written({"EvalCreateIndex": world.index, "EvalID": eval_id, "Index": world.index})


def dispatch(nomad: Simulator, call: Call) -> Answer:
    with nomad.at_work() as world:
        record = nomad.record(call.subject, call.namespace)
        meta = {**(record.current["Meta"] or {}), **(call.json().get("Meta") or {})}
        suffix = f"dispatch-{int(time.time())}-{new_id()[:8]}"
        child, eval_id = operations.launch(world, record, suffix, {"Dispatched": True, "Meta": meta or None})
        index = child.current["CreateIndex"]
        return _written(
            {
                "DispatchedJobID": child.id,
                "EvalCreateIndex": index,
                "EvalID": eval_id,
                "Index": index,
                "JobCreateIndex": index,
            }
        )


def _by_id(rows: dict[str, AnyRow]) -> list[AnyRow]:
    """In the order of their random ids, as Nomad's tables are: no caller may take it for an order of time."""
    return [rows[key] for key in sorted(rows)]


def _record(world: World, call: Call) -> JobRecord | None:
    return world.jobs.get((call.namespace, call.subject))


def _namespace(call: Call, body: Json, job: Json) -> str:
    return call.query.get("namespace") or body.get("Namespace") or job.get("Namespace") or "default"


def _written(reply: Json) -> Answer:
    return Answer(body=reply, index=reply["Index"], read=False)
