"""Whether the registry still has the running images: without them Nomad could not place the job's allocations again.

It changes no decision. It asks rarely, because the desired image was just resolved and a replaced image matters little.
"""

from collections.abc import Mapping
from dataclasses import replace

from app.domain.decision import Hold, HoldReason
from app.errors import Permanent, RepositoryNotFound, TagNotFound, Transient
from app.ports import RegistrySource
from app.services.reconcile.claim import Claim
from app.services.reconcile.resolve import ResolvedWatch
from app.services.reconcile.result import WatchResult

_CHANGING = frozenset({HoldReason.BUSY, HoldReason.QUEUED, HoldReason.UNUSABLE})


async def check_missing_image(
    registries: RegistrySource, claim: Claim, each: ResolvedWatch, result: WatchResult, *, every: float
) -> WatchResult:
    """`result` with the message about missing images. The registry is asked once in `every` seconds.

    An outage of the registry changes nothing.
    """
    state, decision = each.state, result.decision
    running = _unresolved(each, result)
    if not running:
        return replace(result, missing_image="") if state.missing_image else result
    if not isinstance(decision, Hold) or decision.reason in _CHANGING:
        return result
    checked = state.missing_image_checked_at
    names_these = not state.missing_image or any(name in state.missing_image for name in running)
    if names_these and checked is not None and (claim.now - checked).total_seconds() < every:
        return result
    try:
        missing = [
            f"task {task} of job {claim.place} runs {name}"
            for name, task in running.items()
            if not await _has_manifest(registries, each, name)
        ]
    except (Transient, Permanent):
        return result
    if not missing:
        return replace(result, missing_image="")
    message = (
        f"{' and '.join(missing)}, which registry {state.watch.registry} no longer has: Nomad could not place its "
        "allocations again; push it again, or deploy another tag"
    )
    return replace(result, missing_image=message)


def _unresolved(each: ResolvedWatch, result: WatchResult) -> Mapping[str, str]:
    """The running tags and digests except the desired one, each with one of the tasks that run it."""
    desired = each.resolved.desired if each.resolved else None
    known = desired.children | {desired.digest} if desired else frozenset[str]()
    return {
        task["digest"] if "@" in task["identity"] else task["tag"]: task["task"]
        for task in result.specified
        if task["identity"] and task["digest"] not in known
    }


async def _has_manifest(registries: RegistrySource, each: ResolvedWatch, name: str) -> bool:
    watch = each.state.watch
    try:
        await registries.manifest(watch.registry, watch.repository, name)
    except (TagNotFound, RepositoryNotFound):
        return False
    return True
