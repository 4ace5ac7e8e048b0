"""Open the adapters that one command of the command line needs, and close them after it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.adapters.broker import open_broker
from app.adapters.nomad import NomadDeployer
from app.adapters.postgres.commands.rollout_commands import PostgresRolloutCommands
from app.adapters.postgres.commands.watch_commands import PostgresWatchCommands
from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.database.session import SessionLimits
from app.adapters.postgres.views.why import PostgresWhy
from app.adapters.registry import RegistryClient
from app.adapters.waker import PromptWaker
from app.bootstrap.values import endpoints, nomad_connection
from app.services.commands.watches import Operator, unknown_watch
from app.services.config.sync import Difference
from app.services.views.why import Explained, explain
from app.settings import Settings


@asynccontextmanager
async def open_operator(settings: Settings) -> AsyncIterator[Operator]:
    """The operator with clients of Postgres, Redis, the registries and Nomad; each connects at its first use."""
    limits = SessionLimits.of_lease(settings.lease_seconds)
    database = Database(settings.database_url.reveal(), size=2, limits=limits)
    registries = RegistryClient(endpoints(settings.registries))
    deployer = NomadDeployer(nomad_connection(settings.nomad))
    broker = open_broker(settings.redis_url.reveal())
    try:
        yield Operator(
            watch_commands=PostgresWatchCommands(database),
            rollout_commands=PostgresRolloutCommands(database),
            registries=registries,
            deployer=deployer,
            waker=PromptWaker(broker),
        )
    finally:
        broker.close()
        await registries.aclose()
        await deployer.aclose()
        await database.close()


async def compare_watches(settings: Settings, *, accepted_by: str) -> Difference:
    """The changes that these settings would make to the watches. With `accepted_by`, running processes apply them."""
    database = Database(settings.database_url.reveal(), size=1)
    try:
        return await PostgresWatches(database).preview(settings.watches, accepted_by=accepted_by)
    finally:
        await database.close()


async def explain_tags(settings: Settings, watch: str, tag: str | None) -> Explained:
    """Why for a watch, or for one tag of it. Raises Rejected when the watch is not configured."""
    database = Database(settings.database_url.reveal(), size=1)
    try:
        found = await explain(PostgresWhy(database), watch, tag)
    finally:
        await database.close()
    if found is None:
        raise unknown_watch(watch)
    return found
