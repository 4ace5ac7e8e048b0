"""Exchanges recorded with real agents (tests/fixtures/nomad_api), and looks put together from them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from app.adapters.nomad.follow.snapshot import JobReads, snapshot
from app.domain.deployment import Snapshot
from app.domain.job import Submission

FIXTURES = Path(__file__).parents[2] / "fixtures" / "nomad_api"
CURRENT, OLD = "2.0.6-dev", "1.9.7"


@cache
def scenario(name: str, version: str = CURRENT) -> list[dict[str, Any]]:
    """The exchanges of one scenario, in order."""
    found: list[dict[str, Any]] = json.loads((FIXTURES / version / f"{name}.json").read_text(encoding="utf-8"))
    return found


@cache
def corpus() -> dict[str, dict[str, Any]]:
    """The specifications as posted and as read back."""
    found: dict[str, dict[str, Any]] = json.loads((FIXTURES / CURRENT / "job-corpus.json").read_text(encoding="utf-8"))
    return found


def replies(name: str, step: str, version: str = CURRENT) -> list[Any]:
    """The reply bodies of every exchange with that step's name, in order."""
    found = [each["response"]["body"] for each in scenario(name, version) if each["step"] == step]
    assert found, f"{version}/{name} has no step {step}"
    return found


def posted(name: str, step: str, version: str = CURRENT) -> dict[str, Any]:
    """The job that was posted in a step."""
    [body] = [each["request"]["body"] for each in scenario(name, version) if each["step"] == step]
    job: dict[str, Any] = body["Job"]
    return job


def submitted(name: str, step: str, version: str = CURRENT) -> Submission:
    """The submission that a register reply stands for."""
    [reply] = replies(name, step, version)
    return Submission(index=reply["JobModifyIndex"], evaluation_id=reply["EvalID"])


def seen(job: dict[str, Any], submission: Submission, **lists: Any) -> Snapshot:
    """The snapshot of a look that read this."""
    return snapshot(JobReads(job=job, **lists), submission)


def as_job(posted_job: dict[str, Any], submission: Submission, *, version: int, **fields: Any) -> dict[str, Any]:
    """A posted job as the server holds it after the registration, where the scenario has no read of its own."""
    return {**posted_job, "JobModifyIndex": submission.index, "Version": version, "Stop": False, **fields}
