"""Answers: which versions of a job are kept, and what does a new one start with?"""

from __future__ import annotations

from app.simulators.nomad.refusal import Json
from app.simulators.nomad.tables import JobRecord
from app.simulators.nomad.world import KEPT_VERSIONS, World


def add(world: World, record: JobRecord, job: Json, *, source: Json | None = None) -> Json:
    """Make `job` the current version at the present index: number + 1, or the number in it where that is larger
    (docs/nomad.md, section 4). Without a source of its own it inherits that of the version it names (section 6).
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
    keep_source(record, source)
    _forget(record)
    return stored


def keep_source(record: JobRecord, source: Json | None) -> None:
    """Store the source of the current version as GET …/submission shows it; nothing for None."""
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
    """Six untagged versions stay; the newest stable one is not the one to go."""
    untagged = [job for job in record.versions if job["VersionTag"] is None]
    if len(untagged) <= KEPT_VERSIONS:
        return
    newest_stable = next((job for job in reversed(untagged) if job["Stable"]), None)
    gone = next(job for job in untagged if job is not newest_stable)
    record.versions = [job for job in record.versions if job is not gone]
    record.submissions.pop(gone["Version"], None)
