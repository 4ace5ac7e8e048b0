"""The edit of a job changes what the patch names, and nothing else."""

from copy import deepcopy
from typing import Any

import pytest

from app.adapters.nomad.images import tasks_of
from app.adapters.nomad.register.jobspec import MARKER, carries, edited, has_images
from app.domain.job import JobPatch, TaskChange, TaskKey
from app.errors import JobRejected
from tests.unit.nomad.recordings import CURRENT, OLD, corpus, posted, replies

IMPLICIT = {"LTarget": "${attr.nomad.version}", "RTarget": ">= 1.7.0-a", "Operand": "semver"}
NOTHING = JobPatch(changes={}, expected_index=1)
SERVER = TaskKey(group="api", task="server")


def patch(key: TaskKey = SERVER, **change: Any) -> JobPatch:
    return JobPatch(changes={key: TaskChange(**{"image": "reg/app:new", **change})}, expected_index=1)


@pytest.mark.parametrize("name", corpus())
def test_only_the_named_image_of_a_real_specification_changes(name: str) -> None:
    read = corpus()[name]["read"]
    before = deepcopy(read)
    key, _ = next(tasks_of(read))

    after = edited(read, patch(key))

    assert read == before, "the job that was read is left alone"
    expected = deepcopy(read)
    expected.pop("VersionTag", None)
    dict(tasks_of(expected))[key]["Config"]["image"] = "reg/app:new"
    for group in expected["TaskGroups"]:
        if any(task.get("Identities") for task in group["Tasks"]):
            group["Constraints"] = [each for each in group["Constraints"] if each != IMPLICIT]
    assert after == expected
    assert list(after) == list(expected), "keys keep their order"


@pytest.mark.parametrize("name", corpus())
def test_an_empty_order_posts_the_specification_back(name: str) -> None:
    read = corpus()[name]["read"]
    after = edited(read, NOTHING)
    assert {**after, "TaskGroups": None} == {**{k: v for k, v in read.items() if k != "VersionTag"}, "TaskGroups": None}


@pytest.mark.parametrize("version", [CURRENT, OLD])
def test_every_copy_of_the_growing_constraint_goes_and_the_others_stay(version: str) -> None:
    grown = posted("identity-constraint-growth", "register-as-read-3", version)
    assert grown["TaskGroups"][0]["Constraints"].count(IMPLICIT) == 3
    after = edited(grown, NOTHING)
    assert after["TaskGroups"] == posted("identity-constraint-growth", "register-stripped", version)["TaskGroups"]


def test_a_service_with_an_identity_counts_too() -> None:
    for group in (
        {"Services": [{"Identity": {"Name": "consul"}}], "Tasks": [{"Name": "server"}]},
        {"Services": None, "Tasks": [{"Name": "server", "Services": [{"Identity": {"Name": "consul"}}]}]},
    ):
        job = {"TaskGroups": [{"Name": "api", "Constraints": [IMPLICIT], **group}]}
        assert edited(job, NOTHING)["TaskGroups"][0]["Constraints"] == []


def test_the_same_constraint_written_by_a_user_stays() -> None:
    job = {"TaskGroups": [{"Name": "api", "Constraints": [IMPLICIT], "Tasks": [{"Name": "server"}]}]}
    assert edited(job, NOTHING) == job


def test_version_and_stop_stay_and_the_tag_goes() -> None:
    [job] = replies("rolling-update", "read-job")
    after = edited({**job, "Version": 7, "Stop": True, "VersionTag": {"Name": "golden"}}, patch())
    assert (after["Version"], after["Stop"], "VersionTag" in after) == (7, True, False)


def test_a_marker_is_written_beside_the_tasks_own_meta() -> None:
    [job] = replies("rolling-update", "read-job")
    job = deepcopy(job)
    job["TaskGroups"][0]["Tasks"][0]["Meta"] = {"mine": "1"}
    after = edited(job, patch(marker="r-1"))
    assert after["TaskGroups"][0]["Tasks"][0]["Meta"] == {"mine": "1", MARKER: "r-1"}
    assert (after["Meta"], after["TaskGroups"][0]["Meta"]) == (job["Meta"], job["TaskGroups"][0]["Meta"])


def test_a_marker_makes_the_meta_that_was_null() -> None:
    [job] = replies("rolling-update", "read-job")
    assert edited(job, patch(marker="r-1"))["TaskGroups"][0]["Tasks"][0]["Meta"] == {MARKER: "r-1"}
    assert edited(job, patch())["TaskGroups"][0]["Tasks"][0]["Meta"] is None


def test_force_pull_is_set_only_where_requested() -> None:
    [job] = replies("rolling-update", "read-job")
    assert edited(job, patch(force_pull=True))["TaskGroups"][0]["Tasks"][0]["Config"]["force_pull"] is True
    assert "force_pull" not in edited(job, patch())["TaskGroups"][0]["Tasks"][0]["Config"]


def test_a_null_config_gets_the_image() -> None:
    job = {"TaskGroups": [{"Name": "api", "Tasks": [{"Name": "server", "Config": None}]}]}
    assert edited(job, patch())["TaskGroups"][0]["Tasks"][0]["Config"] == {"image": "reg/app:new"}


def test_a_task_that_is_not_there_is_rejected_by_name() -> None:
    with pytest.raises(JobRejected, match="no task other/server"):
        edited({"TaskGroups": None}, patch(TaskKey(group="other", task="server")))


def test_tasks_of_one_name_in_two_groups_are_distinguished() -> None:
    read = corpus()["two-groups-same-task-name"]["read"]
    after = dict(tasks_of(edited(read, patch(TaskKey(group="green", task="server")))))
    assert after[TaskKey(group="green", task="server")]["Config"]["image"] == "reg/app:new"
    assert after[TaskKey(group="blue", task="server")]["Config"]["image"] == "registry.example.com:5000/team/app:v1.2.3"


def test_a_sidecar_image_that_the_user_set_is_not_touched() -> None:
    read = corpus()["connect-sidecar"]["read"]
    after = edited(read, patch())
    assert after["TaskGroups"][0]["Services"] == read["TaskGroups"][0]["Services"]
    assert after["TaskGroups"][0]["Tasks"][1] == read["TaskGroups"][0]["Tasks"][1]


def test_a_job_carries_an_order_when_images_and_markers_are_there() -> None:
    [job] = replies("rolling-update", "read-job")
    plain, marked = patch(), patch(marker="r-1")
    assert not carries(job, plain)
    assert carries(edited(job, plain), plain)
    assert not carries(edited(job, plain), marked)
    assert carries(edited(job, marked), marked)
    assert carries(edited(job, marked), plain)
    assert not carries(edited(job, marked), patch(TaskKey(group="x", task="y")))


def test_a_job_has_the_images_of_a_patch_without_its_markers() -> None:
    [job] = replies("rolling-update", "read-job")
    plain, marked = patch(), patch(marker="r-1")
    assert has_images(edited(job, plain), marked)
    assert not has_images(job, marked)
