"""Given a worker that lost its lease on a rollout under way, when it returns, then it writes nothing."""

from collections.abc import Awaitable, Callable

import pytest

from app.adapters.postgres.database.pool import Database
from app.domain.deployment import Diagnosis, Snapshot
from app.domain.job import Submission
from app.domain.rollout import Outcome, OutcomeKind, Returning
from app.services.rollout.rollouts import LeasedRollout, Pause
from tests.integration.leases.world import World, world

Write = Callable[[World, LeasedRollout], Awaitable[object]]

_SEEN = Snapshot(present=True, index=11)
_OTHER = Submission(index=12, evaluation_id="e2")


async def _wait(here: World, first: LeasedRollout) -> object:
    return await here.rollouts.wait(first, Pause(seconds=60.0, note="waiting", progress="further"))


async def _canary_command_done(here: World, first: LeasedRollout) -> None:
    await here.rollouts.canary_command_done(first)


async def _follow_revert(here: World, first: LeasedRollout) -> None:
    returning = Returning(submission=_OTHER, version=1, reason="it failed", cause="exit code 1")
    await here.rollouts.follow_revert(first, returning, Diagnosis())


async def _follow_successor(here: World, first: LeasedRollout) -> None:
    await here.rollouts.follow_successor(first, _OTHER)


async def _register_again(here: World, first: LeasedRollout) -> object:
    return await here.rollouts.register_again(first, note="Nomad does not have it", seconds=60.0)


async def _succeed(here: World, first: LeasedRollout) -> object:
    return await here.rollouts.end(first, Outcome(kind=OutcomeKind.SUCCEEDED, reason="it is healthy"), _SEEN)


async def _fail(here: World, first: LeasedRollout) -> object:
    failed = Outcome(kind=OutcomeKind.FAILED, reason="exit code 1")
    return await here.rollouts.end(first, failed, _SEEN, diagnosis=Diagnosis(findings=("exit code 1",)), undo=True)


WRITES = (_wait, _canary_command_done, _follow_revert, _follow_successor, _register_again, _succeed, _fail)


@pytest.mark.parametrize("write", WRITES)
async def test_who_lost_the_lease_writes_nothing(database: Database, write: Write) -> None:
    here = await world(database)
    rollout_id = await here.rollout("submitted")
    first = await here.claim_rollout(rollout_id)
    await here.expire()
    await here.claim_rollout(rollout_id)
    before = await here.everything()

    await write(here, first)

    assert await here.everything() == before


@pytest.mark.parametrize("write", WRITES)
async def test_who_has_the_lease_writes(database: Database, write: Write) -> None:
    """Otherwise the test above would prove nothing."""
    here = await world(database)
    first = await here.claim_rollout(await here.rollout("submitted"))
    before = await here.everything()

    await write(here, first)

    assert await here.everything() != before
