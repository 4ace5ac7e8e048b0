"""Given transactions that write the same rows at the same time, slowly, then they wait in one order: no deadlock."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from app.adapters.postgres.commands.watch_commands import PostgresWatchCommands
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.database.session import SessionLimits
from app.adapters.postgres.ingest.inbox import PostgresInbox
from app.domain.deployment import Snapshot
from app.domain.event import EventAction, Parsed, PushEvent
from app.domain.rollout import Origin, Outcome, OutcomeKind
from app.services.commands.watch_commands import Command, DeployRequest
from app.services.ingest.receive import Delivery
from app.services.reconcile.result import Result, WatchResult
from tests.fakes.registry import digest_of
from tests.integration.leases.world import World, world

# A trigger runs when its row is locked: the others have this time to lock the rows that come next. A deadlock is found
# after a second of waiting, and the lock of who waits in order is free long before 30.
_LINGER = """
CREATE OR REPLACE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END $$;
CREATE TRIGGER linger BEFORE {event} FOR EACH ROW EXECUTE FUNCTION linger();
"""
_LIMITS = SessionLimits(lock=30.0, statement=60.0)


@pytest.fixture
async def patient(database_url: str) -> AsyncIterator[Database]:
    """Sessions that wait for a lock until a deadlock is found; two are open, so that the two sides begin together."""
    database = Database(database_url, size=8, limits=_LIMITS)
    async with database.connection(), database.connection():
        pass
    yield database
    await database.close()


async def _slow(database: Database, event: str, seconds: float) -> None:
    async with database.connection() as connection:
        await connection.execute(_LINGER.format(event=event, seconds=seconds))


async def _command(here: World) -> object:
    deploy = DeployRequest(origin=Origin.DEPLOY, tag="v1.2.0", digest=digest_of("v1.2.0"), forced=True)
    command = Command(watch="app", by="ann", pinned_tag="v1.2.0", deploy_request=deploy)
    return await PostgresWatchCommands(here.database).execute(command)


async def test_a_command_while_a_reconcile_ends_the_rollout_that_it_supersedes(patient: Database) -> None:
    here = await world(patient)
    await here.rollout("requested")
    claim = await here.claim()
    await _slow(patient, "UPDATE ON rollouts", 0.5)
    await _slow(patient, "UPDATE ON watches", 0.5)
    ended = Outcome(kind=OutcomeKind.SUPERSEDED, reason="never registered")
    result = Result(ended=ended, watches=(WatchResult(watch="app", outage="no answer"),), requeue_in=60.0)

    found = await asyncio.gather(here.targets.settle(claim, result), _command(here), return_exceptions=True)

    assert [each for each in found if isinstance(each, BaseException)] == []


async def test_a_command_while_the_end_of_the_rollout_is_written(patient: Database) -> None:
    here = await world(patient)
    rollout = await here.claim_rollout(await here.rollout("submitted"))
    await _slow(patient, "UPDATE ON rollouts", 0.5)
    await _slow(patient, "UPDATE ON watches", 0.5)
    reverted = Outcome(kind=OutcomeKind.FAILED, reason="exit code 1", reverted_to=1)
    end = here.rollouts.end(rollout, reverted, Snapshot(present=True, index=11))

    found = await asyncio.gather(end, _command(here), return_exceptions=True)

    assert [each for each in found if isinstance(each, BaseException)] == []


async def test_two_processes_that_receive_the_same_events_in_another_order(patient: Database) -> None:
    events = [
        PushEvent(
            action=EventAction.PUSH, host="", path="team/app", tag=f"v1.{number}.0", digest=None, event_id=f"e{number}"
        )
        for number in range(8)
    ]
    await _slow(patient, "INSERT ON events", 0.05)

    async def store(order: list[PushEvent]) -> int:
        delivery = Delivery(delivery_id=uuid4(), source="main", size=10, parsed=Parsed(events=tuple(order)))
        return (await PostgresInbox(patient, patience=60.0).store(delivery)).new

    found = await asyncio.gather(store(events), store(events[::-1]), return_exceptions=True)

    assert [each for each in found if isinstance(each, BaseException)] == []
    assert sum(each for each in found if isinstance(each, int)) == 8
