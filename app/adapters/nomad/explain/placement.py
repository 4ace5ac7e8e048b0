"""Why Nomad's scheduler could not place allocations, as messages for people in Nomad's terms. Pure; bounded.

An evaluation's FailedTGAllocs: https://developer.hashicorp.com/nomad/api-docs/evaluations#read-evaluation
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app.adapters.nomad.text import bounded

_AMOUNTS = ("cpu", "cores", "memory", "disk", "bandwidth exceeded", "network")


def unplaced(evaluation: Mapping[str, Any]) -> str:
    """Why the scheduler could not place everything, by group; "" when it could."""
    groups = evaluation.get("FailedTGAllocs") or {}
    return bounded("; ".join(_group(name, metrics or {}) for name, metrics in sorted(groups.items())))


def _group(name: str, metrics: Mapping[str, Any]) -> str:
    count = int(metrics.get("CoalescedFailures") or 0) + 1
    reasons = ", ".join(_reasons(metrics)) or "Nomad gives no reason"
    return f"group {name}: {_counted(count, 'allocation')} cannot be placed: {reasons}"


def _reasons(metrics: Mapping[str, Any]) -> Iterator[str]:
    unavailable = [centre for centre, nodes in _items(metrics, "NodesAvailable") if not nodes]
    for centre in unavailable:
        yield f'no node is available in datacenter "{centre}"'
    if not metrics.get("NodesEvaluated") and not unavailable:
        pool = metrics.get("NodePool") or ""
        empty = pool and not metrics.get("NodesInPool")
        yield f'no node is in the node pool "{pool}"' if empty else "no node is eligible for evaluation"
    constraints = _items(metrics, "ConstraintFiltered")
    for text, nodes in constraints:
        yield _constraint(text, nodes)
    if not constraints:  # otherwise the classes would report the same nodes again
        for text, nodes in _items(metrics, "ClassFiltered"):
            yield f'{_counted(nodes, "node")} of class "{text}" excluded by filter'
    yield from _exhausted(metrics)
    for text in metrics.get("QuotaExhausted") or ():
        yield f"the namespace's quota is used up: {text}"


def _constraint(text: str, nodes: int) -> str:
    if text == "missing drivers":
        return f"{_counted(nodes, 'node')} without a driver that a task needs (missing drivers)"
    return f'{_counted(nodes, "node")} excluded by the constraint "{text}"'


def _exhausted(metrics: Mapping[str, Any]) -> Iterator[str]:
    dimensions = _items(metrics, "DimensionExhausted")
    for text, nodes in dimensions:
        lack = "lacks" if nodes == 1 else "lack"
        yield f"{_counted(nodes, 'node')} {lack} {'enough ' if text in _AMOUNTS else ''}{text}"
    classes = _items(metrics, "ClassExhausted")
    if not dimensions:
        for text, nodes in classes:
            yield f'class "{text}" exhausted on {_counted(nodes, "node")}'
    if metrics.get("NodesExhausted") and not dimensions and not classes:
        yield f"resources exhausted on {_counted(metrics['NodesExhausted'], 'node')}"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _items(metrics: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    return sorted((metrics.get(key) or {}).items())
