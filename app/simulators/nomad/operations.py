"""The other operations on a stored job: stop, purge, revert, tag, scale, edit, launch of a child."""

from __future__ import annotations

from collections.abc import Callable

from app.simulators.nomad import evaluations, job_status, registration, versions
from app.simulators.nomad.ledger import Ledger
from app.simulators.nomad.refusal import Json, Refused
from app.simulators.nomad.tables import JobRecord
from app.simulators.nomad.world import ROW_TABLES, World, new_id


def stop(world: World, record: JobRecord) -> Json:
    """Stop a job (DELETE without purge): a new version with Stop, and an evaluation that stops its allocations."""
    world.commit()
    versions.add(world, record, {**record.current, "Stop": True, "Stable": False, "SubmitTime": int(world.now * 1e9)})
    return _stop_reply(evaluations.create(world, record, "job-deregister", registered=True).id, world.index)


def purge(world: World, record: JobRecord) -> Json:
    """Delete a job with its versions, deployments, evaluations and allocations."""
    world.commit()
    del world.jobs[record.namespace, record.id]
    for key in record.deployments:
        world.deployments.pop(key, None)
    for key in record.evaluations:
        world.evaluations.pop(key, None)
    for key in record.allocations:
        world.allocations.pop(key, None)
    world.touch(*ROW_TABLES)
    world.tell(record.current, deleted=True)
    return _stop_reply(new_id(), world.index)


def _stop_reply(eval_id: str, index: int) -> Json:
    return {
        "EvalCreateIndex": index, "EvalID": eval_id, "Index": index, "JobModifyIndex": index, "KnownLeader": False,
        "LastContact": 0, "NextToken": "", "VolumeEvalID": "", "VolumeEvalIndex": 0,
    }  # fmt: skip


NOTHING_STOPPED = _stop_reply("", 0)
"""The reply for a job that does not exist; this is not an error."""


def revert(world: World, ledger: Ledger, record: JobRecord, body: Json) -> Json:
    """Make an earlier version the current one again, under a new number."""
    version, prior = body.get("JobVersion", 0), body.get("EnforcePriorVersion")
    current = record.current
    if prior is not None and prior != current["Version"]:
        raise Refused(500, f"Current job has version {current['Version']}; enforcing version {prior}")
    if version == current["Version"]:
        raise Refused(500, "can't revert to current version")
    old = next((job for job in record.versions if job["Version"] == version), None)
    if old is None:
        raise Refused(500, f'job "{record.id}" in namespace "{record.namespace}" at version {version} not found')
    job = {**old, "VersionTag": None, "NomadTokenID": body["NomadTokenID"]}
    return _change(world, ledger, record, job, origin="revert")


def tag(world: World, record: JobRecord, name: str, body: Json | None) -> Json:
    """Give a version this name, or remove the name if `body` is None. Returns Nomad's reply."""
    version: int = (body or {}).get("Version") or 0
    place = next(
        (n for n, job in enumerate(record.versions) if _has_name(job, name, version, given=body is not None)), None
    )
    if place is None:
        raise Refused(404, f'job version not found: job "{record.id}" version {version}')
    world.commit()
    given = None
    if body is not None:
        given = {"Description": body.get("Description") or "", "Name": name, "TaggedTime": int(world.now * 1e9)}
    world.replace_job(record, place, VersionTag=given)
    return {
        "Description": "", "Name": "", "TaggedTime": 0, **(given or {}), "Index": world.index, "KnownLeader": False,
        "LastContact": 0, "NextToken": "",
    }  # fmt: skip


def _has_name(job: Json, name: str, version: int, *, given: bool) -> bool:
    return bool(job["Version"] == version if given else (job["VersionTag"] or {}).get("Name") == name)


def scale(world: World, ledger: Ledger, record: JobRecord, *, group: str | None, count: int) -> Json:
    """Set a group's count (by default the first group's). The reply's Index is larger than its JobModifyIndex."""

    def edit(each: Json) -> Json:
        return {**each, "Count": count}

    job = _edit_group(record.current, group or record.current["TaskGroups"][0]["Name"], edit)
    answer = _change(world, ledger, record, job, origin="scale", trigger="job-scaling")
    return {**answer, "Index": answer["Index"] + 2, "KnownLeader": True}


def set_image(world: World, ledger: Ledger, record: JobRecord, *, place: tuple[str, str], image: str) -> Json:
    """Change the image of one (group, task), as a person does with the CLI."""
    group, name = place

    def edit(each: Json) -> Json:
        tasks = [
            {**t, "Config": {**(t["Config"] or {}), "image": image}} if t["Name"] == name else t for t in each["Tasks"]
        ]
        return {**each, "Tasks": tasks}

    return _change(world, ledger, record, _edit_group(record.current, group, edit), origin="edit")


def change_meta(world: World, ledger: Ledger, record: JobRecord) -> Json:
    """A registration by somebody else: a new value for one key of the job's Meta."""
    meta = {**(record.current["Meta"] or {}), "changed-by-another": str(world.index)}
    return _change(world, ledger, record, {**record.current, "Meta": meta}, origin="foreign")


def launch(world: World, record: JobRecord, suffix: str, changes: Json) -> tuple[JobRecord, str]:
    """Start a child of a periodic or parameterized job. Returns its record, and the id of its evaluation."""
    world.commit()
    child_id = f"{record.id}/{suffix}"
    index = world.index
    job = {
        **record.current, "ID": child_id, "Name": child_id, "ParentID": record.id, "Periodic": None,
        "Status": "pending",
        "Stable": False, "CreateIndex": index, "ModifyIndex": index, "JobModifyIndex": index,
        "SubmitTime": int(world.now * 1e9), **changes,
    }  # fmt: skip
    child = JobRecord(namespace=record.namespace, id=child_id, versions=[job])
    world.jobs[child.namespace, child.id] = child
    world.tell(job)
    evaluation = evaluations.create(world, child, "job-register", registered=True)
    job_status.refresh(world, child.namespace, child.id)
    return child, evaluation.id


def _change(
    world: World, ledger: Ledger, record: JobRecord, job: Json, *, origin: str, trigger: str = "job-register"
) -> Json:
    world.commit()
    submitted = {
        **job,
        "Stable": False,
        "Status": record.current["Status"],
        "SubmitTime": int(world.now * 1e9),
    }
    stored = versions.add(world, record, submitted)
    ledger.append(stored, time=world.now, origin=origin, enforced=None, changed=True, request_id="")
    return registration.reply(world, record, trigger=trigger)


def _edit_group(job: Json, name: str, edit: Callable[[Json], Json]) -> Json:
    if name not in [group["Name"] for group in job["TaskGroups"]]:
        raise Refused(400, f'task group "{name}" specified for scaling does not exist in job')
    return {**job, "TaskGroups": [edit(group) if group["Name"] == name else group for group in job["TaskGroups"]]}
