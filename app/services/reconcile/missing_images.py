"""Whether the registry still serves what runs: else Nomad could not place the job's allocations again.

It changes no decision, and it asks rarely: what is wanted was served just now, and what is replaced matters little.
"""

from collections.abc import Mapping
from dataclasses import replace

from app.domain.decision import Hold, HoldReason
from app.errors import Permanent, RepositoryNotFound, TagNotFound, Transient
from app.ports import RegistrySource
from app.services.reconcile.resolve import ResolvedWatch
from app.services.reconcile.targets import Claim, WatchResult

_IN_MOTION = frozenset({HoldReason.BUSY, HoldReason.QUEUED, HoldReason.UNUSABLE})


async def check_missing_image(
    registries: RegistrySource, claim: Claim, each: ResolvedWatch, result: WatchResult, *, every: float
) -> WatchResult:
    """`result` with what is served no more of what runs; the registry is asked once in `every` seconds.

    A registry that does not tell changes nothing.
    """
    state, decision = each.state, result.decision
    running = _unproven(each, result)
    if not running:
        return replace(result, missing_image="") if state.missing_image else result
    if not isinstance(decision, Hold) or decision.reason in _IN_MOTION:
        return result
    checked = state.missing_image_checked_at
    told_of_these = not state.missing_image or any(name in state.missing_image for name in running)
    if told_of_these and checked is not None and (claim.now - checked).total_seconds() < every:
        return result
    try:
        gone = [
            f"task {task} of job {claim.place} runs {name}"
            for name, task in running.items()
            if not await _serves(registries, each, name)
        ]
    except (Transient, Permanent):
        return result
    if not gone:
        return replace(result, missing_image="")
    message = (
        f"{' and '.join(gone)}, which registry {state.watch.registry} does not serve any more: its allocations could "
        "not be placed again; deploy a tag that the registry has, or push it again"
    )
    return replace(result, missing_image=message)


def _unproven(each: ResolvedWatch, result: WatchResult) -> Mapping[str, str]:
    """What the tasks name in the registry, but for what is wanted, each with one of the tasks that run it."""
    desired = each.seen.desired if each.seen else None
    served = desired.children | {desired.digest} if desired else frozenset[str]()
    return {
        task["digest"] if "@" in task["identity"] else task["tag"]: task["task"]
        for task in result.running
        if task["identity"] and task["digest"] not in served
    }


async def _serves(registries: RegistrySource, each: ResolvedWatch, name: str) -> bool:
    watch = each.state.watch
    try:
        await registries.manifest(watch.registry, watch.repository, name)
    except (TagNotFound, RepositoryNotFound):
        return False
    return True
