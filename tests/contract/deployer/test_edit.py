"""The edit of a job: it changes the images of the patch, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.domain.job import JobPatch, TaskChange, TaskKey
from app.domain.watch import DeployBy, JobPlace
from app.errors import JobChanged, JobRejected, NomadUnavailable
from app.ports import Deployer
from tests.contract.deployer.cluster import Cluster, Jobs
from tests.contract.deployer.following import SERVER, inspected, patch, submitted
from tests.contract.deployer.jobs import (
    NOWHERE,
    compared,
    constrained,
    group,
    only_task,
    service,
    task,
    unplaced,
)
from tests.servers.tiny_images import Behaviour

CORPUS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "fixtures/nomad_api/2.0.6-dev/job-corpus.json").read_text()
)
DIGEST = "sha256:" + "2c26b46b68ffc68f" * 4


async def test_a_job_is_read_with_its_task_and_index(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    image = cluster.image(Behaviour.STEADY)
    place = jobs.start(constrained(service(image), "${node.class}", "nowhere"))
    state = await inspected(deployer, place)
    [found] = state.selected("server", None)
    assert (found.key, found.image, found.problem) == (SERVER, image, None)
    stored = cluster.read(place)
    assert (state.index, state.version, state.create_index) == (
        stored["JobModifyIndex"],
        stored["Version"],
        stored["CreateIndex"],
    )
    assert state.unusable is None
    assert state.submitted_at > 1_600_000_000


@pytest.mark.parametrize("name", sorted(CORPUS))
async def test_what_the_order_does_not_name_stays_as_it_was(
    deployer: Deployer, cluster: Cluster, jobs: Jobs, name: str
) -> None:
    posted = {**CORPUS[name]["posted"], "Constraints": [NOWHERE], "Namespace": "default", "Region": None}
    suffix = "/web" if "/" in posted["ID"] else ""
    place = jobs.start({**posted, "ID": jobs.name() + suffix})
    before, state = cluster.read(place), await inspected(deployer, place)
    changes = {
        each.key: TaskChange(
            image=each.written(tag="v9", digest=DIGEST, deploy_by=DeployBy.DIGEST), marker="r-1", force_pull=True
        )
        for each in state.tasks
        if each.reference is not None
    }
    if not changes:
        assert all(each.problem for each in state.tasks)
        return
    submission = await deployer.submit(place, JobPatch(changes=changes, expected_index=state.index))
    after = cluster.read(place)
    assert (submission.changed, submission.index) == (True, after["JobModifyIndex"])
    assert after["Version"] == before["Version"] + 1
    assert compared(after) == compared(before)
    images = {each.key: each.image for each in (await inspected(deployer, place)).tasks}
    assert {key: images[key] for key in changes} == {key: change.image for key, change in changes.items()}


async def test_the_task_carries_image_and_marker(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(unplaced(group(task("reg.example:5000/app:v1", Meta={"owner": "payments"}))))
    await submitted(deployer, place, "reg.example:5000/app:v2", marker="r-1")
    changed = only_task(cluster.read(place))
    assert changed["Config"]["image"] == "reg.example:5000/app:v2"
    assert changed["Meta"] == {"owner": "payments", "registrywatcher.rollout": "r-1"}
    assert cluster.read(place)["Meta"] is None


async def test_tasks_of_several_groups_change_in_one_version(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    sidecar = task("reg.example/proxy:1", name="proxy", Lifecycle={"Hook": "prestart", "Sidecar": True})
    place = jobs.start(
        unplaced(
            group(task("reg.example/app:v1"), sidecar, name="blue"),
            group(task("reg.example/app:v1"), name="green"),
            group(task("reg.example/other:v1", name="other"), name="grey"),
        )
    )
    state = await inspected(deployer, place)
    keys = [each.key for each in state.selected("server", None)]
    assert keys == [TaskKey(group="blue", task="server"), TaskKey(group="green", task="server")]
    assert [each.key for each in state.selected("server", "green")] == keys[1:]
    also = TaskKey(group="blue", task="proxy")
    changes = {
        **{key: TaskChange(image="reg.example/app:v2") for key in keys},
        also: TaskChange(image="reg.example/proxy:2"),
    }
    submission = await deployer.submit(place, JobPatch(changes=changes, expected_index=state.index))
    after = await inspected(deployer, place)
    assert (after.index, after.version) == (submission.index, state.version + 1)
    assert [each.image for each in after.tasks] == [
        "reg.example/app:v2",
        "reg.example/proxy:2",
        "reg.example/app:v2",
        "reg.example/other:v1",
    ]


async def test_registering_again_and_again_adds_no_constraint(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    identified = task("reg.example/app:v1", Identity={"Env": True}, Identities=[{"Name": "aws", "Audience": ["sts"]}])
    place = jobs.start(unplaced(group(identified)))
    counts = []
    for number in range(2, 5):
        await submitted(deployer, place, f"reg.example/app:v{number}")
        counts.append(len(cluster.read(place)["TaskGroups"][0]["Constraints"] or ()))
    assert counts == [counts[0]] * 3
    again = await submitted(deployer, place, "reg.example/app:v4")
    assert not again.changed


async def test_a_count_that_an_autoscaler_set_stays(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    scaling = {"Min": 1, "Max": 9, "Enabled": True, "Policy": {"cooldown": "1m"}}
    all_at_once = {"MaxParallel": 0}  # no deployment, for scaling is refused while one is active
    place = jobs.start(unplaced(group(task("reg.example/app:v1"), Scaling=scaling, Update=all_at_once)))
    stale = patch(await inspected(deployer, place), "reg.example/app:v2")
    cluster.scale(place, "app", 4)
    with pytest.raises(JobChanged):
        await deployer.submit(place, stale)
    before = cluster.read(place)["TaskGroups"][0]
    await submitted(deployer, place, "reg.example/app:v2")
    after = cluster.read(place)["TaskGroups"][0]
    assert (before["Count"], after["Count"]) == (4, 4)
    assert after["Scaling"]["Policy"] == {"cooldown": "1m"}


async def test_a_version_tag_stays_on_its_version(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    if cluster.version < (1, 9):
        pytest.skip("version tags came with Nomad 1.9")
    place = jobs.start(unplaced(group(task("reg.example/app:v1"))))
    cluster.call("PUT", f"/v1/job/{place.job_id}/versions/golden/tag", json={"Version": 0, "Description": "the first"})
    await submitted(deployer, place, "reg.example/app:v2")
    newest, oldest = cluster.versions(place)
    assert newest.get("VersionTag") is None
    assert oldest["VersionTag"]["Name"] == "golden"


@pytest.mark.parametrize("name", ["team/web", "a%2Fb", "what?no", "grün", "a#b;c&d=e+f"])
async def test_any_name_that_nomad_allows_is_reached(deployer: Deployer, jobs: Jobs, name: str) -> None:
    place = jobs.start({**unplaced(group(task("reg.example/app:v1"))), "ID": f"{jobs.name()}-{name}"})
    submission = await submitted(deployer, place, "reg.example/app:v2")
    assert (await deployer.observe(place, submission)).index == submission.index
    assert (await inspected(deployer, place)).tasks[0].image == "reg.example/app:v2"


async def test_a_region_is_named_and_an_unknown_one_is_reported(
    deployer: Deployer, cluster: Cluster, jobs: Jobs
) -> None:
    place = jobs.start(unplaced(group(task("reg.example/app:v1"))))
    region = cluster.read(place)["Region"]
    here = JobPlace(region=region, namespace="default", job_id=place.job_id)
    await submitted(deployer, here, "reg.example/app:v2")
    assert (await inspected(deployer, place)).tasks[0].image == "reg.example/app:v2"
    with pytest.raises(NomadUnavailable, match="region"):
        await deployer.inspect(JobPlace(region="atlantis", namespace="default", job_id=place.job_id))


async def test_a_patch_for_a_missing_task_is_rejected(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(unplaced(group(task("reg.example/app:v1"))))
    state = await inspected(deployer, place)
    with pytest.raises(JobRejected, match="app/other"):
        await deployer.submit(place, patch(state, "reg.example/app:v2", key=TaskKey(group="app", task="other")))
