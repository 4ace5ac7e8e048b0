"""Previews: what a registration of a patch would do, by Nomad's own plan. Nothing is changed."""

import pytest

from app.domain.job import JobPatch, TaskChange, TaskKey
from app.errors import JobChanged, JobRejected
from app.ports import Deployer
from tests.contract.deployer.cluster import Cluster, Jobs
from tests.contract.deployer.following import SERVER, inspected, patch, settled
from tests.contract.deployer.jobs import batch, constrained, group, job, service, task
from tests.servers.tiny_images import Behaviour


@pytest.mark.usefixtures("allocations_run")
async def test_a_preview_shows_the_change_and_changes_nothing(deployer: Deployer, cluster: Cluster, jobs: Jobs) -> None:
    old, new = cluster.image(Behaviour.STEADY, "v1"), cluster.image(Behaviour.STEADY, "v2")
    place = jobs.start(service(old))
    state, before = await settled(deployer, place), cluster.read(place)
    evaluations = {each["ID"] for each in cluster.evaluations(place)}

    preview = await deployer.preview(place, patch(state, new, marker="r-1"))

    assert preview.allowed
    assert preview.foreign == ()
    assert any(old in line and new in line for line in preview.lines), preview.lines
    assert list(preview.updates) == ["app"]
    assert preview.unplaced == ""
    assert cluster.read(place) == before
    assert {each["ID"] for each in cluster.evaluations(place)} == evaluations


async def test_a_preview_of_what_runs_already_is_empty(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(constrained(service("reg.example/app:v1"), "${node.class}", "nowhere"))
    preview = await deployer.preview(place, patch(await inspected(deployer, place), "reg.example/app:v1"))
    assert (preview.lines, preview.foreign) == ((), ())


async def test_pulls_and_markers_are_named_by_the_order(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(constrained(service("reg.example/app:v1"), "${node.class}", "nowhere"))
    state = await inspected(deployer, place)
    change = TaskChange(image="reg.example/app:v1", marker="r-2", force_pull=True)
    preview = await deployer.preview(place, JobPatch(changes={SERVER: change}, expected_index=state.index))
    assert preview.foreign == ()
    assert any("force_pull" in line for line in preview.lines), preview.lines


async def test_a_group_that_changes_along_is_no_drift(deployer: Deployer, jobs: Jobs) -> None:
    """One of two groups changes. With identities Nomad adds its own constraint, which does not count as a change."""
    identified = task("reg.example/app:v1", Identities=[{"Name": "aws", "Audience": ["sts"]}])
    place = jobs.start(
        constrained(
            job(group(identified, name="app", Count=2), group(task("reg.example/db:v1", name="db"), name="db")),
            "${node.class}",
            "nowhere",
        )
    )
    state = await inspected(deployer, place)
    for tag in ("v2", "v3"):
        placed = patch(state, f"reg.example/app:{tag}")
        preview = await deployer.preview(place, placed)
        assert preview.foreign == (), preview.foreign
        assert preview.lines
        await deployer.submit(place, placed)
        state = await inspected(deployer, place)


async def test_a_preview_warns_of_what_cannot_be_placed(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(constrained(service("reg.example/app:v1", count=2), "${attr.kernel.name}", "plan9"))
    preview = await deployer.preview(place, patch(await inspected(deployer, place), "reg.example/app:v2"))
    assert "app" in preview.unplaced
    assert "plan9" in preview.unplaced


async def test_a_preview_of_a_job_that_moved_on_says_so(deployer: Deployer, jobs: Jobs) -> None:
    old = constrained(service("reg.example/app:v1"), "${node.class}", "nowhere")
    place = jobs.start(old)
    stale = patch(await inspected(deployer, place), "reg.example/app:v2")
    jobs.replace(place, {**old, "Meta": {"by": "hand"}})
    with pytest.raises(JobChanged):
        await deployer.preview(place, stale)


async def test_a_preview_for_a_task_that_is_not_there_is_rejected(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(constrained(service("reg.example/app:v1"), "${node.class}", "nowhere"))
    state = await inspected(deployer, place)
    with pytest.raises(JobRejected, match="app/other"):
        await deployer.preview(place, patch(state, "reg.example/app:v2", key=TaskKey(group="app", task="other")))


async def test_a_job_that_launches_later_is_previewed_too(deployer: Deployer, jobs: Jobs) -> None:
    place = jobs.start(batch("reg.example/app:v1", Periodic={"Enabled": True, "SpecType": "cron", "Spec": "0 3 1 1 *"}))
    preview = await deployer.preview(place, patch(await inspected(deployer, place), "reg.example/app:v2"))
    assert preview.foreign == ()
    assert any("reg.example/app:v2" in line for line in preview.lines)
