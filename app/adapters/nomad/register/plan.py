"""Reads a plan's reply: what the patch would change, and what would change besides. Pure.

Shape of the reply: https://developer.hashicorp.com/nomad/api-docs/jobs#create-job-plan.
"""

from collections.abc import Mapping
from typing import Any

from app.adapters.nomad.explain.placement import unplaced
from app.adapters.nomad.register.changes import MARKER_FIELD, JobChange, changes
from app.adapters.nomad.text import bounded
from app.adapters.nomad.translate import launches_later
from app.domain.job import JobPatch, Preview, TaskChange

_SIDECAR = ("Service", "ConsulConnect", "SidecarTask", "Config")
# Nomad's counts for a group, in the order in which they are shown, with their names for people.
_UPDATES = (
    ("DestructiveUpdate", "replaced"),
    ("Canary", "added as canaries"),
    ("InPlaceUpdate", "updated in place"),
    ("Place", "placed"),
    ("Migrate", "migrated"),
    ("Stop", "stopped"),
    ("Preemptions", "of other jobs preempted"),
    ("Ignore", "left as they are"),
)


def preview(reply: Mapping[str, Any], patch: JobPatch, job: Mapping[str, Any]) -> Preview:
    """The reply for `job`, which is the edited one, read as what registering `patch` would do."""
    found = changes(reply.get("Diff") or {})
    lines = tuple(dict.fromkeys(each.line for each in found))
    foreign = tuple(dict.fromkeys(each.line for each in found if not is_in_patch(each, patch)))
    later = launches_later(job)
    return Preview(
        lines=lines,
        foreign=foreign,
        updates=_updates(reply, later=later),
        unplaced="" if later else unplaced(reply),
        warnings=bounded(reply.get("Warnings") or "", 1000),
    )


def is_in_patch(change: JobChange, patch: JobPatch) -> bool:
    """True if the patch names this change: the image, force_pull or marker of one of its tasks.

    A constraint that Nomad's servers add to every registration goes with it: whoever runs the job gets it. The
    image of a Connect proxy is also in its service's sidecar_task, which the diff shows at the group.
    """
    if change.implied:
        return True
    if change.task:
        expected = patch.changes.get(change.key)
        return expected is not None and _is_expected(change, expected)
    if change.objects != _SIDECAR:
        return False
    return any(key.group == change.group and _is_expected(change, expected) for key, expected in patch.changes.items())


def _is_expected(change: JobChange, expected: TaskChange) -> bool:
    if change.is_image:
        return change.new == expected.image
    if change.is_force_pull:
        return expected.force_pull and change.new == "true"
    return change.name == MARKER_FIELD and not change.objects and change.new == expected.marker


def _updates(reply: Mapping[str, Any], *, later: bool) -> dict[str, str]:
    groups = (reply.get("Annotations") or {}).get("DesiredTGUpdates") or {}
    return {name: "changed at its next launch" if later else _counted(each or {}) for name, each in groups.items()}


def _counted(update: Mapping[str, Any]) -> str:
    return ", ".join(f"{update[key]} {name}" for key, name in _UPDATES if update.get(key)) or "nothing"
