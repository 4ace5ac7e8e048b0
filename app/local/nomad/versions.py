"""Answers: which versions of a job are kept, and what does a new one start with?"""

from __future__ import annotations

from app.local.nomad.refusal import Json
from app.local.nomad.tables import JobRecord
from app.local.nomad.world import KEPT_VERSIONS, World


def add(world: World, record: JobRecord, job: Json) -> Json:
    """Make `job` the current version at the present index: number + 1, or the number in it where that is larger
    (GH-27768).
    """
    number = max(record.current["Version"] + 1, job["Version"])
    stored = {
        **job,
        "Version": number,
        "CreateIndex": record.current["CreateIndex"],
        "JobModifyIndex": world.index,
        "ModifyIndex": world.index,
    }
    record.versions.append(stored)
    world.touched["jobs"] = world.index
    _forget(record)
    return stored


def _forget(record: JobRecord) -> None:
    """Six untagged versions stay; the newest stable one is not the one to go."""
    untagged = [job for job in record.versions if job["VersionTag"] is None]
    if len(untagged) <= KEPT_VERSIONS:
        return
    newest_stable = next((job for job in reversed(untagged) if job["Stable"]), None)
    gone = next(job for job in untagged if job is not newest_stable)
    record.versions = [job for job in record.versions if job is not gone]
    record.submissions.pop(gone["Version"], None)
