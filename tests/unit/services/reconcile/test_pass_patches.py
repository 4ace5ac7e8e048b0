"""A pass that finds a patch of an earlier one: it may have arrived, or is looked for, made again or given up."""

import pytest

from app.domain.decision import Hold, HoldReason
from app.domain.job import JobState, Submission
from app.domain.rollout import OutcomeKind
from app.errors import JobChanged
from app.refusals.samples import claim, job
from app.services.reconcile.claim import OpenRollout
from app.services.reconcile.result import SlotBounds, Written
from tests.unit.services.reconcile.looks import PATCH, decision
from tests.unit.services.reconcile.passes import SETTINGS, SUBMISSION, a_pass
from tests.unit.services.reconcile.values import ROLLOUT, item, open_rollout


@pytest.mark.parametrize("answer", [None, JobChanged("the job changed")])
async def test_a_patch_that_has_not_arrived_is_registered_by_this_pass(answer: Exception | None) -> None:
    rollout = open_rollout(item(), patch=PATCH)
    found = a_pass(claim(rollout=rollout), recovered=[answer])
    await found.run()
    assert found.deployer.asked == ["recover", "inspect", "submit"]
    assert found.targets.names == ["settle", "submitted"]
    launch = found.targets.result.launch
    assert launch is not None
    assert (launch.reuse, launch.rollout_id, found.targets.result.ended) == (True, ROLLOUT, None)
    assert found.targets.result.bounds == SlotBounds(at_most=0, heeds_failures=SETTINGS.fleet.stop_after_failure)


async def test_a_patch_that_has_arrived_is_recorded_and_the_pass_is_done() -> None:
    found = a_pass(claim(rollout=open_rollout(item(), patch=PATCH)), recovered=[SUBMISSION])
    found.targets.written = Written(due_in=0.0)
    await found.run()
    assert found.targets.calls == [("submitted", ROLLOUT, PATCH, SUBMISSION)]
    assert found.deployer.asked == ["recover"]
    assert found.waker.wakes == [("follow", str(ROLLOUT)), ("reconcile", "1")]


async def test_a_patch_that_arrives_while_the_registry_is_asked_is_recorded() -> None:
    found = a_pass(claim(rollout=open_rollout(item(), patch=PATCH)), job=job(index=8), recovered=[None, SUBMISSION])
    await found.run()
    assert found.deployer.asked == ["recover", "inspect", "recover"]
    assert found.targets.names == ["submitted"]


@pytest.mark.parametrize(
    ("rollout", "found_job"),
    [
        (None, job(index=8)),
        (open_rollout(item()), job(index=8)),
        (open_rollout(item(), patch=PATCH, submitted=True), job(index=8)),
        (open_rollout(item(), patch=PATCH), job(index=7)),
    ],
)
async def test_a_patch_is_looked_for_again_only_if_the_job_moved(
    rollout: OpenRollout | None, found_job: JobState
) -> None:
    found = a_pass(claim(rollout=rollout), job=found_job)
    await found.run()
    assert found.deployer.asked.count("recover") == (
        rollout is not None and bool(rollout.patch) and not rollout.submitted
    )


async def test_a_job_that_was_purged_has_no_patch_that_arrived() -> None:
    found = a_pass(claim(rollout=open_rollout(item(), patch=PATCH)), job=None)
    await found.run()
    held = decision(found)
    assert isinstance(held, Hold)
    assert held.reason is HoldReason.UNUSABLE


@pytest.mark.parametrize(("arrived", "writes"), [(SUBMISSION, ["submitted"]), (None, ["settle", "submitted"])])
async def test_an_abandoned_patch_is_looked_for_once_more(arrived: Submission | None, writes: list[str]) -> None:
    """It may have arrived while the registries were asked: then it was registered, and is no rollout that ended."""
    rollout = open_rollout(item(tag="v1.0.5"), patch=PATCH)
    found = a_pass(claim(rollout=rollout), recovered=[None, arrived])
    await found.run()
    assert found.targets.names == writes
    if arrived is None:
        ended = found.targets.result.ended
        assert ended is not None
        assert ended.kind is OutcomeKind.SUPERSEDED
