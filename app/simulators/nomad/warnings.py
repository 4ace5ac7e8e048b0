"""Nomad's warnings about a job that it accepts. Pure.

The texts are those of https://github.com/hashicorp/nomad/blob/v2.0.5/nomad/structs/structs.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.simulators.nomad.refusal import Json
from app.simulators.nomad.release import SimulatedVersion


def warnings_of(job: Json, release: SimulatedVersion) -> str:
    """The text of `Warnings` in a reply, "" for none."""
    found = list(_warnings(job, release))
    lines = "\n".join(f"* {each}" for each in found)
    return f"{len(found)} warning{'s' if len(found) != 1 else ''}:\n\n{lines}" if found else ""


def _warnings(job: Json, release: SimulatedVersion) -> Iterator[str]:
    for group in job["TaskGroups"] or ():
        tasks = group["Tasks"] or ()
        named = [(task["Name"], each) for task in tasks for each in task["Identities"] or ()]
        if lasting := [(name, each["Name"]) for name, each in named if not each["TTL"]]:
            task, identity = lasting[0]
            yield (
                f'Group "{group["Name"]}" has warnings: 1 error occurred:\n'
                f'\t* Task "{task}" has warnings: 1 error occurred:\n'
                f"\t* 1 error occurred:\n\t* Identity[{identity}] identities without an expiration are insecure"
            )
        delayed = group["ShutdownDelay"] or any(task["ShutdownDelay"] for task in tasks)
        if release.warns_of_shutdown_delay and group["Services"] and not delayed:
            yield (
                f'group "{group["Name"]}" defines services, but neither the group nor any of its tasks have '
                "shutdown_delay set"
            )
    if (job["Periodic"] or {}).get("Spec"):
        yield "cron is deprecated and may be removed in a future release. Use crons instead"
