"""The life of one process: open its adapters, apply its configuration, close everything.

`open_app` returns at once: a process starts and serves during an outage of Postgres, Redis, registries or Nomad, and
recovers by itself.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog
from dramatiq.broker import Broker

from app.adapters.broker import open_broker
from app.adapters.nomad import RenewableDeployer
from app.adapters.postgres.config.holders import PostgresHolders
from app.adapters.postgres.database.migrate import migrate
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.database.session import SessionLimits
from app.adapters.postgres.ingest.inbox import DOOR_LIMITS
from app.adapters.postgres.processes.presence import PostgresPresences
from app.adapters.postgres.rollout.rollouts import PostgresRollouts
from app.adapters.postgres.views.feed import PostgresFeed
from app.adapters.registry import RegistryClient
from app.adapters.waker import DramatiqWaker
from app.bootstrap.applying import ConfigApplier
from app.bootstrap.outages import Outages
from app.bootstrap.services import KeptOpen, Services, build_services
from app.bootstrap.values import endpoints, nomad_connection
from app.outbound.client import open_client
from app.services.config.differing import Differing
from app.services.config.reload import Reloader, reloading
from app.services.processes.loops import Loop, Loops, described
from app.services.processes.presence import Presence, ProcessKind
from app.services.rollout.wait_for_change import ChangeWaiter
from app.settings import Settings

log = structlog.get_logger()

_START_RETRY = 1.0
_CAUTION_RETRY = 30.0
_READ_FILE_EVERY = 2.0
_FILE_SETTLES = 1.0
_DOOR_CONNECTIONS = 4


@dataclass(slots=True, kw_only=True)
class App:
    """A running process. `services` is replaced as a whole when the configuration file changes.

    `starting` says what the start still waits for, "" after the start. `loops` are the loops that must keep running.
    """

    services: Services
    outages: Outages
    starting: str = "the schema and the configuration are not in Postgres yet"
    reloader: Reloader[Settings] | None = None
    applier: ConfigApplier | None = None
    differing: Differing | None = None

    @property
    def loops(self) -> Loops:
        """Its loops."""
        return self.outages.loops

    @property
    def store_problem(self) -> str:
        """Why Postgres does not answer; "" when it does."""
        return self.outages.store.problem

    @property
    def store_silent_for(self) -> float:
        """How many seconds ago Postgres answered last."""
        return self.outages.store.silent_for

    @property
    def redis_problem(self) -> str:
        """Why Redis does not answer, or accepts no messages; "" when it does."""
        return self.outages.redis_problem

    @property
    def explaining(self) -> frozenset[str]:
        """The parts whose outage, now or a moment ago, explains work that does not move."""
        return self.outages.explaining

    @property
    def stored_outages(self) -> frozenset[str]:
        """The names of the outages that are stored, as they were read last."""
        return self.outages.stored.names

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.services.settings

    @property
    def problem(self) -> str:
        """Why the newest configuration is not in force, here or in another process; "" when it is."""
        found = (
            self.starting or (self.reloader.problem if self.reloader else ""),
            self.applier.restart if self.applier else "",
            self.differing.problem if self.differing else "",
        )
        return ". ".join(filter(None, found))

    @property
    def stalled(self) -> str:
        """Which of its loops fail, the heartbeat's write among them, and why; "" for none, and while Postgres does not
        answer, which is the cause then."""
        return "" if self.store_problem else self.loops.problem

    @property
    def stuck(self) -> str:
        """Which of its loops hang, so that only a restart helps; "" for none."""
        return self.loops.stuck

    @property
    def unready(self) -> str:
        """Why it cannot work now; "" when it can."""
        return self.store_problem or self.starting or self.stalled


@asynccontextmanager
async def open_app(settings: Settings, *, kind: ProcessKind, broker: Broker | None = None) -> AsyncIterator[App]:
    """Open the services of one process and keep its configuration current until the block ends."""
    dsn = settings.database_url.reveal()
    database = Database(dsn, limits=SessionLimits.of_lease(settings.lease_seconds))
    door = Database(dsn, size=_DOOR_CONNECTIONS, timeout=DOOR_LIMITS.statement, limits=DOOR_LIMITS)
    broker = broker or open_broker(settings.redis_url.reveal())
    waker = DramatiqWaker(broker)
    registries = RegistryClient(endpoints(settings.registries))
    deployer = RenewableDeployer(nomad_connection(settings.nomad))
    http = open_client()
    waiter = ChangeWaiter(PostgresRollouts(database), deployer, waker)
    feed = PostgresFeed(database)
    kept = KeptOpen(
        database=database,
        door=door,
        registries=registries,
        deployer=deployer,
        waker=waker,
        waiter=waiter,
        http=http,
        feed=feed,
    )
    outages = Outages(settings, broker=broker, waker=waker, returned=lambda: _renew(app, feed, database, door))
    app = App(services=build_services(settings, kept), outages=outages)
    app.applier = ConfigApplier(app, kept, listens=kind is ProcessKind.WEB)
    app.reloader = Reloader(app.applier.load, app.applier.apply, changed=app.applier.changes, settle=_FILE_SETTLES)
    app.differing = Differing(PostgresHolders(database), app.loops)
    presence = Presence(
        PostgresPresences(database), kind=kind, loops=app.loops, configuration=lambda: app.settings.configuration
    )
    with suppress(ValueError, RuntimeError, NotImplementedError):  # only a main thread may handle signals
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.reloader.request)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # one may be pending since the file was read
    outages.loops.resumed(feed.loop)
    outages.begin(lambda: app.services.queries)
    background = [
        asyncio.create_task(_start(app, app.applier, app.reloader)),
        asyncio.create_task(app.reloader.run(interval=_READ_FILE_EVERY, loop=app.loops.add(reloading()))),
        asyncio.create_task(waiter.run(loop=app.loops.add(Loop("rollout_waits")))),
        asyncio.create_task(_caution(deployer)),
        asyncio.create_task(presence.run()),
        asyncio.create_task(app.differing.run()),
    ]
    for warning in settings.warnings:
        log.warning("config.warned", text=warning)
    try:
        yield app
    finally:
        for task in background:
            task.cancel()
        for task in background:
            with suppress(asyncio.CancelledError):
                await task
        await outages.aclose()
        await presence.leave()
        await waiter.aclose()
        await feed.aclose()
        waker.close()
        await registries.aclose()
        await deployer.aclose()
        await http.aclose()
        await door.close()
        await database.close()


async def _start(app: App, applier: ConfigApplier, reloader: Reloader[Settings]) -> None:
    """Migrate if configured, and write the configuration to Postgres; repeat until Postgres answers."""

    async def turn() -> None:
        try:
            if app.settings.create_database_schema:
                await migrate(app.settings.database_url.reveal())
            through = await applier.start()
        except Exception as error:
            app.starting = described(error)
            raise
        if not through:
            reloader.request()  # it reports why the watches wait, and tries again
        app.starting = ""

    await app.loops.resumed(Loop("start", retry=_START_RETRY, retry_at_most=_START_RETRY, bound=None)).run(turn)


async def _renew(app: App, feed: PostgresFeed, *databases: Database) -> None:
    """Postgres answers again: open new connections, and let all loops try at once."""
    feed.renew()
    for database in databases:
        await database.renew()
    app.loops.resume()


async def _caution(deployer: RenewableDeployer) -> None:
    """Log a warning for each right in Nomad that we have and do not need; repeat until Nomad answers."""

    async def turn() -> None:
        for text in await deployer.cautions():
            log.warning("nomad.warned", text=text)

    await Loop("caution", retry=_CAUTION_RETRY, retry_at_most=_CAUTION_RETRY, quiet=True).run(turn)
