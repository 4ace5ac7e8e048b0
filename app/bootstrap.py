"""The one place that picks adapters: settings in, services out; and the life of a process around them.

`open_app` returns at once: a process starts and serves while Postgres, Redis, registries or Nomad are away, and
catches up by itself.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from dramatiq.broker import Broker

from app.adapters.broker import open_broker
from app.adapters.doorbell import DramatiqDoorbell
from app.adapters.nomad import NomadConnection, NomadDeployer
from app.adapters.notifiers.slack import SlackNotifier
from app.adapters.postgres.inbox import PostgresInbox
from app.adapters.postgres.looks import PostgresLooks
from app.adapters.postgres.migrate import migrate, pending
from app.adapters.postgres.notices import PostgresNotices
from app.adapters.postgres.pool import Database
from app.adapters.postgres.queries import PostgresQueries
from app.adapters.postgres.retention import PostgresRetention
from app.adapters.postgres.rollouts import PostgresRollouts
from app.adapters.postgres.rules import PostgresRules
from app.adapters.postgres.schedule import PostgresSchedule
from app.adapters.postgres.watches import PostgresWatches
from app.adapters.registry import RegistryClient, RegistryEndpoint
from app.domain.rollout import Patience
from app.errors import ConfigError, RegistryWatcherError
from app.ports import Deployer, Doorbell, RegistrySource
from app.services.announce import Announcer
from app.services.compose import Addresses
from app.services.look import Looker, LookSettings
from app.services.observe import Observer
from app.services.reconcile import reconcile
from app.settings import ConfigFile, NomadSettings, RegistryEndpointSettings, Settings, load_settings

log = structlog.get_logger()

_TRY_AGAIN = 1.0
_READ_FILE_EVERY = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that a face of the program calls, ready to use."""

    database: Database
    registries: RegistrySource
    deployer: Deployer
    doorbell: Doorbell
    looker: Looker
    observer: Observer
    announcer: Announcer
    inbox: PostgresInbox
    schedule: PostgresSchedule
    rules: PostgresRules
    queries: PostgresQueries
    watches: PostgresWatches
    retention: PostgresRetention


@dataclass(slots=True, kw_only=True)
class App:
    """A running process: its settings and services, both replaced as a whole when the configuration file changes."""

    settings: Settings
    services: Services
    problem: str = ""


@asynccontextmanager
async def open_app(settings: Settings, *, broker: Broker | None = None) -> AsyncIterator[App]:
    """Open the services of one process and keep its configuration current until the block ends."""
    database = Database(settings.database_url.reveal())
    bell = DramatiqDoorbell(broker or open_broker(settings.redis_url.reveal()))
    registries = RegistryClient(endpoints(settings.registries))
    deployer = NomadDeployer(nomad_connection(settings.nomad))
    app = App(
        settings=settings,
        services=build_services(settings, database, registries=registries, deployer=deployer, doorbell=bell),
    )
    background = [asyncio.create_task(_start(app)), asyncio.create_task(_follow_file(app, registries))]
    for warning in settings.warnings:
        log.warning("configuration.warning", text=warning)
    try:
        yield app
    finally:
        for task in background:
            task.cancel()
        for task in background:
            with suppress(asyncio.CancelledError):
                await task
        bell.close()
        await registries.aclose()
        await deployer.aclose()
        await app.services.announcer_close()
        await database.close()


def build_services(
    settings: Settings,
    database: Database,
    *,
    registries: RegistrySource,
    deployer: Deployer,
    doorbell: Doorbell,
) -> Services:
    """Put the services of `settings` together around what stays open."""
    looker = Looker(
        looks=PostgresLooks(database),
        registries=registries,
        deployer=deployer,
        doorbell=doorbell,
        settings=LookSettings(
            lease=settings.lease_seconds,
            reread_job=settings.job_reread_interval,
            stall_after=settings.rollout_stall_after,
        ),
    )
    observer = Observer(
        rollouts=PostgresRollouts(database),
        deployer=deployer,
        doorbell=doorbell,
        patience=Patience(stall_after=settings.rollout_stall_after, deadline=settings.rollout_deadline),
        lease=settings.lease_seconds,
    )
    return Services(
        database=database,
        registries=registries,
        deployer=deployer,
        doorbell=doorbell,
        looker=looker,
        observer=observer,
        announcer=_announcer(settings, database),
        inbox=PostgresInbox(database),
        schedule=PostgresSchedule(database),
        rules=PostgresRules(database),
        queries=PostgresQueries(database),
        watches=PostgresWatches(database),
        retention=PostgresRetention(database),
    )
