"""Why it does not run, in Nomad's own words: task events, and the scheduler's reasons. Pure, and bounded in length."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_AT_MOST = 5
_LENGTH = 400

# Causes stand before consequences: `Not Restarting` explains nothing by itself.
_CAUSES = (
    "Failed Validation",
    "Setup Failure",
    "Failed Artifact Download",
    "Driver Failure",
    "Template",
    "Terminated",
)
_CONSEQUENCES = ("Alloc Unhealthy", "Sibling Task Failed", "Leader Task Dead", "Not Restarting")
_RANK = {kind: rank for rank, kind in enumerate((*_CAUSES, *_CONSEQUENCES))}


def failures(allocations: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What the sick ones among the allocations say, the likeliest cause first, each text once."""
    newest_first = sorted(allocations, key=lambda each: each.get("CreateIndex") or 0, reverse=True)
    found = [words for each in newest_first if _is_sick(each) for words in _of_allocation(each)]
    found.sort(key=lambda ranked: ranked[0])
    return tuple(dict.fromkeys(text for _, text in found))[:_AT_MOST]


def unplaced(evaluation: Mapping[str, Any]) -> str:
    """Why the scheduler could not place everything, by group, in the words of `nomad job run`; "" when it could."""
    groups = evaluation.get("FailedTGAllocs") or {}
    parts = [_unplaced_group(name, metrics or {}) for name, metrics in sorted(groups.items())]
    return bounded("; ".join(parts))


def bounded(text: str, length: int = _LENGTH) -> str:
    """`text` on one line, cut to `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _is_sick(allocation: Mapping[str, Any]) -> bool:
    states = (allocation.get("TaskStates") or {}).values()
    return (
        allocation.get("ClientStatus") in ("failed", "lost", "unknown")
        or (allocation.get("DeploymentStatus") or {}).get("Healthy") is False
        or any(state.get("Failed") or state.get("Restarts") for state in states)
    )


def _of_allocation(allocation: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    group = allocation.get("TaskGroup") or ""
    if allocation.get("ClientStatus") in ("lost", "unknown"):
        why = allocation.get("DesiredDescription") or allocation.get("ClientDescription") or "its client is gone"
        yield 0, bounded(f"{group}: an allocation is {allocation['ClientStatus']}: {why}")
    for task, state in sorted((allocation.get("TaskStates") or {}).items()):
        was_killed = False
        for event in state.get("Events") or ():
            kind = event.get("Type") or ""
            was_killed = was_killed or kind == "Killing"
            if kind in _RANK and not (kind == "Terminated" and was_killed):
                yield _RANK[kind], bounded(f"{group}/{task}: {_words(kind, event)}")


def _words(kind: str, event: Mapping[str, Any]) -> str:
    details = event.get("Details") or {}
    if kind == "Terminated":
        return _terminated(event, details)
    told = event.get("DisplayMessage") or event.get("Message") or _first_text(details)
    return f"{kind}: {told}" if told else kind


def _terminated(event: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    if str(details.get("oom_killed")).lower() == "true":
        return "Terminated: out of memory (OOM killed)"
    told = event.get("DisplayMessage") or event.get("Message") or ""
    code = details.get("exit_code") or event.get("ExitCode") or 0
    return f"Terminated: {told}" if re.search(r"exit code", told, re.IGNORECASE) else f"Terminated: Exit Code: {code}"


def _first_text(details: Mapping[str, Any]) -> str:
    return next((str(value) for value in details.values() if value), "")


def _unplaced_group(name: str, metrics: Mapping[str, Any]) -> str:
    count = int(metrics.get("CoalescedFailures") or 0) + 1
    reasons = ", ".join(_placement_reasons(metrics)) or "Nomad gives no reason"
    return f'group "{name}": {count} allocation{"s" if count != 1 else ""} cannot be placed: {reasons}'


def _placement_reasons(metrics: Mapping[str, Any]) -> Iterator[str]:
    """As formatAllocMetrics in command/monitor.go of Nomad words them."""
    if not metrics.get("NodesEvaluated"):
        yield "No nodes were eligible for evaluation"
    for centre, available in _items(metrics, "NodesAvailable"):
        if not available:
            yield f'No nodes are available in datacenter "{centre}"'
    for text, nodes in _items(metrics, "ClassFiltered"):
        yield f'Class "{text}": {nodes} nodes excluded by filter'
    for text, nodes in _items(metrics, "ConstraintFiltered"):
        yield f'Constraint "{text}": {nodes} nodes excluded by filter'
    if metrics.get("NodesExhausted"):
        yield f"Resources exhausted on {metrics['NodesExhausted']} nodes"
    for text, nodes in _items(metrics, "ClassExhausted"):
        yield f'Class "{text}" exhausted on {nodes} nodes'
    for text, nodes in _items(metrics, "DimensionExhausted"):
        yield f'Dimension "{text}" exhausted on {nodes} nodes'
    for text in metrics.get("QuotaExhausted") or ():
        yield f'Quota limit hit "{text}"'


def _items(metrics: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    return sorted((metrics.get(key) or {}).items())
