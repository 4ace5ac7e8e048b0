"""Why it does not run, in Nomad's words."""

from typing import Any

import pytest

from app.adapters.nomad.explain import bounded, failures, unplaced


def allocation(*events: dict[str, Any], **fields: Any) -> dict[str, Any]:
    state = {"Failed": True, "Events": list(events)}
    return {"TaskGroup": "api", "ClientStatus": "failed", "TaskStates": {"server": state}, **fields}


def event(kind: str, message: str = "", **details: str) -> dict[str, Any]:
    return {"Type": kind, "DisplayMessage": message, "Details": details}


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        (event("Driver Failure", "Failed to pull `x`: gone"), "Driver Failure: Failed to pull `x`: gone"),
        (event("Setup Failure", message="", setup_error="no space"), "Setup Failure: no space"),
        ({"Type": "Failed Validation", "Message": "bad"}, "Failed Validation: bad"),
        (event("Failed Artifact Download"), "Failed Artifact Download"),
        (event("Terminated", "Exit Code: 3", exit_code="3"), "Terminated: Exit Code: 3"),
        (event("Terminated", "", exit_code="9"), "Terminated: Exit Code: 9"),
        ({"Type": "Terminated", "ExitCode": 4}, "Terminated: Exit Code: 4"),
        ({"Type": "Terminated"}, "Terminated: Exit Code: 0"),
        (event("Terminated", "Exit Code: 137", oom_killed="true"), "Terminated: out of memory (OOM killed)"),
        (event("Not Restarting", "Policy allows no restarts"), "Not Restarting: Policy allows no restarts"),
        (event("Sibling Task Failed", 'Task\'s sibling "x" failed'), 'Sibling Task Failed: Task\'s sibling "x" failed'),
        (event("Leader Task Dead", "Leader died"), "Leader Task Dead: Leader died"),
        (
            event("Alloc Unhealthy", "Task not running by healthy_deadline"),
            "Alloc Unhealthy: Task not running by healthy_deadline",
        ),
        (event("Template", "Missing: nomad.var"), "Template: Missing: nomad.var"),
    ],
)
def test_each_kind_of_event(happened: dict[str, Any], told: str) -> None:
    assert failures([allocation(happened)]) == (f"api/server: {told}",)


def test_causes_stand_before_consequences_and_each_text_once() -> None:
    sick = allocation(
        event("Received", "Task received by client"),
        event("Not Restarting", "Policy allows no restarts"),
        event("Alloc Unhealthy", "Unhealthy because of failed task"),
        event("Driver Failure", "Failed to pull"),
    )
    assert failures([sick, sick]) == (
        "api/server: Driver Failure: Failed to pull",
        "api/server: Alloc Unhealthy: Unhealthy because of failed task",
        "api/server: Not Restarting: Policy allows no restarts",
    )


def test_a_task_that_nomad_killed_did_not_exit_by_itself() -> None:
    killed = allocation(event("Alloc Unhealthy", "x"), event("Killing"), event("Terminated", "Exit Code: 137"))
    assert failures([killed]) == ("api/server: Alloc Unhealthy: x",)


def test_the_newest_allocation_speaks_first() -> None:
    old = allocation(event("Driver Failure", "old"), CreateIndex=1)
    new = allocation(event("Driver Failure", "new"), CreateIndex=2)
    assert failures([old, new]) == ("api/server: Driver Failure: new", "api/server: Driver Failure: old")


@pytest.mark.parametrize(
    ("fields", "is_sick"),
    [
        ({"ClientStatus": "running", "TaskStates": {"t": {"Events": [event("Template", "waiting")]}}}, False),
        ({"ClientStatus": "running", "TaskStates": {"t": {"Restarts": 1, "Events": [event("Template", "x")]}}}, True),
        (
            {
                "ClientStatus": "running",
                "DeploymentStatus": {"Healthy": False},
                "TaskStates": {"t": {"Events": [event("Template", "x")]}},
            },
            True,
        ),
    ],
)
def test_only_the_sick_are_asked(fields: dict[str, Any], is_sick: bool) -> None:
    assert bool(failures([fields])) is is_sick


def test_a_lost_allocation_says_why() -> None:
    lost = {"TaskGroup": "api", "ClientStatus": "lost", "DesiredDescription": "alloc is lost since its node is down"}
    assert failures([lost]) == ("api: an allocation is lost: alloc is lost since its node is down",)
    assert failures([{"ClientStatus": "unknown"}]) == (": an allocation is unknown: its client is gone",)


def test_what_could_not_be_placed_in_the_words_of_nomad() -> None:
    metrics = {
        "NodesAvailable": {"dc1": 0, "dc2": 3},
        "ClassFiltered": {"small": 1},
        "ConstraintFiltered": {"missing drivers": 2},
        "NodesExhausted": 2,
        "ClassExhausted": {"big": 1},
        "DimensionExhausted": {"memory": 2},
        "QuotaExhausted": ["cpu"],
    }
    told = unplaced({"FailedTGAllocs": {"api": metrics}})
    for words in (
        'group "api": 1 allocation cannot be placed',
        "No nodes were eligible for evaluation",
        'No nodes are available in datacenter "dc1"',
        'Class "small": 1 nodes excluded by filter',
        'Constraint "missing drivers": 2 nodes excluded by filter',
        "Resources exhausted on 2 nodes",
        'Class "big" exhausted on 1 nodes',
        'Dimension "memory" exhausted on 2 nodes',
        'Quota limit hit "cpu"',
    ):
        assert words in told
    assert "dc2" not in told


def test_a_reason_is_said_to_be_missing() -> None:
    assert "gives no reason" in unplaced({"FailedTGAllocs": {"api": {"NodesEvaluated": 1}}})
    assert unplaced({"FailedTGAllocs": {"api": None}}) != ""
    assert unplaced({}) == ""


def test_texts_are_bounded_and_on_one_line() -> None:
    assert bounded("a\n\tb") == "a b"
    assert bounded("x" * 500) == "x" * 399 + "…"
