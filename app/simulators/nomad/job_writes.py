"""The writes under /v1/job…: NomadCall in, NomadAnswer out, Refused where Nomad refuses. No HTTP."""

from __future__ import annotations

import time

from app.simulators.nomad import operations
from app.simulators.nomad.call import NomadAnswer, NomadCall
from app.simulators.nomad.plan import plan as make_plan
from app.simulators.nomad.refusal import Json, Refused
from app.simulators.nomad.registration import JobRegistration
from app.simulators.nomad.scaling import refuse_count
from app.simulators.nomad.simulator import Simulator
from app.simulators.nomad.tables import JobRecord
from app.simulators.nomad.world import new_id

DISABLED = "Job registration, dispatch, and scale are disabled by the scheduler configuration"


def register(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    body = call.json()
    job = body.get("Job")
    if not isinstance(job, dict):
        raise Refused(400, "Job must be specified")
    if not job.get("ID"):
        raise Refused(400, "Job ID hasn't been provided")
    if call.subject and job["ID"] != call.subject:
        raise Refused(400, "Job ID does not match name")
    enforced = int(body.get("JobModifyIndex") or 0) if body.get("EnforceIndex") else None
    namespace = _namespace(call, body, job)
    _refuse_when_disabled(nomad, call)
    registration = JobRegistration(
        job=job,
        namespace=namespace,
        region=nomad.region,
        enforced=enforced,
        preserve_counts=bool(body.get("PreserveCounts")),
        submission=body.get("Submission"),
        accessor=nomad.who(call).accessor if nomad.acl.enabled else "",
        permitted=nomad.permits(call, "submit-job", "register-job", namespace=namespace),
        request_id=call.request_id,
    )
    return _written(nomad.register(registration))


def plan(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    body = call.json()
    job = body.get("Job")
    if not isinstance(job, dict) or not job.get("ID"):
        raise Refused(400, "Job must have a valid ID" if isinstance(job, dict) else "Job must be specified")
    if job["ID"] != call.subject:
        raise Refused(400, "Job ID does not match")
    namespace = _namespace(call, body, job)
    nomad.require(call, "submit-job", "plan-job", namespace=namespace)
    with nomad.at_work() as world:
        reply = make_plan(world, job, namespace=namespace, diff=bool(body.get("Diff")))
        return NomadAnswer(body=reply, index=reply["Index"], read=False)


def deregister(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    nomad.require(call, "submit-job", "purge-job" if call.flag("purge") else "deregister-job")
    with nomad.at_work() as world:
        if (call.namespace, call.subject) not in world.jobs:
            return _written(operations.NOTHING_STOPPED)
    return _written(nomad.stop(call.subject, purge=call.flag("purge"), namespace=call.namespace))


def revert(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    body = call.json()
    if not body.get("JobID"):
        raise Refused(400, "JobID must be specified")
    if body["JobID"] != call.subject:
        raise Refused(400, "Job ID does not match")
    nomad.require(call, "submit-job", "revert-job")
    _refuse_when_disabled(nomad, call)
    with nomad.at_work() as world:
        record = world.jobs.get((call.namespace, call.subject))
        if record is None:
            raise Refused(500, f'job "{call.subject}" not found')
        accessor = nomad.who(call).accessor if nomad.acl.enabled else ""
        reply = operations.revert(world, nomad.ledger, record, {**body, "NomadTokenID": accessor})
        return NomadAnswer(body=reply, index=reply["Index"])


def scale(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    body = call.json()
    nomad.require(call, "submit-job", "scale-job")
    _refuse_when_disabled(nomad, call)
    group, count = (body.get("Target") or {}).get("Group"), int(body["Count"])
    with nomad.at_work():
        record = _found(nomad, call, Refused(404, f'job "{call.subject}" not found'))
        latest = record.latest_deployment
        if latest is not None and latest.active:
            raise Refused(400, "job scaling blocked due to active deployment")
        refuse_count(record.current, group, count)
    return _written(nomad.scale(call.subject, count=count, group=group, namespace=call.namespace))


def force_periodic(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    nomad.require(call, "submit-job", "force-periodic-job")
    with nomad.at_work() as world:
        record = _found(nomad, call, Refused(500, "job not found"))
        _, eval_id = operations.launch(world, record, f"periodic-{int(time.time())}", {})
        return _written({"EvalCreateIndex": world.index, "EvalID": eval_id, "Index": world.index})


def dispatch(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    nomad.require(call, "dispatch-job")
    _refuse_when_disabled(nomad, call)
    with nomad.at_work() as world:
        record = _found(nomad, call, Refused(500, "parameterized job not found"))
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


def tag_version(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    """Give a version a name, or remove it (DELETE). The path is `<job>/versions/<name>/tag`."""
    job_id, _, name = call.subject.rpartition("/versions/")
    body = call.json() if call.method != "DELETE" else {}
    nomad.require(call, "submit-job", "tag-job-version")
    with nomad.at_work() as world:
        record = nomad.record(job_id, call.namespace)
        return NomadAnswer(
            body=operations.tag(world, record, name, body if call.method != "DELETE" else None), read=False
        )


def _found(nomad: Simulator, call: NomadCall, otherwise: Refused) -> JobRecord:
    record = nomad.world.jobs.get((call.namespace, call.subject))
    if record is None:
        raise otherwise
    return record


def _refuse_when_disabled(nomad: Simulator, call: NomadCall) -> None:
    if nomad.scheduler["RejectJobRegistration"] and not nomad.who(call).management:
        raise Refused(403, DISABLED)


def _namespace(call: NomadCall, body: Json, job: Json) -> str:
    return call.query.get("namespace") or body.get("Namespace") or job.get("Namespace") or "default"


def _written(reply: Json) -> NomadAnswer:
    return NomadAnswer(body=reply, index=reply["Index"], read=False)
