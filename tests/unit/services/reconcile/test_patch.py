"""From a decision to edits: which tasks change, and where a marker is needed."""

from dataclasses import replace
from uuid import UUID

import pytest

from app.domain.decision import Deploy
from app.domain.history import History
from app.domain.job import JobPatch, TaskChange, TaskKey
from app.domain.watch import DeployBy
from app.services.reconcile import patch
from tests.unit.domain.cases import CHILD, D1, D2, HOST, WATCH, job, knows, task

ID = UUID(int=7)
DEPLOY = Deploy(tag="v1.1.0", digest=D2, message="")
APP = TaskKey(group="app", task="server")
BY_TAG = replace(WATCH, deploy_by=DeployBy.TAG)


def test_a_deploy_by_digest_needs_no_marker() -> None:
    changes = patch.task_changes(WATCH, (task(),), DEPLOY, history=History(), forced=False, rollout_id=ID)
    assert changes == {APP: TaskChange(image=f"{HOST}/team/app:v1.1.0@{D2}")}


@pytest.mark.parametrize("can_force_pull", [True, False])
def test_a_deploy_by_tag_carries_a_marker_and_pulls_where_that_can_be_said(can_force_pull: bool) -> None:
    found = task(can_force_pull=can_force_pull)
    changes = patch.task_changes(BY_TAG, (found,), DEPLOY, history=History(), forced=False, rollout_id=ID)
    assert changes == {APP: TaskChange(image=f"{HOST}/team/app:v1.1.0", marker=ID.hex, force_pull=can_force_pull)}


def test_what_runs_already_is_left_alone_unless_forced() -> None:
    tasks = task(f":v1.1.0@{D2}"), task(group="b")
    changes = patch.task_changes(WATCH, tasks, DEPLOY, history=History(), forced=False, rollout_id=ID)
    assert [str(key) for key in changes] == ["b/server"]
    forced = patch.task_changes(WATCH, tasks, DEPLOY, history=History(), forced=True, rollout_id=ID)
    assert {str(key): change.marker for key, change in forced.items()} == {"app/server": ID.hex, "b/server": None}


def test_a_child_of_the_index_runs_it() -> None:
    tasks = task(f":v1.1.0@{CHILD}"), task(group="b")
    deploy = replace(DEPLOY, children=frozenset({CHILD}))
    changes = patch.task_changes(WATCH, tasks, deploy, history=History(), forced=False, rollout_id=ID)
    assert [str(key) for key in changes] == ["b/server"]


def test_a_bare_tag_counts_as_the_digest_that_was_recorded() -> None:
    found = task(":v1.1.0")
    history = knows((found, D2))
    assert patch.task_changes(BY_TAG, (found,), DEPLOY, history=history, forced=False, rollout_id=ID) == {}
    other = knows((found, D1))
    assert APP in patch.task_changes(BY_TAG, (found,), DEPLOY, history=other, forced=False, rollout_id=ID)


def test_the_identity_afterwards_is_the_normalised_name() -> None:
    hub = task(prefix="https://")
    assert patch.identity_after(hub, TaskChange(image="https://index.docker.io/app:v2")) == "docker.io/library/app:v2"


def test_the_patch_is_valid_for_the_inspected_job() -> None:
    changes = {APP: TaskChange(image="x")}
    assert patch.patch(job(index=42), changes) == JobPatch(changes=changes, expected_index=42)
