"""The server's validation of a job. Pure; raises Refused with Nomad's texts."""

from __future__ import annotations

from collections.abc import Collection

from app.simulators.nomad.refusal import Json, Refused, invalid, multi_error


def check(job: Json, posted: Json, namespaces: Collection[str]) -> None:
    """Raise Refused for a job (canonical form, and as posted) that Nomad's admission refuses."""
    problems = list(_problems(job, posted, namespaces))
    if problems:
        raise invalid(*problems)
    if job["Type"] == "system" and any(group["Scaling"] for group in job["TaskGroups"]):
        raise Refused(400, "Task groups with job type system do not support scaling blocks")


def _problems(job: Json, posted: Json, namespaces: Collection[str]) -> list[str]:
    if job["Multiregion"]:
        return ["Multiregion jobs are unlicensed."]
    if " " in job["ID"]:
        return ["Job ID contains a space"]
    if "\0" in job["ID"]:
        return ["Job ID contains a null character"]
    if not job["TaskGroups"]:
        return ["Missing job task groups"]
    problems = [f"Task group {name} validation failed: {text}" for name, text in _group_problems(job, posted)]
    if problems:
        return problems
    if job["Namespace"] not in namespaces:
        return [f'job "{job["ID"]}" is in nonexistent namespace "{job["Namespace"]}"']
    if job["NodePool"] not in ("default", "all"):
        return [f'job "{job["ID"]}" is in nonexistent node pool "{job["NodePool"]}"']
    if any(task["Vault"] for group in job["TaskGroups"] for task in group["Tasks"] or ()):
        return ['Vault "default" not enabled but used in the job']
    return []


def _group_problems(job: Json, posted: Json) -> list[tuple[str, str]]:
    found = []
    for group, as_posted in zip(job["TaskGroups"], posted.get("TaskGroups") or (), strict=False):
        problems = []
        if job["Type"] in ("batch", "sysbatch"):
            problems += [
                f'Job type "{job["Type"]}" does not allow {block.lower()} block'
                for block in ("Update", "Migrate")
                if as_posted.get(block)
            ]
        if not group["Tasks"]:
            problems.append("Missing tasks for task group")
        problems += [
            f"Task {task['Name']} validation failed: {multi_error('Missing task driver')}"
            for task in group["Tasks"] or ()
            if not task["Driver"]
        ]
        if problems:
            found.append((group["Name"], multi_error(*problems)))
    return found


def check_change(job: Json, stored: Json) -> None:
    """Raise Refused if the stored job may not become this one (type, periodic, parameterized, dispatched child)."""
    if stored["Type"] != job["Type"]:
        raise Refused(500, f'cannot update job from type "{stored["Type"]}" to "{job["Type"]}"')
    for field, word in (("Periodic", "periodic"), ("ParameterizedJob", "parameterized")):
        was = bool(stored[field]) and not stored["Dispatched"]
        becomes = bool(job[field])
        if was and not becomes:
            raise Refused(500, f"cannot update {word} job to being non-{word}")
        if becomes and not was:
            raise Refused(500, f"cannot update non-{word} job to being {word}")
