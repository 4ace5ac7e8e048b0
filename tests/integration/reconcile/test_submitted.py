"""A registration that Nomad accepted or refused, as it is recorded."""

from dataclasses import replace

import pytest

from app.domain.job import JobPatch, SourceState, TaskChange
from app.domain.rollout import Outcome, OutcomeKind
from app.services.reconcile.result import Result
from tests.integration.reconcile.launched import JOB, LAUNCH, PATCH, ROLLOUTS, SUBMISSION, TASK, requested, waiting
from tests.integration.reconcile.target import D2, IMAGE, ITEM, KEY, Around


async def test_a_registration_is_recorded_and_releases_the_lease(around: Around) -> None:
    target, rollout, claimed = await requested(around)
    written = await around.store.submitted(claimed, rollout, PATCH, SUBMISSION)
    stored, row = await around.target(target), await around.row(ROLLOUTS)
    assert (written.due_in, stored["due_in"], stored["lease_token"]) == (None, None, None)
    assert stored["inspect_job"] is False
    assert (stored["outage"], stored["attempts"], stored["wakes"], stored["job_index"]) == ("", 3, 0, 9)
    assert (row["state"], row["submission_index"], row["evaluation_id"]) == ("submitted", 9, "e")
    assert (row["submission_changed"], row["warnings"]) == (True, "old field")
    assert None not in (row["submitted_at"], row["progressed_at"], row["follow_at"], row["woken_at"])
    watch = await around.row("SELECT * FROM watches")
    assert (watch["expected_intent"], watch["expected"]) == (2, {KEY: f"{IMAGE}@{D2}"})
    assert (watch["digest_tags"], watch["digests"][f"{IMAGE}@{D2}"]) == ({D2: "v1.1.0"}, D2)
    assert (watch["drifted_at"], watch["drift_images"], watch["rebaseline"]) == (None, {}, False)


async def test_a_registration_is_a_fact_without_the_lease_too(around: Around) -> None:
    target, rollout, claimed = await requested(around)
    await around.take_over(target)
    holder = (await around.target(target))["lease_token"]
    written = await around.store.submitted(claimed, rollout, PATCH, SUBMISSION)
    stored = await around.target(target)
    assert (written.due_in, stored["lease_token"], stored["wakes"], stored["outage"]) == (0.0, holder, 1, "away")
    assert (await around.row(ROLLOUTS))["submission_index"] == 9


async def test_a_registration_is_recorded_once(around: Around) -> None:
    target, rollout, claimed = await requested(around)
    await around.store.submitted(claimed, rollout, PATCH, SUBMISSION)
    before = await around.row(ROLLOUTS)
    written = await around.store.submitted(claimed, rollout, PATCH, replace(SUBMISSION, index=10))
    assert await around.row(ROLLOUTS) == before
    assert (written.due_in, (await around.target(target))["wakes"]) == (None, 0)


@pytest.mark.parametrize(
    "patch", [replace(PATCH, expected_index=8), replace(PATCH, changes={TASK: TaskChange(image="another")})]
)
async def test_a_patch_that_was_replaced_is_not_this_rollouts(around: Around, patch: JobPatch) -> None:
    _, rollout, claimed = await requested(around)
    await around.store.submitted(claimed, rollout, patch, SUBMISSION)
    row = await around.row(ROLLOUTS)
    assert (row["state"], row["submission_index"]) == ("requested", None)
    assert await around.value("SELECT expected_intent FROM watches") == 0


async def test_a_registration_of_a_rollout_that_ended_does_not_follow_it(around: Around) -> None:
    _, rollout, claimed = await requested(around)
    await around.run("UPDATE rollouts SET state = 'ended', ended_at = now()")
    written = await around.store.submitted(claimed, rollout, PATCH, SUBMISSION)
    row = await around.row(ROLLOUTS)
    assert (row["state"], row["submission_index"], row["follow_at"]) == ("ended", 9, None)
    assert written.notification_delivery_ids == ()


@pytest.mark.parametrize(("intent", "is_recorded"), [(2, True), (3, False)])
async def test_a_watch_never_returns_to_an_older_intent(around: Around, intent: int, is_recorded: bool) -> None:
    """The same intent is registered again if Nomad lost it."""
    _, rollout, claimed = await requested(around)
    await around.run("UPDATE watches SET expected_intent = $1", intent)
    await around.store.submitted(claimed, rollout, PATCH, SUBMISSION)
    watch = await around.row("SELECT expected, expected_intent FROM watches")
    assert (bool(watch["expected"]), watch["expected_intent"]) == (is_recorded, intent)


async def test_a_registration_is_never_older_than_what_is_known_of_the_job(around: Around) -> None:
    target, rollout, claimed = await requested(around)
    other = await around.add("other")
    await around.run("UPDATE targets SET job_index = 12")
    await around.store.submitted(claimed, rollout, PATCH, SUBMISSION)
    assert (await around.target(target))["job_index"] == 12
    await around.store.submitted(claimed, rollout, PATCH, replace(SUBMISSION, index=14))
    assert [(await around.target(each))["job_index"] for each in (target, other)] == [14, 12]


async def test_each_watch_expects_its_own_images_and_one_that_moved_away_none(around: Around) -> None:
    target, rollout, claimed = await requested(around)
    for name in ("beside", "moved"):
        await around.add(name)
        await around.run(ITEM, rollout, name, D2)
    await around.run("UPDATE watches SET target_id = $1 WHERE name = 'beside'", target)
    await around.store.submitted(claimed, rollout, PATCH, SUBMISSION)
    found = {
        name: await around.value("SELECT expected FROM watches WHERE name = $1", name) for name in ("app", "beside")
    }
    assert found == {"app": {KEY: f"{IMAGE}@{D2}"}, "beside": {}}
    assert await around.value("SELECT expected_intent FROM watches WHERE name = 'moved'") == 0


async def test_only_the_watches_of_the_rollout_change(around: Around) -> None:
    target, rollout, claimed = await requested(around)
    await around.add("other")
    await around.run("UPDATE watches SET target_id = $1 WHERE name = 'other'", target)
    await around.store.submitted(claimed, rollout, PATCH, SUBMISSION)
    assert await around.value("SELECT expected_intent FROM watches WHERE name = 'other'") == 0


@pytest.mark.parametrize(
    ("source", "note", "stored"),
    [
        (SourceState.STALE, "it has variables", "it has variables"),
        (SourceState.KEPT, "it has variables", ""),
        (SourceState.NONE, "", "as before"),
    ],
)
async def test_a_source_that_was_not_changed_is_noted(
    around: Around, source: SourceState, note: str, stored: str
) -> None:
    _, rollout, claimed = await requested(around)
    await around.add("other")
    await around.run("UPDATE watches SET source_stale = 'as before'")
    await around.store.submitted(claimed, rollout, PATCH, replace(SUBMISSION, source=source, source_note=note))
    assert await around.value("SELECT source_stale FROM watches WHERE name = 'app'") == stored
    assert await around.value("SELECT source_stale FROM watches WHERE name = 'other'") == "as before"


async def test_a_refused_patch_is_withdrawn_and_another_may_be_in_flight(around: Around) -> None:
    target, rollout, claimed = await requested(around)
    await around.store.withdraw(claimed, rollout)
    row = await around.row(ROLLOUTS)
    assert (row["state"], row["expected_index"], row["changes"]) == ("requested", None, [])
    assert (await around.target(target))["lease_token"] == claimed.token
    assert len(await around.value("SELECT in_flight FROM watches")) == 1


async def test_a_launch_that_was_refused_at_once_leaves_nothing_in_flight(around: Around) -> None:
    """This pass stored it and posted it: no other worker can have."""
    target = await around.add()
    claimed = await around.claim(target)
    await around.store.settle(claimed, Result(job=JOB, job_read=True, launch=LAUNCH))
    await around.store.withdraw(claimed, LAUNCH.rollout_id)
    assert (await around.row(ROLLOUTS))["expected_index"] is None
    assert await around.value("SELECT in_flight FROM watches") == []


async def test_a_first_patch_of_a_request_that_was_refused_leaves_nothing_in_flight(around: Around) -> None:
    target = await around.add()
    rollout = await around.add_rollout(target)
    await around.run("UPDATE rollouts SET expected_index = NULL, changes = '[]'")
    claimed = await around.claim(target)
    launch = replace(LAUNCH, rollout_id=rollout, reuse=True)
    await around.store.settle(claimed, Result(job=JOB, job_read=True, launch=launch))
    assert (await around.row(ROLLOUTS))["expected_index"] == 7
    await around.store.withdraw(claimed, rollout)
    assert await around.value("SELECT in_flight FROM watches") == []


async def test_a_refused_request_ends_with_its_reason(around: Around) -> None:
    target, rollout, claimed = await requested(around)
    other = await waiting(around)
    written = await around.store.refuse(claimed, rollout, Outcome(kind=OutcomeKind.REFUSED, reason="no permission"))
    stored, row = await around.target(target), await around.row(ROLLOUTS)
    assert (row["state"], row["outcome"], row["reason"]) == ("ended", "refused", "no permission")
    assert (written.due_in, written.woken, stored["lease_token"]) == (0.0, (other,), None)
    assert (stored["inspect_job"], stored["attempts"], stored["due_in"] <= 0) == (True, 0, True)
    assert len(await around.value("SELECT in_flight FROM watches WHERE name = 'app'")) == 1
