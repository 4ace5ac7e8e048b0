"""Why it does not run, in sentences for people: what the allocations of a version tell. Pure, and bounded in length.

One vocabulary: what is noted while a rollout is waited for and what is stored when it failed are the same sentences.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.adapters.nomad.explain.events import Sentence, Weight, may_be_checks, sentence, words_of
from app.adapters.nomad.text import bounded

_AT_MOST = 5


def failures(allocations: Sequence[Mapping[str, Any]], version: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """What the sick ones among the allocations say, the likeliest cause first, each sentence once.

    `version` is the job as we registered it, for what it grants to its tasks.
    """
    newest_first = sorted(allocations, key=lambda each: each.get("CreateIndex") or 0, reverse=True)
    memory = _memory(version or {})
    found = [told for each in newest_first if is_sick(each) for told in _of_allocation(each, memory)]
    found.sort(key=lambda told: told[:2])
    return tuple(dict.fromkeys(words for *_, words in found))[:_AT_MOST]


def is_sick(allocation: Mapping[str, Any]) -> bool:
    """Whether something is wrong with the allocation, or was with a task of it."""
    states = (allocation.get("TaskStates") or {}).values()
    return (
        allocation.get("ClientStatus") in ("failed", "lost", "unknown")
        or allocation.get("DesiredStatus") == "evict"
        or is_unhealthy(allocation)
        or any(state.get("Failed") or state.get("Restarts") or _waits_for_template(state) for state in states)
    )


def is_unhealthy(allocation: Mapping[str, Any]) -> bool:
    """Whether its deployment found the allocation unhealthy."""
    return (allocation.get("DeploymentStatus") or {}).get("Healthy") is False


def is_late(allocation: Mapping[str, Any]) -> bool:
    """Whether the allocation is on its way, and not known to be healthy or unhealthy."""
    healthy = (allocation.get("DeploymentStatus") or {}).get("Healthy")
    return healthy is None and allocation.get("ClientStatus") in ("pending", "running") and not is_sick(allocation)


def lateness(allocations: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """How far those that are late came, each sentence once: all that is known where nothing failed."""
    found = (
        bounded(f"{allocation.get('TaskGroup') or ''}/{task}: {_how_far(state)}")
        for allocation in allocations
        for task, state in sorted((allocation.get("TaskStates") or {}).items())
        if state.get("State") != "dead"
    )
    return tuple(dict.fromkeys(found))[:_AT_MOST]


def may_fail_checks(allocation: Mapping[str, Any]) -> bool:
    """Whether the allocation runs and was found unhealthy all the same: its checks can be asked why."""
    if allocation.get("ClientStatus") != "running":
        return False
    states = (allocation.get("TaskStates") or {}).values()
    return any(may_be_checks(event) for state in states for event in state.get("Events") or ())


def _of_allocation(allocation: Mapping[str, Any], memory: Mapping[str, int]) -> Iterator[Sentence]:
    group = allocation.get("TaskGroup") or ""
    found = [*_of_its_place(allocation, group)]
    for task, state in sorted((allocation.get("TaskStates") or {}).items()):
        name = f"{group}/{task}"
        for weight, rank, words in _of_task(state, memory.get(name)):
            found.append((weight, rank, bounded(f"{name}: {words}")))
    if not found and (told := allocation.get("ClientDescription")) and allocation.get("ClientStatus") == "failed":
        found.append((Weight.SYMPTOM, 0, bounded(f"{group}: an allocation failed: {told}")))
    # `Not Restarting` explains nothing where anything else was said.
    least = min((weight for weight, *_ in found), default=Weight.CAUSE)
    yield from (told for told in found if least is Weight.CONSEQUENCE or told[0] is not Weight.CONSEQUENCE)


def _of_its_place(allocation: Mapping[str, Any], group: str) -> Iterator[Sentence]:
    status, told = allocation.get("ClientStatus"), allocation.get("DesiredDescription") or ""
    if status in ("lost", "unknown"):
        why = told.partition(" since ")[2] or told or allocation.get("ClientDescription") or "its node is gone"
        yield Weight.CAUSE, -1, bounded(f"{group}: an allocation is {status}: {why}")
    elif allocation.get("DesiredStatus") == "evict":
        yield Weight.CAUSE, -1, bounded(f"{group}: an allocation was evicted: {told or 'another job went before it'}")


def _of_task(state: Mapping[str, Any], memory: int | None) -> Iterator[Sentence]:
    was_killed = False
    for event in state.get("Events") or ():
        told = sentence(event, memory=memory)
        was_killed = was_killed or event.get("Type") == "Killing"
        # A task that Nomad stopped did not exit by itself.
        if told is not None and not (was_killed and event.get("Type") == "Terminated"):
            yield told


def _how_far(state: Mapping[str, Any]) -> str:
    if state.get("State") == "running":
        return "it runs, but was not found healthy"
    last = next((told for each in reversed(state.get("Events") or ()) if (told := words_of(each))), "")
    return f"it has not started; last seen: {last}" if last else "it has not started"


def _waits_for_template(state: Mapping[str, Any]) -> bool:
    return state.get("State") == "pending" and any(each.get("Type") == "Template" for each in state.get("Events") or ())


def _memory(version: Mapping[str, Any]) -> dict[str, int]:
    """What each `group/task` may use, in MB: memory_max where the cluster allows more than was reserved."""
    found = {}
    for group in version.get("TaskGroups") or ():
        for task in group.get("Tasks") or ():
            resources = task.get("Resources") or {}
            found[f"{group.get('Name')}/{task.get('Name')}"] = (
                resources.get("MemoryMaxMB") or resources.get("MemoryMB") or 0
            )
    return found
