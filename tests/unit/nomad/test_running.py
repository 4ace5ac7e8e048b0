"""What runs of a job, from Nomad's allocations."""

from typing import Any

import pytest

from app.adapters.nomad.running import needs_evaluations, needs_versions, placement
from app.domain.job import Placement
from tests.unit.nomad.recordings import CURRENT, OLD, replies

BOTH = pytest.mark.parametrize("version", [CURRENT, OLD])
BLOCKED = {
    "ID": "e",
    "Status": "blocked",
    "CreateIndex": 9,
    "FailedTGAllocs": {"api": {"NodesEvaluated": 1, "DimensionExhausted": {"memory": 1}}},
}
UNPLACED = "group api: 1 allocation cannot be placed: 1 node lacks enough memory"


def job(image: str = "team/app:v2", *, version: int = 2, count: int = 2, kind: str = "service", **keys: Any) -> Any:
    task = {"Name": "server", "Driver": "docker", "Config": {"image": image}}
    group = {"Name": "api", "Count": count, "Tasks": [task]}
    return {"ID": "web", "Type": kind, "Version": version, "TaskGroups": [group], **keys}


def allocation(client: str = "running", *, version: int = 2, desired: str = "run", **keys: Any) -> Any:
    return {
        "ID": "a",
        "JobVersion": version,
        "TaskGroup": "api",
        "NodeID": "n1",
        "ClientStatus": client,
        "DesiredStatus": desired,
        **keys,
    }


def counts(found: Placement) -> list[tuple[int, list[str], int, int, int, int]]:
    """(version, images, running, canaries, starting, stopping) of each version."""
    return [
        (each.version, [task.image for task in each.tasks], each.running, each.canaries, each.starting, each.stopping)
        for each in found.allocations
    ]


@BOTH
def test_a_recorded_rolling_update_runs_its_new_version(version: str) -> None:
    [versions], [allocations] = (replies("rolling-update", s, version) for s in ("job-versions", "job-allocations"))
    current = versions["Versions"][0]
    assert not needs_versions(current, allocations)
    assert not needs_evaluations(current, allocations)
    found = placement(current, allocations, (), ())
    [runs] = found.allocations
    assert (runs.version, runs.running, runs.starting, found.counts) == (current["Version"], 2, 0, {runs.group: 2})


def test_canaries_beside_the_old_version_whose_image_comes_from_the_versions() -> None:
    rows = [
        allocation(version=1),
        allocation(version=1),
        allocation(DeploymentStatus={"Canary": True}),
    ]
    assert needs_versions(job(), rows)
    found = placement(job(), rows, [job("team/app:v1", version=1)], ())
    assert counts(found) == [(1, ["team/app:v1"], 2, 0, 0, 0), (2, ["team/app:v2"], 1, 1, 0, 0)]


def test_a_version_that_nomad_no_longer_keeps_has_no_images() -> None:
    assert counts(placement(job(), [allocation(version=0)], (), ())) == [(0, [], 1, 0, 0, 0)]


def test_what_starts_and_what_stops_does_not_run() -> None:
    rows = [
        allocation("pending"),
        allocation(desired="stop"),
        allocation("pending", desired="stop"),
        allocation(NextAllocation="b"),
        allocation("complete", desired="stop"),
        allocation("lost"),
        allocation("unknown"),
    ]
    assert counts(placement(job(), rows, (), ())) == [(2, ["team/app:v2"], 0, 0, 1, 2)]


def test_nomads_scheduler_explains_what_is_not_placed() -> None:
    assert needs_evaluations(job(), [allocation()])
    assert placement(job(), [allocation()], (), [BLOCKED]).problem == UNPLACED
    # A pending evaluation knows nothing yet; an older blocked one still waits.
    pending = {"ID": "f", "Status": "pending", "CreateIndex": 12}
    complete = {"ID": "g", "Status": "complete", "CreateIndex": 11}
    assert placement(job(), [allocation()], (), [BLOCKED, complete, pending]).problem == UNPLACED
    # Nothing is blocked any more, and the newest evaluation placed everything.
    canceled = {**BLOCKED, "Status": "canceled"}
    assert placement(job(), [allocation()], (), [canceled, complete, pending]).problem == ""


def test_failed_allocations_explain_what_does_not_run_before_those_that_start() -> None:
    events = [{"Type": "Terminated", "Details": {"exit_code": "3"}}]
    failed = allocation("failed", TaskStates={"server": {"State": "dead", "Failed": True, "Events": events}})
    late = allocation("pending", TaskStates={"server": {"State": "pending", "Events": []}})
    assert "exited with code 3" in placement(job(), [failed, late], (), ()).problem
    assert placement(job(), [late], (), ()).problem == "it has not started (api/server)"


def test_what_runs_needs_no_explanation() -> None:
    assert placement(job(), [allocation(), allocation()], (), [BLOCKED]).problem == ""


@pytest.mark.parametrize(
    "keys", [{"Stop": True}, {"Periodic": {"Spec": "@daily"}}, {"ParameterizedJob": {"Payload": "optional"}}]
)
def test_nothing_should_run_of_a_stopped_job_and_of_one_that_launches_others(keys: dict[str, Any]) -> None:
    found = placement(job(**keys), [], (), ())
    assert (found.counts, found.launches_later, needs_evaluations(job(**keys), [])) == ({}, "Stop" not in keys, False)


def test_a_batch_should_not_run_what_has_completed() -> None:
    batch = job(kind="batch", count=3)
    rows = [allocation("complete"), allocation("complete", version=1), allocation()]
    found = placement(batch, rows, (), ())
    assert (found.counts, found.completes) == ({"api": 2}, True)
    assert placement(batch, [allocation("complete")] * 4, (), ()).counts == {"api": 0}


def test_a_dead_batch_completed_unless_an_allocation_failed() -> None:
    dead = job(kind="batch", count=2, Status="dead")
    assert placement(dead, [], (), ()).counts == {"api": 0}
    assert placement(dead, [allocation("failed", version=1)], (), ()).counts == {"api": 0}
    assert placement(dead, [allocation("complete"), allocation("failed")], (), ()).counts == {"api": 1}


def test_a_system_job_should_run_once_on_each_node_and_where_it_waits_for_one() -> None:
    system = job(kind="system", count=1)
    rows = [allocation(), allocation(NodeID="n2"), allocation(desired="stop", NodeID="n3")]
    assert needs_evaluations(system, rows)
    queued = {"ID": "e", "Status": "complete", "CreateIndex": 3, "QueuedAllocations": {"api": 1}}
    assert placement(system, rows, (), [queued]).counts == {"api": 3}
    assert placement(system, rows, (), ()).counts == {"api": 2}
    assert placement(job(kind="system", count=0), [], (), ()).counts == {}
    sysbatch = job(kind="sysbatch", count=1)
    assert placement(sysbatch, [allocation("complete"), allocation(NodeID="n2")], (), ()).counts == {"api": 1}
