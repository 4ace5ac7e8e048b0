"""The stored versions of a job: how one is added, and which are kept."""

from __future__ import annotations

from app.simulators.nomad.refusal import Json
from app.simulators.nomad.tables import JobRecord
from app.simulators.nomad.world import KEPT_VERSIONS, World


def add(world: World, record: JobRecord, job: Json, *, source: Json | None = None) -> Json:
    """Make `job` the current version at the present index. Returns it as stored.

    Its number is the last one plus 1, or the number in `job` if that is larger. (docs/nomad.md, section 4) Without a
    source of its own it inherits the source of the version that `job` names. (section 6)
    """
    number = max(record.current["Version"] + 1, job["Version"])
    if source is None and job["Version"] <= record.current["Version"]:
        source = record.submissions.get(job["Version"])
    stored = {
        **job,
        "Version": number,
        "CreateIndex": record.current["CreateIndex"],
        "JobModifyIndex": world.index,
        "ModifyIndex": world.index,
    }
    record.versions.append(stored)
    world.touch("jobs")
    world.tell(stored)
    keep_source(record, source)
    _forget(record)
    return stored


def keep_source(record: JobRecord, source: Json | None) -> None:
    """Store the source of the current version as GET …/submission shows it. None stores nothing."""
    if source is None:
        return
    job = record.current
    record.submissions[job["Version"]] = {
        "Format": source.get("Format") or "hcl2", "JobID": record.id, "JobModifyIndex": job["JobModifyIndex"],
        "Namespace": record.namespace, "Source": source.get("Source") or "",
        "VariableFlags": source.get("VariableFlags"), "Variables": source.get("Variables") or "",
        "Version": job["Version"],
    }  # fmt: skip


def _forget(record: JobRecord) -> None:
    """Delete the oldest version beyond six untagged ones, but never the newest stable one."""
    untagged = [job for job in record.versions if job["VersionTag"] is None]
    if len(untagged) <= KEPT_VERSIONS:
        return
    newest_stable = next((job for job in reversed(untagged) if job["Stable"]), None)
    oldest = next(job for job in untagged if job is not newest_stable)
    record.versions = [job for job in record.versions if job is not oldest]
    record.submissions.pop(oldest["Version"], None)
