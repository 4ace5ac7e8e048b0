"""The line, opened on a migrated database until the end of a test."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from app.adapters.nomad import NomadConnection, NomadDeployer
from app.adapters.postgres.commands.rollout_commands import PostgresRolloutCommands
from app.adapters.postgres.commands.watch_commands import PostgresWatchCommands
from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.reconcile.targets import PostgresTargets
from app.adapters.postgres.rollout.rollouts import PostgresRollouts
from app.adapters.postgres.wakeup.schedule import PostgresSchedule
from app.adapters.registry import RegistryClient, RegistryEndpoint
from app.domain.reference import Repository
from app.domain.rollout import Patience
from app.domain.watch import JobPlace, Watch
from app.ports import RegistrySource
from app.services.commands.watches import Operator
from app.services.config.sync import sync
from app.services.reconcile.reconcile import reconcile
from app.services.reconcile.reconciler import Reconciler, ReconcileSettings
from app.services.rollout.follow import Follower, follow
from app.services.rollout.wait_for_change import ChangeWaiter
from app.services.wakeup.schedule import sweep_forever
from app.services.wakeup.wake import FOLLOW, RECONCILE
from app.simulators.nomad import Simulator
from tests.default_settings import DEFAULTS, PATIENCE_DEFAULTS, RECONCILE_DEFAULTS
from tests.fakes.waker import InProcessWaker
from tests.line.clock import Clock
from tests.line.parts import PATIENCE
from tests.line.people import People
from tests.line.registry_control import Pushing
from tests.line.waiting import Waiting
from tests.line.world import World, world


@dataclass(kw_only=True)
class Line(Pushing, Waiting, People, Clock):
    """The running line, with the watches that a test configures."""

    def watch(self, name: str, **fields: Any) -> Watch:
        """A watch of `team/NAME` in job NAME, task `server`."""
        place = fields.pop("place", JobPlace(region="", namespace="default", job_id=fields.pop("job", name)))
        repository = Repository.of(fields.pop("host", self.host), fields.pop("path", f"team/{name}"))
        values: dict[str, Any] = {"registry": "main", "task": "server", **fields}
        return Watch(name=name, repository=repository, place=place, **values)

    async def configure(self, *watches: Watch) -> None:
        """Configure these watches, as a process does at start, and reconcile them."""
        self.watches = watches
        done = await sync(PostgresWatches(self.database), watches, at_start=True)
        for target_id in done.due:
            self.waker.wake(RECONCILE, str(target_id))

    async def start(self, name: str = "app", tag: str = "v1.0.0", **fields: Any) -> str:
        """Push `team/NAME:tag`, run it by its tag in job NAME, watch it and wait for a check. Returns the digest."""
        digest = await self.push(name, tag, notify=False)
        self.job(name, f":{tag}")
        await self.configure(self.watch(name, **fields))
        await self.held(name, "up_to_date")
        await self.quiet()
        return digest


@asynccontextmanager
async def line(
    database_url: str,
    *,
    around: World | None = None,
    nomad: Simulator | None = None,
    look_settings: ReconcileSettings | None = None,
    patience: Patience | None = None,
    more_registries: Mapping[str, RegistryEndpoint] | None = None,
    instead: RegistrySource | None = None,
    nomad_timeout: float = 10.0,
    sweeps: bool = True,
) -> AsyncIterator[Line]:
    """Open the line on a migrated database, in the world `around` it or one of its own; everything stops at the end.

    Where the registry is no matter, `instead` answers for it, without HTTP. Without `sweeps`, a wake that finds nothing
    due is never repeated.
    A test that did not fail is audited: every rollout has ended, with one outcome and one notification.
    """
    waker = InProcessWaker()
    database = Database(database_url, timeout=PATIENCE)  # one that is slow to give a connection is not away
    with nullcontext(around) if around else world(nomad=nomad) as outside:
        endpoint = RegistryEndpoint(name="main", scheme="http", domain=outside.registry_url.partition("://")[2])
        registries = RegistryClient({"main": endpoint, **(more_registries or {})})
        deployer = NomadDeployer(NomadConnection(address=outside.nomad_url, timeout=nomad_timeout))
        waiter = ChangeWaiter(PostgresRollouts(database), deployer, waker)
        opened = Line(
            database=database,
            registry=outside.registry,
            registry_url=outside.registry_url,
            nomad=outside.nomad,
            waker=waker,
            reconciler=Reconciler(
                targets=PostgresTargets(database),
                registries=instead or registries,
                deployer=deployer,
                waker=waker,
                settings=look_settings or RECONCILE_DEFAULTS,
            ),
            operator=Operator(
                watch_commands=PostgresWatchCommands(database),
                rollout_commands=PostgresRolloutCommands(database),
                registries=instead or registries,
                deployer=deployer,
                waker=waker,
            ),
            follower=Follower(
                rollouts=PostgresRollouts(database),
                deployer=deployer,
                waker=waker,
                waiter=waiter,
                patience=patience or replace(PATIENCE_DEFAULTS, grace=0.1),
                lease=DEFAULTS.lease_seconds,
            ),
        )
        waker.steps = {
            RECONCILE: lambda key: reconcile(opened.reconciler, int(key)),
            FOLLOW: lambda key: follow(opened.follower, UUID(key)),
        }
        background = [asyncio.create_task(waiter.run())]
        if sweeps:
            background.append(asyncio.create_task(sweep_forever(PostgresSchedule(database), waker)))
        try:
            yield opened
            await opened.audit()
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await waiter.aclose()
            await waker.close()
            await registries.aclose()
            await deployer.aclose()
            await database.close()
