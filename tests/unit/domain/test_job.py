"""The image reference in a task, the selected tasks, and when a rollout counts as progressing."""

from dataclasses import replace

import pytest

from app.domain.deployment import AllocationState, DeploymentPhase, DeploymentState, Snapshot
from app.domain.job import Allocations, JobState, Placement, Preview, ReferenceForm, SourceState, Submission, TaskKey
from app.domain.watch import DeployBy, JobPlace
from tests.unit.domain.cases import D1, D2, HOST, job, task


@pytest.mark.parametrize(
    ("form", "deploy_by", "written"),
    [
        (ReferenceForm.TAG_AND_DIGEST, DeployBy.DIGEST, f":v1.1.0@{D2}"),
        (ReferenceForm.DIGEST_ONLY, DeployBy.DIGEST, f"@{D2}"),
        (ReferenceForm.TAG_AND_DIGEST, DeployBy.TAG, ":v1.1.0"),
        (ReferenceForm.DIGEST_ONLY, DeployBy.TAG, ":v1.1.0"),
    ],
)
@pytest.mark.parametrize("found", [":v1.0.0", f":v1.0.0@{D1}", f"@{D1}", ""])
def test_the_reference_is_written_in_the_drivers_form(
    form: ReferenceForm, deploy_by: DeployBy, written: str, found: str
) -> None:
    changed = task(found, form=form, prefix="docker://").written(tag="v1.1.0", digest=D2, deploy_by=deploy_by)
    assert changed == f"docker://{HOST}/team/app{written}"


def test_the_spelling_found_is_kept() -> None:
    changed = task("Index.docker.io/library/app:v1").written(tag="v2", digest=D2, deploy_by=DeployBy.DIGEST)
    assert changed == f"Index.docker.io/library/app:v2@{D2}"


def test_an_image_that_cannot_be_followed_cannot_be_edited() -> None:
    with pytest.raises(ValueError, match="app/server has no reference"):
        task(reference=None).written(tag="v1", digest=D1, deploy_by=DeployBy.TAG)


def test_tasks_are_selected_by_name_and_group() -> None:
    found = job(task(), task(group="b"), task(name="sidecar"))
    assert [each.key for each in found.selected("server", None)] == [
        TaskKey(group="app", task="server"),
        TaskKey(group="b", task="server"),
    ]
    assert [str(each.key) for each in found.selected("server", "b")] == ["b/server"]
    assert found.selected("server", "c") == ()


DEPLOYMENT = DeploymentState(
    deployment_id="d", phase=DeploymentPhase.ACTIVE, description="", desired=2, placed=1, healthy=0, unhealthy=0
)
MOVING = Snapshot(
    present=True, deployment=DEPLOYMENT, allocations=(AllocationState(allocation_id="a", status="pending"),)
)


@pytest.mark.parametrize(
    "moved",
    [
        replace(MOVING, deployment=replace(DEPLOYMENT, placed=2)),
        replace(MOVING, deployment=replace(DEPLOYMENT, healthy=1)),
        replace(MOVING, deployment=replace(DEPLOYMENT, awaits_promotion=True)),
        replace(MOVING, deployment=replace(DEPLOYMENT, paused=True)),
        replace(MOVING, deployment=replace(DEPLOYMENT, phase=DeploymentPhase.FAILED)),
        replace(MOVING, deployment=replace(DEPLOYMENT, unhealthy=1)),
        replace(MOVING, deployment=None),
    ],
)
def test_changes_that_count_as_progress(moved: Snapshot) -> None:
    assert moved.progress != MOVING.progress


@pytest.mark.parametrize(
    "still",
    [
        replace(MOVING, index=99),
        replace(MOVING, unplaced="no room"),
        replace(MOVING, failures=("it crashed",)),
        replace(MOVING, deployment=replace(DEPLOYMENT, description="other words")),
        # A snapshot with the deployment need not have the allocations.
        replace(MOVING, allocations=()),
    ],
)
def test_changes_that_do_not_count_as_progress(still: Snapshot) -> None:
    assert still.progress == MOVING.progress


def test_without_a_deployment_the_evaluation_and_the_allocations_show_progress() -> None:
    waiting = Snapshot(present=True)
    assert waiting.progress != replace(waiting, evaluated=True).progress
    two = tuple(AllocationState(allocation_id=name, status="running") for name in "ab")
    assert replace(waiting, allocations=two).progress == replace(waiting, allocations=two[::-1]).progress


@pytest.mark.parametrize(
    ("region", "namespace", "shown"),
    [("", "default", "app"), ("", "prod", "prod/app"), ("eu", "default", "eu/app"), ("eu", "prod", "eu/prod/app")],
)
def test_a_place_is_shown_without_what_goes_without_saying(region: str, namespace: str, shown: str) -> None:
    assert str(JobPlace(region=region, namespace=namespace, job_id="app")) == shown


def test_a_version_of_which_nothing_is_known_runs_nothing() -> None:
    found = Allocations(group="app", version=1)
    assert (found.tasks, found.running, found.canaries, found.starting, found.stopping) == ((), 0, 0, 0, 0)


def test_a_job_of_which_nothing_is_known_runs_nothing_and_is_not_reverted() -> None:
    found = JobState(index=1, create_index=1, version=0, submitted_at=0.0, tasks=())
    assert found.placement == Placement(allocations=(), counts={}, problem="", launches_later=False, completes=False)
    assert (found.unusable, found.deployment, found.reverted) == (None, None, False)


def test_a_submission_changed_the_job_unless_it_says_otherwise() -> None:
    found = Submission(index=9, evaluation_id="e")
    assert (found.changed, found.warnings, found.source, found.source_note) == (True, "", SourceState.NONE, "")


def test_a_preview_that_says_nothing_is_of_a_patch_that_changes_nothing_and_may_be_planned() -> None:
    found = Preview()
    assert (found.lines, found.foreign, found.updates, found.unplaced, found.warnings) == ((), (), {}, "", "")
    assert found.allowed
