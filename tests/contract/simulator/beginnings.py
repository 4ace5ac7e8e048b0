"""The state at the start of a recording, as far as its own exchanges show it: existing jobs, tokens, an operator's
switch, and the jobs of parsed HCL.
"""

import time
import uuid
from dataclasses import dataclass
from typing import Any

from app.simulators.nomad import Simulator, Timing, sample_job
from app.simulators.nomad.acl import AclToken
from app.simulators.nomad.job_writes import DISABLED
from tests.contract.simulator.recording import Exchange, Scenario

MANAGEMENT = "ffffffff-0000-0000-0000-000000000001"
CLIENT = "ffffffff-0000-0000-0000-000000000002"
UNKNOWN = "ffffffff-0000-0000-0000-000000000003"
GARBAGE = "garbage"
EVERYTHING = ["list-jobs", "read-job", "submit-job", "read-logs"]


@dataclass(frozen=True, slots=True)
class Beginning:
    """The simulator, the secrets of the callers in steps `who:call`, and its indexes for the recorded ones."""

    simulator: Simulator
    secrets: dict[str, str]
    indexes: dict[int, int]


def begin(scenario: Scenario, timing: Timing) -> Beginning:
    """The state at the beginning of a recording."""
    exchanges = scenario.exchanges
    # Only `skip` moves the clock. Otherwise a rollout could end before it is read on a busy machine.
    now = time.time()
    simulator = Simulator(version=scenario.version, parse=_reader(exchanges), timing=timing, clock=lambda: now)
    if any("token" in exchange["request"] for exchange in exchanges):
        simulator.acl.add(AclToken(secret=MANAGEMENT, accessor=str(uuid.uuid4()), management=True))
        simulator.add_token(CLIENT, {"*": EVERYTHING})
    simulator.world.namespaces |= {e["request"]["query"].get("namespace", "default") for e in exchanges if _applied(e)}
    indexes = {}
    for job in _there_before(exchanges):
        simulator.seed(job)
        indexes[job["JobModifyIndex"]] = simulator.job(job["ID"], job["Namespace"])["JobModifyIndex"]
    simulator.skip(60)
    return Beginning(simulator, dict(_tokens(simulator, exchanges)), indexes)


def _applied(exchange: Exchange) -> bool:
    return bool(exchange["request"]["method"] != "GET" and exchange["response"]["status"] == 200)


def secret_for(exchange: Exchange, secrets: dict[str, str], simulator: Simulator) -> str | None:
    """The secret that a request carries. If the recording hides it, it is derived from the reply."""
    who, colon, _ = exchange["step"].partition(":")
    if colon and who in secrets:
        return secrets[who]
    if "token" not in exchange["request"]:
        return None
    refused = exchange["response"]["body"]
    if refused == DISABLED:
        simulator.reject_registrations()
        return CLIENT
    if simulator.scheduler["RejectJobRegistration"]:
        simulator.reject_registrations(rejected=False)
    return UNKNOWN if refused == "Permission denied" else MANAGEMENT


def _tokens(simulator: Simulator, exchanges: list[Exchange]) -> list[tuple[str, str]]:
    found = []
    for number, exchange in enumerate(exchanges):
        who, _, call = exchange["step"].partition(":")
        status, body = exchange["response"]["status"], exchange["response"]["body"]
        if call != "self":
            continue
        secret = f"ffffffff-0000-0000-0001-{number:012d}"
        if status == 200 and body["AccessorID"] == "anonymous":
            secret = ""
        elif status == 200:
            token = AclToken(
                secret=secret, accessor=body["AccessorID"], name=body["Name"], policies=tuple(body["Policies"])
            )
            simulator.acl.add(token)
        elif status == 500:
            secret = GARBAGE
        found.append((who, secret))
    return found


def _there_before(exchanges: list[Exchange]) -> list[dict[str, Any]]:
    """Jobs that a recording reads, or changes with a check-and-set, before it registers them."""
    met: set[tuple[str, str]] = set()
    found = []
    for exchange in exchanges:
        request, response = exchange["request"], exchange["response"]
        sent = request.get("body") if isinstance(request.get("body"), dict) else {}
        job = (sent or {}).get("Job") or {}
        if request["path"] == "/v1/jobs" and request["method"] == "GET" and response["status"] == 200:
            listed = [s for s in response["body"] if not s["ParentID"] and (s["Namespace"], s["ID"]) not in met]
            found += [_like(stub, exchanges) for stub in listed]
            met |= {(stub["Namespace"], stub["ID"]) for stub in listed}
            continue
        read = response["body"] if request["method"] == "GET" and isinstance(response["body"], dict) else {}
        if "TaskGroups" not in read or "JobModifyIndex" not in read or "Status" not in read or "Stop" not in read:
            read = {}
        known = read or job
        place = request["query"].get("namespace") or known.get("Namespace") or "default", known.get("ID", "")
        if not known or place in met or response["status"] != 200:
            continue
        met.add(place)
        if read and not read.get("ParentID"):
            found.append({**read, "Namespace": place[0]})
        elif job and sent.get("EnforceIndex") and sent.get("JobModifyIndex"):
            found.append({**_with_other_images(job), "Namespace": place[0]})
    return found


def _like(stub: dict[str, Any], exchanges: list[Exchange]) -> dict[str, Any]:
    """A job that the recording shows only in lists."""
    lists = [e["response"]["body"] for e in exchanges if e["request"]["query"].get("meta")]
    meta = next((row["Meta"] for rows in lists for row in rows if row["ID"] == stub["ID"]), None)
    job = sample_job(stub["ID"], "listed", kind=stub["Type"], namespace=stub["Namespace"], Meta=meta)
    return {**job, "JobModifyIndex": stub["JobModifyIndex"]}


def _with_other_images(job: dict[str, Any]) -> dict[str, Any]:
    """A possible state of the job before this check-and-set changed it."""
    groups = [
        {**group, "Tasks": [{**t, "Config": {**(t["Config"] or {}), "image": "before"}} for t in group["Tasks"]]}
        for group in job["TaskGroups"]
    ]
    return {**job, "TaskGroups": groups, "Version": 0, "Stable": True}


def _reader(exchanges: list[Exchange]) -> Any:
    read = {
        (e["request"]["body"]["JobHCL"], e["request"]["body"].get("Variables", "")): e["response"]["body"]
        for e in exchanges
        if e["request"]["path"] == "/v1/jobs/parse" and e["response"]["status"] == 200
    }
    wrong = {
        e["request"]["body"]["JobHCL"]: e["response"]["body"].removeprefix("Failed to parse job: ")
        for e in exchanges
        if e["request"]["path"] == "/v1/jobs/parse" and e["response"]["status"] == 400 and e["request"].get("body")
    }

    def parse(text: str, variables: str) -> Any:
        if text in wrong:
            raise ValueError(wrong[text])
        return read[text, variables]

    return parse
