"""Why the scheduler could not place allocations, in sentences with Nomad's terms."""

from typing import Any

import pytest

from app.adapters.nomad.explain.placement import unplaced


def reason_of(**metrics: Any) -> str:
    return unplaced({"FailedTGAllocs": {"app": {"NodesEvaluated": 1, **metrics}}})


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ({"DimensionExhausted": {"memory": 1}, "NodesExhausted": 1}, "1 node lacks enough memory"),
        ({"DimensionExhausted": {"cpu": 2}, "ClassExhausted": {"big": 2}}, "2 nodes lack enough cpu"),
        (
            {"DimensionExhausted": {"network: reserved port collision http=80": 1}},
            "1 node lacks network: reserved port collision http=80",
        ),
        ({"ClassExhausted": {"big": 1}, "NodesExhausted": 1}, 'class "big" exhausted on 1 node'),
        ({"NodesExhausted": 3}, "resources exhausted on 3 nodes"),
        (
            {"ConstraintFiltered": {"missing drivers": 2}, "ClassFiltered": {"small": 2}},
            "2 nodes without a driver that a task needs (missing drivers)",
        ),
        (
            {"ConstraintFiltered": {"${attr.kernel.name} = windows": 1}},
            '1 node excluded by the constraint "${attr.kernel.name} = windows"',
        ),
        ({"ClassFiltered": {"small": 1}}, '1 node of class "small" excluded by filter'),
        ({"NodesEvaluated": 0, "NodesAvailable": {"dc1": 0, "dc2": 3}}, 'no node is available in datacenter "dc1"'),
        ({"NodesEvaluated": 0}, "no node is eligible for evaluation"),
        ({"NodesEvaluated": 0, "NodePool": "gpu"}, 'no node is in the node pool "gpu"'),
        ({"NodesEvaluated": 0, "NodePool": "all", "NodesInPool": 2}, "no node is eligible for evaluation"),
        ({"QuotaExhausted": ["memory exhausted (500 needed > 300 limit)"]}, "the namespace's quota is used up: memory"),
        ({}, "Nomad gives no reason"),
    ],
)
def test_each_reason(metrics: dict[str, Any], reason: str) -> None:
    assert reason_of(**metrics).startswith(f"group app: 1 allocation cannot be placed: {reason}")


def test_groups_and_allocations_are_counted() -> None:
    groups = {"b": None, "a": {"NodesEvaluated": 1, "CoalescedFailures": 2, "DimensionExhausted": {"disk": 1}}}
    assert unplaced({"FailedTGAllocs": groups}) == (
        "group a: 3 allocations cannot be placed: 1 node lacks enough disk; "
        "group b: 1 allocation cannot be placed: no node is eligible for evaluation"
    )


def test_what_was_placed_has_no_reason() -> None:
    assert unplaced({}) == ""
