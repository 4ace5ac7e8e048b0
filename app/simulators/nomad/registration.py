"""Registers a job, with Nomad's checks in Nomad's order, atomically. (docs/nomad.md, section 4)"""

from __future__ import annotations

from dataclasses import dataclass

from app.simulators.nomad import evaluations, job_status, scaling, versions
from app.simulators.nomad.ledger import CLIENT, Ledger
from app.simulators.nomad.refusal import Json, Refused
from app.simulators.nomad.specification import add_implied, canonical, same_specification
from app.simulators.nomad.tables import JobRecord
from app.simulators.nomad.validation import check, check_change
from app.simulators.nomad.warnings import warnings_of
from app.simulators.nomad.world import World

SEED = "seed"
SEEDED_FIELDS = ("ParentID", "Dispatched", "Stable")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRegistration:
    """A decoded registration. `namespace` and `region` are resolved already, from query, body, job or default."""

    job: Json
    namespace: str = "default"
    region: str = "global"
    enforced: int | None = None
    """The JobModifyIndex of a check-and-set: 0 for "only if new", None without EnforceIndex."""
    preserve_counts: bool = False
    submission: Json | None = None
    accessor: str = ""
    permitted: bool = True
    """Whether the token may register. If not, it is refused after the validation of the job."""
    request_id: str = ""
    origin: str = CLIENT


def register(world: World, ledger: Ledger, registration: JobRegistration) -> Json:
    """Apply a registration. Returns Nomad's reply; Refused with the exact text where Nomad refuses."""
    job = world.release.stored(canonical(registration.job))
    add_implied(job, world.implied)
    if not world.release.takes_posted_version and registration.origin != SEED:
        job["Version"] = 0
    job.update(Namespace=registration.namespace, Region=registration.region, NomadTokenID=registration.accessor)
    if registration.origin == SEED:
        job.update({key: registration.job[key] for key in SEEDED_FIELDS if key in registration.job})
    else:
        check(job, registration.job, world.namespaces)
    if not registration.permitted:
        raise Refused(403, "Permission denied")
    record = world.jobs.get((registration.namespace, job["ID"]))
    _enforce(record, registration.enforced)
    scaling.fill(job, record.current if record is not None else None, world.index + 1)
    if record is not None:
        check_change(job, record.current)
        if registration.preserve_counts:
            _keep_counts(job, record.current)
        if same_specification(record.current, job):
            return _unchanged(world, ledger, record, registration)
    world.commit()
    job["SubmitTime"] = int(world.now * 1e9)
    record = _store(world, record, job, registration)
    _write(ledger, world, record, registration, changed=True)
    return reply(world, record, trigger="job-register", warnings=warnings_of(job, world.release))


def reply(world: World, record: JobRecord, *, trigger: str, warnings: str = "") -> Json:
    """The reply for a changed job: an evaluation at the job's own index, none for a periodic or parameterized job."""
    index = record.current["JobModifyIndex"]
    if launched_later(record.current):
        job_status.refresh(world, record.namespace, record.id)
        return response(eval_id="", eval_index=0, index=index, modify_index=index, warnings=warnings)
    evaluation = evaluations.create(world, record, trigger, registered=True)
    return response(eval_id=evaluation.id, eval_index=index, index=index, modify_index=index, warnings=warnings)


def response(*, eval_id: str, eval_index: int, index: int, modify_index: int, warnings: str = "") -> Json:
    return {
        "EvalCreateIndex": eval_index, "EvalID": eval_id, "Index": index, "JobModifyIndex": modify_index,
        "KnownLeader": False,
        "LastContact": 0, "NextToken": "", "Warnings": warnings,
    }  # fmt: skip


def launched_later(job: Json) -> bool:
    return bool(job["Periodic"]) or (bool(job["ParameterizedJob"]) and not job["Dispatched"])


def _enforce(record: JobRecord | None, enforced: int | None) -> None:
    if enforced is None:
        return
    if record is None:
        if enforced:
            raise Refused(500, f"Enforcing job modify index {enforced}: job does not exist")
        return
    current = record.current["JobModifyIndex"]
    if not enforced:
        raise Refused(500, "Enforcing job modify index 0: job already exists")
    if enforced != current:
        text = f"Enforcing job modify index {enforced}: job exists with conflicting job modify index: {current}"
        raise Refused(500, text)


def _unchanged(world: World, ledger: Ledger, record: JobRecord, registration: JobRegistration) -> Json:
    """The reply for an equal specification: an evaluation, no new version, and the job's old ModifyIndex."""
    modern = world.release.modern
    modify_index = record.current["ModifyIndex" if modern else "JobModifyIndex"]
    _write(ledger, world, record, registration, changed=False)
    if launched_later(record.current):
        index = modify_index if modern else 0
        warnings = warnings_of(record.current, world.release)
        return response(eval_id="", eval_index=0, index=index, modify_index=modify_index, warnings=warnings)
    world.commit()
    evaluation = evaluations.create(world, record, "job-register", registered=not modern)
    index = evaluation.create_index
    warnings = warnings_of(record.current, world.release)
    return response(eval_id=evaluation.id, eval_index=index, index=index, modify_index=modify_index, warnings=warnings)


def _store(world: World, record: JobRecord | None, job: Json, registration: JobRegistration) -> JobRecord:
    source = registration.submission
    if record is not None:
        versions.add(world, record, {**job, "Status": record.current["Status"]}, source=source)
        return record
    index = world.index
    version = job["Version"] if registration.origin == SEED else 0
    job.update(CreateIndex=index, ModifyIndex=index, JobModifyIndex=index, Version=version)
    record = JobRecord(namespace=job["Namespace"], id=job["ID"], versions=[job])
    world.jobs[record.namespace, record.id] = record
    world.touch("jobs")
    world.tell(job)
    versions.keep_source(record, source)
    return record


def _keep_counts(job: Json, stored: Json) -> None:
    counts = {group["Name"]: group["Count"] for group in stored["TaskGroups"]}
    for group in job["TaskGroups"]:
        group["Count"] = counts.get(group["Name"], group["Count"])


def _write(ledger: Ledger, world: World, record: JobRecord, registration: JobRegistration, *, changed: bool) -> None:
    ledger.append(
        record.current,
        time=world.now,
        origin=registration.origin,
        enforced=registration.enforced,
        changed=changed,
        request_id=registration.request_id,
    )
