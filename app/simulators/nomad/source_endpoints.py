"""The endpoints about a job's source: the stored submission, and parsing HCL.

The simulator gets a parser of HCL as an argument. This module adds the agent's part.
"""

from __future__ import annotations

from app.simulators.nomad.api_form import parsed
from app.simulators.nomad.call import NomadAnswer, NomadCall
from app.simulators.nomad.refusal import Refused
from app.simulators.nomad.simulator import Simulator

NO_PARSER = "input.hcl:1,1-1: Unsupported; this simulator has no parser of HCL."


def submission(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    version = call.query.get("version", "")
    if not version.isdigit():
        raise Refused(400, "Unable to parse job submission version parameter")
    with nomad.at_work() as world:
        record = world.jobs.get((call.namespace, call.subject))
        source = record.submissions.get(int(version)) if record is not None else None
        if source is None:
            raise Refused(404, "job source not found", index=0)
        return NomadAnswer(body=source, index=source["JobModifyIndex"])


def parse(nomad: Simulator, call: NomadCall) -> NomadAnswer:
    nomad.require(call, "parse-job", "submit-job")
    body = call.json()
    text = body.get("JobHCL") or ""
    if not text:
        raise Refused(400, "Job spec is empty")
    try:
        if nomad.parse is None:
            raise ValueError(NO_PARSER)
        job = nomad.parse(text, body.get("Variables") or "")
    except ValueError as unreadable:
        raise Refused(400, f"Failed to parse job: {unreadable}") from None
    return NomadAnswer(body=nomad.release.job(parsed(job)) if body.get("Canonicalize") else job, read=False)
