"""The contract of the command stores: given watches and rollouts, a person's command is stored one time."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import pytest

from app.adapters.postgres.commands.rollout_commands import PostgresRolloutCommands
from app.adapters.postgres.commands.watch_commands import PostgresWatchCommands
from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.pool import Database
from app.domain.reference import Repository
from app.domain.rollout import Origin
from app.domain.watch import JobPlace, Watch
from app.services.commands.rollout_commands import Destination, RevertibleRollout, RolloutCommands
from app.services.commands.watch_commands import Command, DeployRequest, WatchCommands
from app.services.rollout.rollouts import CanaryCommand
from tests.fakes.registry import digest_of
from tests.web.stores import MemoryRolloutCommands, MemoryWatchCommands
from tests.web.values import SUMMARY

APP = Watch(
    name="app",
    registry="main",
    repository=Repository.of("registry.example", "team/app"),
    place=JobPlace(region="", namespace="default", job_id="web"),
    task="server",
)
OTHER = replace(APP, name="team/app", place=replace(APP.place, job_id="other"))
DEPLOY = DeployRequest(origin=Origin.DEPLOY, tag="v1.1.0", digest=digest_of("v1.1.0"), forced=True)
BACK = (Destination(watch=APP, tag="v1.0.0", digest=digest_of("v1.0.0")),)

ROLLOUT = """
INSERT INTO rollouts (rollout_id, target_id, intent, origin, state, submitted_at, follow_at)
SELECT $1, target_id, $2, 'rule', 'submitted', now(), now() + interval '1 hour' FROM watches WHERE name = 'app'
"""
ITEM = """
INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced, from_tag, from_digest)
VALUES ($1, 'app', 'v1.1.0', $2, false, 'v1.0.0', $3)
"""
ENDED = "UPDATE rollouts SET state = 'ended', outcome = 'succeeded', ended_at = now()"


@dataclass
class Stores:
    """The two stores with two watches, and one rollout of the first that is under way, SUMMARY's."""

    watch_commands: WatchCommands
    rollout_commands: RolloutCommands
    database: Database | None = None

    async def end(self) -> None:
        """End the rollout with success."""
        if isinstance(self.rollout_commands, MemoryRolloutCommands):
            self.rollout_commands.superseded = True
        else:
            await self._execute(ENDED)

    async def register_another(self) -> None:
        """Register another rollout after the present one."""
        if isinstance(self.rollout_commands, MemoryRolloutCommands):
            self.rollout_commands.superseded = True
        else:
            await self._execute(ENDED)
            await self._execute(ROLLOUT, uuid4(), 2)

    async def _execute(self, statement: str, *values: object) -> None:
        assert self.database is not None
        async with self.database.connection() as connection:
            await connection.execute(statement, *values)


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    """The database, None for memory. Not async, since its creation has its own event loop."""
    found: str | None = request.getfixturevalue("database_url") if request.param == "postgres" else None
    return found


@pytest.fixture
async def stores(url: str | None) -> AsyncIterator[Stores]:
    if url is None:
        yield Stores(watch_commands=MemoryWatchCommands(), rollout_commands=MemoryRolloutCommands())
        return
    database = Database(url)
    await PostgresWatches(database).sync([APP, OTHER], at_start=False)
    async with database.connection() as connection:
        await connection.execute(ROLLOUT, SUMMARY.rollout_id, 1)
        await connection.execute(ITEM, SUMMARY.rollout_id, digest_of("v1.1.0"), digest_of("v1.0.0"))
    yield Stores(
        watch_commands=PostgresWatchCommands(database),
        rollout_commands=PostgresRolloutCommands(database),
        database=database,
    )
    await database.close()


async def test_a_name_that_is_no_watch_is_nothing(stores: Stores) -> None:
    assert await stores.watch_commands.find("nobody") is None
    assert await stores.watch_commands.check("nobody", by="ann") is None
    assert await stores.watch_commands.release("nobody", by="ann") is None
    assert await stores.watch_commands.execute(Command(watch="nobody", by="ann", auto_deploy=False)) is None


async def test_a_rule_is_found_as_it_was_set(stores: Stores) -> None:
    standing = await stores.watch_commands.find("app")
    assert standing is not None
    assert (standing.watch.name, standing.pinned_tag, standing.auto_deploy) == ("app", "", True)

    commanded = await stores.watch_commands.execute(
        Command(watch="app", by="ann", pinned_tag="test", auto_deploy=False)
    )

    assert commanded is not None
    assert (commanded.rollout_id, commanded.key_conflict) == (None, False)
    standing = await stores.watch_commands.find("app")
    assert standing is not None
    assert (standing.pinned_tag, standing.auto_deploy) == ("test", False)
    await stores.watch_commands.execute(Command(watch="app", by="ann", pinned_tag=""))
    standing = await stores.watch_commands.find("app")
    assert standing is not None
    assert (standing.pinned_tag, standing.auto_deploy) == ("", False)


async def test_an_errand_has_the_id_that_it_came_with_and_is_known_by_it(stores: Stores) -> None:
    idempotency_key = uuid4()
    assert await stores.watch_commands.known_request("app", idempotency_key) is None

    commanded = await stores.watch_commands.execute(
        Command(watch="app", by="ann", deploy_request=DEPLOY, idempotency_key=idempotency_key)
    )
    again = await stores.watch_commands.execute(
        Command(watch="app", by="ann", deploy_request=DEPLOY, idempotency_key=idempotency_key)
    )

    assert commanded is not None
    assert again is not None
    assert (commanded.rollout_id, again.rollout_id, again.key_conflict) == (idempotency_key, idempotency_key, False)
    asked = await stores.watch_commands.known_request("app", idempotency_key)
    assert asked is not None
    assert (asked.rollout_id, asked.same_target, asked.what, asked.tag) == (
        idempotency_key,
        True,
        "app v1.1.0",
        "v1.1.0",
    )


async def test_another_job_sees_that_an_id_is_not_its_own(stores: Stores) -> None:
    idempotency_key = uuid4()
    await stores.watch_commands.execute(
        Command(watch="app", by="ann", deploy_request=DEPLOY, idempotency_key=idempotency_key)
    )

    asked = await stores.watch_commands.known_request("team/app", idempotency_key)
    taken = await stores.watch_commands.execute(
        Command(watch="team/app", by="ann", deploy_request=DEPLOY, idempotency_key=idempotency_key)
    )

    assert asked is not None
    assert (asked.same_target, asked.what, asked.tag) == (False, "app v1.1.0", "")
    assert taken is not None
    assert taken.key_conflict


async def test_the_same_errand_again_is_the_same_rollout(stores: Stores) -> None:
    first = await stores.watch_commands.execute(Command(watch="app", by="ann", deploy_request=DEPLOY))
    second = await stores.watch_commands.execute(Command(watch="app", by="ann", deploy_request=DEPLOY))
    assert first is not None
    assert second is not None
    assert first.rollout_id == second.rollout_id is not None


async def test_a_check_and_a_command_make_the_same_target_due(stores: Stores) -> None:
    commanded = await stores.watch_commands.execute(Command(watch="app", by="ann", auto_deploy=True))
    assert commanded is not None
    assert await stores.watch_commands.check("app", by="ann") == commanded.target_id


async def test_the_switch_is_turned_once(stores: Stores) -> None:
    assert await stores.watch_commands.switch(paused=False, by="ann") is None
    assert await stores.watch_commands.switch(paused=True, by="ann")
    assert await stores.watch_commands.switch(paused=True, by="ann") is None
    assert await stores.watch_commands.switch(paused=False, by="ann")


async def test_where_nothing_holds_a_watch_nothing_is_let_go(stores: Stores) -> None:
    released = await stores.watch_commands.release("app", by="ann")
    assert released is not None
    assert (released.failed, released.rolled_back, released.drifted, released.due) == ((), False, False, ())


async def test_an_unknown_rollout_is_nothing(stores: Stores) -> None:
    unknown = UUID(int=99)
    assert await stores.rollout_commands.underway(unknown) is None
    assert await stores.rollout_commands.revertible(unknown) is None
    assert await stores.rollout_commands.known_request(SUMMARY.rollout_id, unknown) is None


async def test_a_rollout_is_shown_with_its_watches(stores: Stores) -> None:
    underway = await stores.rollout_commands.underway(SUMMARY.rollout_id)
    past = await known(stores)
    assert underway is not None
    assert (underway.what, underway.registered, underway.outcome) == ("app v1.1.0", True, None)
    assert (past.rollout_id, past.what, past.registered, past.newest) == (
        SUMMARY.rollout_id,
        "app v1.1.0",
        True,
        SUMMARY.rollout_id,
    )
    (brought,) = past.items
    assert (brought.name, brought.tag, brought.from_tag) == ("app", "v1.1.0", "v1.0.0")


async def test_a_wish_is_taken_while_the_rollout_is_under_way(stores: Stores) -> None:
    assert await stores.rollout_commands.command_canaries(SUMMARY.rollout_id, CanaryCommand.PROMOTE, by="ann")
    await stores.end()
    assert not await stores.rollout_commands.command_canaries(SUMMARY.rollout_id, CanaryCommand.FAIL, by="ann")


async def test_a_way_back_is_taken_once_for_its_id(stores: Stores) -> None:
    idempotency_key, past = uuid4(), await known(stores)

    gone = await stores.rollout_commands.roll_back(past, BACK, by="ann", idempotency_key=idempotency_key)
    again = await stores.rollout_commands.roll_back(past, BACK, by="ann", idempotency_key=idempotency_key)

    assert gone is not None
    assert again is not None
    assert (gone.rollout_id, again.rollout_id, again.key_conflict) == (idempotency_key, idempotency_key, False)
    asked = await stores.rollout_commands.known_request(SUMMARY.rollout_id, idempotency_key)
    assert asked is not None
    assert (asked.same_target, asked.what) == (True, "app v1.0.0")


async def test_there_is_no_way_back_once_another_rollout_was_registered(stores: Stores) -> None:
    past = await known(stores)
    await stores.register_another()
    assert await stores.rollout_commands.roll_back(past, BACK, by="ann") is None


async def known(stores: Stores) -> RevertibleRollout:
    """The rollout to roll back."""
    past = await stores.rollout_commands.revertible(SUMMARY.rollout_id)
    assert past is not None
    return past
