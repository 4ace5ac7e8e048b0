"""The change itself: the images that were ordered, and nothing else of the job."""

import json
import re
from pathlib import Path
from typing import Any

import anyio
import pytest

from app.domain.job import Order, Submission, TaskChange, TaskKey
from app.domain.watch import DeployBy, JobPlace
from app.errors import JobChanged, JobRejected, NomadUnavailable
from app.ports import Deployer
from tests.contract.deployer.cluster import Cluster, Jobs
from tests.contract.deployer.following import SERVER, followed, inspected, order, submitted
from tests.contract.deployer.jobs import (
    NOWHERE,
    compared,
    constrained,
    group,
    job,
    only_task,
    service,
    task,
)
from tests.servers.tiny_images import Behaviour

CORPUS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "fixtures/nomad_api/2.0.6-dev/job-corpus.json").read_text()
)
DIGEST = "sha256:" + "2c26b46b68ffc68f" * 4
REG = "reg.example:5000"


def unplaced(*groups: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A job that no node may run: only its specification matters."""
    return job(*groups, Constraints=[NOWHERE], **fields)


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
    submission = await deployer.submit(place, Order(changes=changes, expected_index=state.index))
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
    submission = await deployer.submit(place, Order(changes=changes, expected_index=state.index))
    after = await inspected(deployer, place)
    assert (after.index, after.version) == (submission.index, state.version + 1)
    assert [each.image for each in after.tasks] == [
        "reg.example/app:v2",
        "reg.example/proxy:2",
        "reg.example/app:v2",
        "reg.example/other:v1",
    ]


@pytest.mark.parametrize(
    ("image", "driver", "read", "written"),
    [
        (f"{REG}/team/app:v1", "docker", (REG, "team/app", "v1", None), f"{REG}/team/app:v9"),
        (f"{REG}/app:v1@{DIGEST}", "docker", (REG, "app", "v1", DIGEST), f"{REG}/app:v9"),
        (f"{REG}/app@{DIGEST}", "docker", (REG, "app", None, DIGEST), f"{REG}/app:v9"),
        (f"https://{REG}/app:v1", "docker", (REG, "app", "v1", None), f"https://{REG}/app:v9"),
        (f"docker://{REG}/app:v1", "podman", (REG, "app", "v1", None), f"docker://{REG}/app:v9"),
        (f"{REG}/app:v1", "containerd-driver", (REG, "app", "v1", None), f"{REG}/app:v9"),
        ("localhost/app", "docker", ("localhost", "app", None, None), "localhost/app:v9"),
        ("nginx", "docker", ("docker.io", "library/nginx", None, None), "nginx:v9"),
    ],
)
async def test_an_image_is_parsed_and_written_in_its_own_spelling(
    deployer: Deployer, jobs: Jobs, image: str, driver: str, read: tuple[str, str, str | None, str | None], written: str
) -> None:
    place = jobs.start(unplaced(group(task(image, driver=driver))))
    [found] = (await inspected(deployer, place)).tasks
    reference = found.reference
    assert reference is not None
    assert (reference.repository.host, reference.repository.path, reference.tag, reference.digest) == read
    text = found.written(tag="v9", digest=DIGEST, deploy_by=DeployBy.TAG)
    assert text == written
    await submitted(deployer, place, text)
    assert (await inspected(deployer, place)).tasks[0].image == written


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"image": "reg.example/app:${NOMAD_META_tag}"}, r"\$\{NOMAD_META_tag\}|interpolat"),
        ({"image": "${meta.connect.sidecar_image}"}, r"\$\{meta|interpolat"),
        ({"image": 7}, "image"),
        ({"command": "x"}, "image"),
        ({"image": "reg.example/App:v1"}, "App"),
    ],
)
async def test_an_image_that_cannot_be_followed_says_why(
    deployer: Deployer, jobs: Jobs, config: dict[str, Any], words: str
) -> None:
    odd = {**task("x"), "Config": config}
    place = jobs.start(unplaced(group(odd, task("reg.example/app:v1", name="fine"))))
    strange, fine = (await inspected(deployer, place)).tasks
    assert strange.reference is None
    assert strange.problem
    assert re.search(words, strange.problem)
    assert fine.problem is None


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
    stale = order(await inspected(deployer, place), "reg.example/app:v2")
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


async def test_the_same_specification_again_makes_no_version(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(unplaced(group(task("reg.example/app:v1"))))
    state = await inspected(deployer, place)
    submission = await deployer.submit(place, order(state, "reg.example/app:v1"))
    assert (submission.changed, submission.index) == (False, state.index)
    assert (await inspected(deployer, place)).version == state.version


async def test_the_loser_of_a_race_learns_that_the_job_changed(deployer: Deployer, jobs: Jobs) -> None:
    old = unplaced(group(task("reg.example/app:v1")))
    place = jobs.start(old)
    stale = order(await inspected(deployer, place), "reg.example/app:v2")
    jobs.replace(place, {**old, "Meta": {"by": "hand"}})
    with pytest.raises(JobChanged, match="somebody else changed"):
        await deployer.submit(place, stale)
    assert (await inspected(deployer, place)).tasks[0].image == "reg.example/app:v1"


async def test_of_many_writers_with_one_index_one_wins(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(unplaced(group(task("reg.example/app:v1"))))
    state = await inspected(deployer, place)
    won: list[Submission] = []
    lost: list[JobChanged] = []

    async def write(marker: str) -> None:
        try:
            won.append(await deployer.submit(place, order(state, "reg.example/app:v2", marker=marker)))
        except JobChanged as error:
            lost.append(error)

    async with anyio.create_task_group() as writers:
        for number in range(8):
            writers.start_soon(write, f"r-{number}")
    # Nomad before 1.10.11, 1.11.5 and 2.0.1 checks against a snapshot only, so that two can pass: hence our lease.
    assert len(won) in ((1, 2) if cluster.is_real and cluster.version < (2, 0, 1) else (1,))
    assert len(won) + len(lost) == 8


async def test_recover_tells_what_became_of_an_order(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(unplaced(group(task("reg.example/app:v1"))))
    placed = order(await inspected(deployer, place), "reg.example/app:v2", marker="r-7")
    assert await deployer.recover(place, placed) is None
    submission = await deployer.submit(place, placed)
    found = await deployer.recover(place, placed)
    assert found is not None
    assert (found.index, found.evaluation_id) == (submission.index, submission.evaluation_id)


async def test_recover_refuses_what_another_order_did(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(unplaced(group(task("reg.example/app:v1"))))
    state = await inspected(deployer, place)
    await deployer.submit(place, order(state, "reg.example/app:v2", marker="r-theirs"))
    with pytest.raises(JobChanged):
        await deployer.recover(place, order(state, "reg.example/app:v2", marker="r-ours"))


@pytest.mark.usefixtures("allocations_run")
async def test_recover_finds_an_order_that_was_replaced_since(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    old, new = cluster.image(Behaviour.STEADY, "v1"), cluster.image(Behaviour.STEADY, "v2")
    place = jobs.start(service(old))
    placed = order(await inspected(deployer, place), new, marker="r-7")
    submission = await deployer.submit(place, placed)
    await followed(deployer, place, submission)
    jobs.replace(place, service(old))
    found = await deployer.recover(place, placed)
    assert found is not None
    assert found.index == submission.index
    seen = await deployer.observe(place, found)
    assert seen.index > found.index
    assert seen.stable


@pytest.mark.parametrize("name", ["team/web", "a%2Fb", "what?no", "grün", "a#b;c&d=e+f"])
async def test_any_name_that_nomad_allows_is_reached(deployer: Deployer, jobs: Jobs, name: str) -> None:
    place = jobs.start({**unplaced(group(task("reg.example/app:v1"))), "ID": f"{jobs.name()}-{name}"})
    submission = await submitted(deployer, place, "reg.example/app:v2")
    assert (await deployer.observe(place, submission)).index == submission.index
    assert (await inspected(deployer, place)).tasks[0].image == "reg.example/app:v2"


async def test_a_region_is_named_and_an_unknown_one_is_said(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    place = jobs.start(unplaced(group(task("reg.example/app:v1"))))
    region = cluster.read(place)["Region"]
    here = JobPlace(region=region, namespace="default", job_id=place.job_id)
    await submitted(deployer, here, "reg.example/app:v2")
    assert (await inspected(deployer, place)).tasks[0].image == "reg.example/app:v2"
    with pytest.raises(NomadUnavailable, match="region"):
        await deployer.inspect(JobPlace(region="atlantis", namespace="default", job_id=place.job_id))


async def test_an_order_for_a_task_that_is_not_there_is_rejected(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(unplaced(group(task("reg.example/app:v1"))))
    state = await inspected(deployer, place)
    with pytest.raises(JobRejected, match="app/other"):
        await deployer.submit(place, order(state, "reg.example/app:v2", key=TaskKey(group="app", task="other")))
