"""A group's scaling block: its stored form, and the counts that it allows.

Its policy has its own id and indexes, and these are part of the specification. So the first time that a job is posted
exactly as it was read, Nomad makes a new version. (docs/nomad.md, section 4)
"""

from __future__ import annotations

from app.simulators.nomad.refusal import Json, Refused
from app.simulators.nomad.world import new_id

POLICY: Json = {"Enabled": True, "Max": 0, "Min": 0, "Policy": None, "Type": "horizontal"}


def fill(job: Json, stored: Json | None, index: int) -> None:
    """Complete the blocks of a job before its registration at `index`. The stored job's policies keep their ids."""
    known = {group["Name"]: group["Scaling"] or {} for group in (stored or {}).get("TaskGroups") or ()}
    for group in job["TaskGroups"] or ():
        posted = group["Scaling"]
        if not posted:
            continue
        before = known.get(group["Name"]) or {}
        given = {key: posted[key] for key in POLICY if posted.get(key) is not None}
        group["Scaling"] = {
            **POLICY,
            **given,
            "CreateIndex": 0 if before else index,
            "ID": before.get("ID") or posted.get("ID") or new_id(),
            "ModifyIndex": 0 if before else index,
            "Target": {"Group": group["Name"], "Job": job["ID"], "Namespace": job["Namespace"]},
        }


def fill_for_plan(job: Json, stored: Json) -> None:
    """Complete the blocks of a planned job with the stored indexes: a plan does not show their change."""
    known = {group["Name"]: group["Scaling"] or {} for group in stored["TaskGroups"] or ()}
    fill(job, stored, 0)
    for group in job["TaskGroups"] or ():
        if group["Scaling"] and (before := known.get(group["Name"])):
            group["Scaling"] |= {key: before[key] for key in ("CreateIndex", "ModifyIndex")}


def refuse_count(job: Json, name: str | None, count: int) -> None:
    """Raise Refused for a count outside the bounds of the group's policy."""
    groups = job["TaskGroups"]
    policy = next((group["Scaling"] for group in groups if name in (None, group["Name"])), None)
    if policy and count > policy["Max"]:
        raise Refused(400, f"group count was greater than scaling policy maximum: {count} > {policy['Max']}")
    if policy and count < policy["Min"]:
        raise Refused(400, f"group count was less than scaling policy minimum: {count} < {policy['Min']}")
