"""The services of one process, built from its settings and from the adapters that stay open."""

from dataclasses import dataclass, field

import httpx

from app.adapters.nomad import RenewableDeployer
from app.adapters.notifiers import CHANNELS
from app.adapters.postgres.commands.rollout_commands import PostgresRolloutCommands
from app.adapters.postgres.commands.watch_commands import PostgresWatchCommands
from app.adapters.postgres.config.watches import PostgresWatches
from app.adapters.postgres.database.migrate import pending
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.ingest.inbox import PostgresInbox
from app.adapters.postgres.notify.channels import PostgresChannels
from app.adapters.postgres.notify.notifications import PostgresNotifications
from app.adapters.postgres.reconcile.targets import PostgresTargets
from app.adapters.postgres.rollout.rollouts import PostgresRollouts
from app.adapters.postgres.views.board import PostgresBoard
from app.adapters.postgres.views.feed import PostgresFeed
from app.adapters.postgres.views.queries import PostgresQueries
from app.adapters.postgres.views.why import PostgresWhy
from app.adapters.postgres.wakeup.namespaces import PostgresNamespaces
from app.adapters.postgres.wakeup.retention import PostgresRetention
from app.adapters.postgres.wakeup.schedule import PostgresSchedule
from app.adapters.registry import RegistryClient
from app.adapters.waker import DramatiqWaker
from app.bootstrap.values import AccessRatchet, patience, reconcile_settings
from app.ports import Channel, Deployer, JobChanges, RegistrySource
from app.services.commands.rollout_commands import RolloutCommands
from app.services.commands.watch_commands import WatchCommands
from app.services.config.sync import WatchStore
from app.services.notify.compose import Addresses
from app.services.notify.send import Notifier
from app.services.reconcile.reconciler import Reconciler
from app.services.rollout.follow import Follower
from app.services.rollout.wait_for_change import ChangeWaiter
from app.services.views.board import Board
from app.services.views.feed import Feed
from app.services.views.queries import Queries, SchemaCheck
from app.services.views.why import WhyStore
from app.services.wakeup.namespaces import Namespaces
from app.services.wakeup.schedule import Retention, Schedule
from app.settings import ChannelSettings, Settings
from app.web.http.auth import Access
from app.web.process import AudibleWaker, DeliveryStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that the web, the workers and the poller call, and the settings from which it was built.

    Stores have their Protocols as types: in `build_services`, which imports both, mypy compares each store with its
    Protocol, and names the method that differs.
    """

    settings: Settings
    database: Database
    registries: RegistrySource
    deployer: Deployer
    waker: AudibleWaker
    reconciler: Reconciler
    follower: Follower
    notifier: Notifier
    channels: PostgresChannels
    inbox: DeliveryStore
    schedule: Schedule
    watch_commands: WatchCommands
    rollout_commands: RolloutCommands
    queries: Queries
    board: Board
    why: WhyStore
    watches: WatchStore
    retention: Retention
    namespaces: Namespaces
    job_changes: JobChanges
    feed: Feed
    access: Access
    readiness: SchemaCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptOpen:
    """The parts that survive a change of the configuration: open adapters, and the access so far."""

    database: Database
    door: Database
    registries: RegistryClient
    deployer: RenewableDeployer
    waker: DramatiqWaker
    waiter: ChangeWaiter
    http: httpx.AsyncClient
    feed: PostgresFeed
    access: AccessRatchet = field(default_factory=AccessRatchet)


def build_services(settings: Settings, kept: KeptOpen) -> Services:
    """Build the services of `settings` around the open adapters."""
    database, deployer, waker = kept.database, kept.deployer, kept.waker
    reconciler = Reconciler(
        targets=PostgresTargets(database),
        registries=kept.registries,
        deployer=deployer,
        waker=waker,
        settings=reconcile_settings(settings),
    )
    follower = Follower(
        rollouts=PostgresRollouts(database),
        deployer=deployer,
        waker=waker,
        waiter=kept.waiter,
        patience=patience(settings),
        lease=settings.lease_seconds,
    )
    notifier = Notifier(
        notifications=PostgresNotifications(database),
        channels={name: _channel(each, kept.http) for name, each in settings.channels.items()},
        addresses=Addresses(page=settings.external_url, nomad=settings.nomad_ui),
    )
    return Services(
        settings=settings,
        database=database,
        registries=kept.registries,
        deployer=deployer,
        waker=waker,
        reconciler=reconciler,
        follower=follower,
        notifier=notifier,
        channels=PostgresChannels(database),
        inbox=PostgresInbox(database, door=kept.door),
        schedule=PostgresSchedule(database),
        watch_commands=PostgresWatchCommands(database),
        rollout_commands=PostgresRolloutCommands(database),
        queries=PostgresQueries(database),
        board=PostgresBoard(database),
        why=PostgresWhy(database),
        watches=PostgresWatches(database),
        retention=PostgresRetention(database),
        namespaces=PostgresNamespaces(database),
        job_changes=deployer,
        feed=kept.feed,
        access=kept.access.read(settings),
        readiness=lambda: pending(settings.database_url.reveal()),
    )


def _channel(settings: ChannelSettings, client: httpx.AsyncClient) -> Channel:
    return CHANNELS[settings.kind].open(client, {key: value.reveal() for key, value in settings.keys.items()})
