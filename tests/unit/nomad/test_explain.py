"""Explanations for people of each task event, and their order."""

from typing import Any

import pytest

from app.adapters.nomad.explain.allocations import failures
from app.adapters.nomad.text import bounded

PULL = (
    "Failed to pull `reg:5000/team/app:nope`: Error response from daemon: "
    "manifest for reg:5000/team/app:nope not found: manifest unknown: manifest unknown"
)
VERSION = {"TaskGroups": [{"Name": "api", "Tasks": [{"Name": "server", "Resources": {"MemoryMB": 64}}]}]}


def allocation(*events: dict[str, Any], **fields: Any) -> dict[str, Any]:
    state = {"Failed": True, "Events": list(events)}
    return {"TaskGroup": "api", "ClientStatus": "failed", "TaskStates": {"server": state}, **fields}


def event(kind: str, message: str = "", **details: str) -> dict[str, Any]:
    return {"Type": kind, "DisplayMessage": message, "Details": details}


@pytest.mark.parametrize(
    ("happened", "text"),
    [
        (
            event("Driver Failure", PULL),
            "the image could not be pulled: manifest for reg:5000/team/app:nope not found: manifest unknown",
        ),
        (
            event("Driver Failure", "Failed to pull `reg/app:1`: API error (500): dial tcp: no such host"),
            "the image could not be pulled: reg/app:1: dial tcp: no such host",
        ),
        (
            event("Driver Failure", "rpc error: code = Unknown desc = failed to start task, unable to pull image x"),
            "the image could not be pulled: failed to start task, unable to pull image x",
        ),
        (
            event("Driver Failure", f'Failed to start container {"ab" * 32}: exec: "/nope"'),
            'the driver could not start it: Failed to start container: exec: "/nope"',
        ),
        (event("Driver Failure"), "the driver could not start it: Nomad gives no reason"),
        (event("Setup Failure", message="", setup_error="no space"), "the task could not be set up: no space"),
        (event("Task hook failed", "vault: denied"), "the task could not be set up: vault: denied"),
        ({"Type": "Failed Validation", "Message": "bad"}, "the task is not valid on its node: bad"),
        (event("Failed Artifact Download"), "an artifact could not be downloaded"),
        (event("Template", "Missing: nomad.var"), "a template cannot be rendered: Missing: nomad.var"),
        (event("Killing", "Template failed: x", fails_task="true"), "Nomad killed the task: Template failed: x"),
        (event("Disk Resources Exceeded"), "the task used more disk than it may"),
        (event("Terminated", "Exit Code: 3", exit_code="3"), "exited with code 3"),
        (event("Terminated", "", exit_code="9", exit_message="no license"), "exited with code 9: no license"),
        ({"Type": "Terminated", "ExitCode": 4}, "exited with code 4"),
        ({"Type": "Terminated"}, "exited with code 0"),
        (event("Terminated", "", exit_code="139", signal="11"), "ended by signal 11 (SIGSEGV)"),
        (event("Terminated", "", exit_code="1", signal="99"), "ended by signal 99"),
        (
            event("Terminated", "Exit Code: 137", oom_killed="true"),
            "killed (out of memory): it used more than its 64 MB",
        ),
        (event("Not Restarting", "Policy allows no restarts"), "Nomad does not restart it: Policy allows no restarts"),
        (event("Sibling Task Failed", "", failed_sibling="x"), 'stopped because its sibling "x" failed'),
        (event("Sibling Task Failed", "Task's sibling failed"), "Task's sibling failed"),
        (event("Leader Task Dead", "Leader died"), "stopped because the group's leader task ended"),
        (
            event("Alloc Unhealthy", "Task not running by healthy_deadline of 5m0s"),
            "it was not running within its deadline of 5m0s (healthy_deadline)",
        ),
        (
            event("Alloc Unhealthy", "Task not running for min_healthy_time of 10s by healthy_deadline of 5m0s"),
            "it did not stay healthy for 10s within its deadline of 5m0s",
        ),
        (
            event("Alloc Unhealthy", "Services not healthy by deadline: web, api"),
            "health check failed: those of its service web, api did not pass in time",
        ),
        (
            event("Alloc Unhealthy", "Only 1 out of 2 checks registered and passing"),
            "health check failed: only 1 of its 2 checks passed in time",
        ),
        (
            event("Alloc Unhealthy", "Service checks not registered"),
            "health check failed: its service checks were not registered in time",
        ),
        (event("Alloc Unhealthy", "Unhealthy because of failed task"), "it is unhealthy because the task failed"),
        (event("Alloc Unhealthy", "Unhealthy because of dead task"), "it is unhealthy because the task ended"),
        (event("Alloc Unhealthy", "for a new reason"), "it is unhealthy: for a new reason"),
        (event("Alloc Unhealthy"), "it is unhealthy"),
    ],
)
def test_each_kind_of_event(happened: dict[str, Any], text: str) -> None:
    assert failures([allocation(happened)], VERSION) == (f"{text} (api/server)",)


def test_where_the_memory_is_not_known_it_is_not_named() -> None:
    killed = allocation(event("Terminated", "", oom_killed="true"))
    assert failures([killed]) == ("killed (out of memory): it used more than it may (api/server)",)


def test_a_task_may_use_its_greatest_memory() -> None:
    task = {"Name": "server", "Resources": {"MemoryMB": 64, "MemoryMaxMB": 256}}
    killed = allocation(event("Terminated", "", exit_message="OOM Killed"))
    [text] = failures([killed], {"TaskGroups": [{"Name": "api", "Tasks": [task]}]})
    assert "its 256 MB" in text


def test_causes_stand_before_symptoms_and_what_follows_from_them_is_left_out() -> None:
    sick = allocation(
        event("Received", "Task received by client"),
        event("Not Restarting", "Policy allows no restarts"),
        event("Alloc Unhealthy", "Task not running by healthy_deadline of 5m0s"),
        event("Driver Failure", "Failed to pull `x`: gone"),
    )
    assert failures([sick, sick]) == (
        "the image could not be pulled: x: gone (api/server)",
        "it was not running within its deadline of 5m0s (healthy_deadline) (api/server)",
    )


def test_a_sibling_is_named_by_its_own_cause() -> None:
    states = {
        "server": {"Failed": True, "Events": [event("Terminated", "", exit_code="3")]},
        "sidecar": {"Events": [event("Sibling Task Failed", "", failed_sibling="server")]},
    }
    sick = {"TaskGroup": "api", "ClientStatus": "failed", "TaskStates": states}
    assert failures([sick]) == ("exited with code 3 (api/server)",)


def test_a_task_that_nomad_killed_did_not_exit_by_itself() -> None:
    killed = allocation(
        event("Alloc Unhealthy", "Unhealthy because of dead task"),
        event("Killing"),
        event("Terminated", "Exit Code: 137"),
    )
    assert failures([killed]) == ("it is unhealthy because the task ended (api/server)",)


def test_at_most_five_are_shown() -> None:
    many = [allocation(event("Terminated", "", exit_code=str(code))) for code in range(1, 9)]
    assert len(failures(many)) == 5


def test_the_newest_allocation_speaks_first() -> None:
    old = allocation(event("Setup Failure", "old"), CreateIndex=1)
    new = allocation(event("Setup Failure", "new"), CreateIndex=2)
    assert [text.removesuffix(" (api/server)")[-3:] for text in failures([old, new])] == ["new", "old"]


@pytest.mark.parametrize(
    ("fields", "is_failing"),
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
def test_only_failing_allocations_have_messages(fields: dict[str, Any], is_failing: bool) -> None:
    assert bool(failures([fields])) is is_failing


def test_an_allocation_that_waits_for_its_template_says_so() -> None:
    waiting = {"State": "pending", "Events": [event("Template", "Missing: nomad.var.block(db)")]}
    text = failures([{"TaskGroup": "api", "ClientStatus": "pending", "TaskStates": {"server": waiting}}])
    assert text == ("a template cannot be rendered: Missing: nomad.var.block(db) (api/server)",)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"ClientStatus": "lost", "DesiredDescription": "alloc is lost since its node is down"},
            "an allocation is lost: its node is down (api)",
        ),
        ({"ClientStatus": "unknown"}, "an allocation is unknown: its node is gone (api)"),
        ({"DesiredStatus": "evict"}, "an allocation was evicted: a job of higher priority took its place (api)"),
        (
            {"ClientStatus": "failed", "ClientDescription": "no host volume"},
            "an allocation failed: no host volume (api)",
        ),
    ],
)
def test_an_allocation_without_task_events_has_a_reason(fields: dict[str, Any], text: str) -> None:
    assert failures([{"TaskGroup": "api", **fields}]) == (text,)


def test_texts_are_bounded_and_on_one_line() -> None:
    assert bounded("a\n\tb") == "a b"
    assert bounded("x" * 500) == "x" * 399 + "…"
