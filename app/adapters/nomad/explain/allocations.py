"""Why a version does not run, as messages for people, read from its allocations. Pure; messages are bounded.

The same messages are shown while a rollout is followed and stored when it has failed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.adapters.nomad.explain.task_events import Sentence, Weight, may_be_checks, sentence, text_of
from app.adapters.nomad.text import bounded

_AT_MOST = 5
_LENGTH = 400


def failures(allocations: Sequence[Mapping[str, Any]], version: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Messages for the failing allocations, the likeliest cause first, each message once.

    `version` is the job as we registered it, for the memory of its tasks.
    """
    newest_first = sorted(allocations, key=lambda each: each.get("CreateIndex") or 0, reverse=True)
    memory = _memory(version or {})
    found = [message for each in newest_first if is_failing(each) for message in _of_allocation(each, memory)]
    found.sort(key=lambda message: message[:2])
    return tuple(dict.fromkeys(text for *_, text in found))[:_AT_MOST]


def is_failing(allocation: Mapping[str, Any]) -> bool:
    """True if something is wrong with the allocation, or was wrong with one of its tasks."""
    states = (allocation.get("TaskStates") or {}).values()
    return (
        allocation.get("ClientStatus") in ("failed", "lost", "unknown")
        or allocation.get("DesiredStatus") == "evict"
        or is_unhealthy(allocation)
        or any(state.get("Failed") or state.get("Restarts") or _waits_for_template(state) for state in states)
    )


def is_unhealthy(allocation: Mapping[str, Any]) -> bool:
    """True if its deployment found the allocation unhealthy."""
    return (allocation.get("DeploymentStatus") or {}).get("Healthy") is False


def is_late(allocation: Mapping[str, Any]) -> bool:
    """True if the allocation is starting or running, and neither healthy nor unhealthy yet."""
    healthy = (allocation.get("DeploymentStatus") or {}).get("Healthy")
    return healthy is None and allocation.get("ClientStatus") in ("pending", "running") and not is_failing(allocation)


def lateness(allocations: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """How far the late allocations came, each message once: all that is known when nothing failed."""
    found = (
        at(_how_far(state), f"{allocation.get('TaskGroup') or ''}/{task}")
        for allocation in allocations
        for task, state in sorted((allocation.get("TaskStates") or {}).items())
        if state.get("State") != "dead"
    )
    return tuple(dict.fromkeys(found))[:_AT_MOST]


def may_fail_checks(allocation: Mapping[str, Any]) -> bool:
    """True if the allocation runs but is unhealthy, so its checks may have the cause."""
    if allocation.get("ClientStatus") != "running":
        return False
    states = (allocation.get("TaskStates") or {}).values()
    return any(may_be_checks(event) for state in states for event in state.get("Events") or ())


def at(cause: str, where: str) -> str:
    """A message that begins with its cause; the group, or group and task, follow."""
    suffix = f" ({where})"
    return f"{bounded(cause, _LENGTH - len(suffix))}{suffix}"


def _of_allocation(allocation: Mapping[str, Any], memory: Mapping[str, int]) -> Iterator[Sentence]:
    group = allocation.get("TaskGroup") or ""
    found = [*_of_its_place(allocation, group)]
    for task, state in sorted((allocation.get("TaskStates") or {}).items()):
        name = f"{group}/{task}"
        for weight, rank, text in _of_task(state, memory.get(name)):
            found.append((weight, rank, at(text, name)))
    if (
        not found
        and (description := allocation.get("ClientDescription"))
        and allocation.get("ClientStatus") == "failed"
    ):
        found.append((Weight.SYMPTOM, 0, at(f"an allocation failed: {description}", group)))
    # `Not Restarting` explains nothing when there is any other message.
    least = min((weight for weight, *_ in found), default=Weight.CAUSE)
    yield from (each for each in found if least is Weight.CONSEQUENCE or each[0] is not Weight.CONSEQUENCE)


def _of_its_place(allocation: Mapping[str, Any], group: str) -> Iterator[Sentence]:
    status, description = allocation.get("ClientStatus"), allocation.get("DesiredDescription") or ""
    if status in ("lost", "unknown"):
        cause = (
            description.partition(" since ")[2]
            or description
            or allocation.get("ClientDescription")
            or "its node is gone"
        )
        yield Weight.CAUSE, -1, at(f"an allocation is {status}: {cause}", group)
    elif allocation.get("DesiredStatus") == "evict":
        yield (
            Weight.CAUSE,
            -1,
            at(f"an allocation was evicted: {description or 'a job of higher priority took its place'}", group),
        )


def _of_task(state: Mapping[str, Any], memory: int | None) -> Iterator[Sentence]:
    was_killed = False
    for event in state.get("Events") or ():
        message = sentence(event, memory=memory)
        was_killed = was_killed or event.get("Type") == "Killing"
        # A task that Nomad stopped did not exit by itself.
        if message is not None and not (was_killed and event.get("Type") == "Terminated"):
            yield message


def _how_far(state: Mapping[str, Any]) -> str:
    if state.get("State") == "running":
        return "it runs, but has not become healthy"
    last = next((text for each in reversed(state.get("Events") or ()) if (text := text_of(each))), "")
    return f"it has not started; last event: {last}" if last else "it has not started"


def _waits_for_template(state: Mapping[str, Any]) -> bool:
    return state.get("State") == "pending" and any(each.get("Type") == "Template" for each in state.get("Events") or ())


def _memory(version: Mapping[str, Any]) -> dict[str, int]:
    """The memory limit of each `group/task` in MB: memory_max where the job sets one, else the reservation."""
    found = {}
    for group in version.get("TaskGroups") or ():
        for task in group.get("Tasks") or ():
            resources = task.get("Resources") or {}
            found[f"{group.get('Name')}/{task.get('Name')}"] = (
                resources.get("MemoryMaxMB") or resources.get("MemoryMB") or 0
            )
    return found
