"""Given a worker that lost its lease on a target, when it returns, then it writes nothing but a registration."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from app.adapters.postgres.database.pool import Database
from app.domain.job import JobPatch, Submission, TaskChange, TaskKey
from app.domain.rollout import Outcome, OutcomeKind
from app.services.reconcile.claim import Claim, LaunchItem
from app.services.reconcile.result import Launch, ResolvedTag, Result, WatchResult
from app.services.reconcile.targets import LeaseLost
from tests.fakes.registry import digest_of
from tests.integration.leases.world import LEASE, World, world
from tests.integration.statements import execute

Write = Callable[[World, Claim, UUID], Awaitable[object]]

_KEY = TaskKey(group="app", task="server")
_PATCH = JobPatch(changes={_KEY: TaskChange(image="team/app:v1.1.0")}, expected_index=10)


async def _record_resolved(here: World, claim: Claim, rollout_id: UUID) -> object:
    resolved = ResolvedTag(tags=None, tag="v1.2.0", digest=digest_of("v1.2.0"))
    return await here.targets.record_resolved(claim, "app", resolved)


async def _settle(here: World, claim: Claim, rollout_id: UUID) -> object:
    result = Result(job_read=True, watches=(WatchResult(watch="app", outage="no answer"),), requeue_in=60.0)
    return await here.targets.settle(claim, result)


async def _launch(here: World, claim: Claim, rollout_id: UUID) -> object:
    launch = Launch(
        rollout_id=rollout_id,
        reuse=True,
        items=(LaunchItem(watch="app", tag="v1.1.0", digest=digest_of("v1.1.0"), forced=False),),
        from_images={"app": {"app/server": "team/app:v1.0.0"}},
        before={"app": ("v1.0.0", digest_of("v1.0.0"))},
        message={"app": "v1.1.0 is newer"},
        task_watches={_KEY: "app"},
        identities={_KEY: "team/app:v1.1.0"},
        patch=JobPatch(changes=_PATCH.changes, expected_index=12),
    )
    return await here.targets.settle(claim, Result(job_read=True, launch=launch))


async def _end(here: World, claim: Claim, rollout_id: UUID) -> object:
    ended = Outcome(kind=OutcomeKind.SUPERSEDED, reason="never registered")
    return await here.targets.settle(claim, Result(job_read=True, ended=ended))


async def _requeue(here: World, claim: Claim, rollout_id: UUID) -> object:
    return await here.targets.requeue(claim, seconds=60.0, outage="no answer", refused=True)


async def _withdraw(here: World, claim: Claim, rollout_id: UUID) -> None:
    await here.targets.withdraw(claim, rollout_id)


async def _refuse(here: World, claim: Claim, rollout_id: UUID) -> object:
    return await here.targets.refuse(claim, rollout_id, Outcome(kind=OutcomeKind.REFUSED, reason="no such task"))


WRITES = (_record_resolved, _settle, _launch, _end, _requeue, _withdraw, _refuse)


@pytest.mark.parametrize("taken", [True, False], ids=["another has it", "nobody has it"])
@pytest.mark.parametrize("write", WRITES)
async def test_what_it_found_is_void(database: Database, write: Write, taken: bool) -> None:
    here = await world(database)
    rollout_id = await here.rollout("requested")
    first = await here.claim()
    await here.expire()
    if taken:
        await here.claim()
    before = await here.everything()

    with pytest.raises(LeaseLost):
        await write(here, first, rollout_id)

    assert await here.everything() == before


async def test_it_renews_nothing(database: Database) -> None:
    here = await world(database)
    first = await here.claim()
    await here.expire()
    assert not await here.targets.renew(first, LEASE)
    second = await here.claim()
    before = await here.everything()
    assert not await here.targets.renew(first, 2 * LEASE)
    assert await here.everything() == before
    assert await here.targets.renew(second, LEASE)


async def test_its_registration_is_recorded_and_leaves_the_lease_to_the_other(database: Database) -> None:
    """Nomad has it, whoever holds the lease; everything else is the second worker's."""
    here = await world(database)
    rollout_id = await here.rollout("requested")
    first = await here.claim()
    await here.expire()
    second = await here.claim()
    (before,) = (await here.everything())["targets"]

    submission = Submission(index=11, evaluation_id="e1")
    written = await here.targets.submitted(first, rollout_id, _PATCH, submission)

    rows = await here.everything()
    assert [(row["state"], row["submission_index"]) for row in rows["rollouts"]] == [("submitted", 11)]
    assert rows["targets"] == [{**before, "job_index": 11}]
    assert (written.due_in, len(rows["wakes"])) == (0.0, 1), "the second worker did not know of it: again"
    assert await here.targets.renew(second, LEASE)


async def test_its_registration_of_an_older_intent_is_not_what_the_watch_expects(database: Database) -> None:
    """A newer rollout was recorded meanwhile: the job should have the image of that one."""
    here = await world(database)
    rollout_id = await here.rollout("requested")
    first = await here.claim()
    await here.expire()
    await execute(database, "UPDATE watches SET expected_intent = 2, expected = $1", {"app/server": "team/app:v1.2.0"})
    before = (await here.everything())["watches"]

    await here.targets.submitted(first, rollout_id, _PATCH, Submission(index=11, evaluation_id="e1"))

    rows = await here.everything()
    assert [row["submission_index"] for row in rows["rollouts"]] == [11]
    assert rows["watches"] == before
