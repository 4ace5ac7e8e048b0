"""Everything that a face of the program calls, put together from settings and from what stays open."""

from dataclasses import dataclass, field

import httpx

from app.adapters.doorbell import DramatiqDoorbell
from app.adapters.nomad import RenewableDeployer
from app.adapters.notifiers import CHANNELS
from app.adapters.postgres.board import PostgresBoard
from app.adapters.postgres.changes import PostgresFeed
from app.adapters.postgres.channels import PostgresChannels
from app.adapters.postgres.inbox import PostgresInbox
from app.adapters.postgres.looks import PostgresLooks
from app.adapters.postgres.migrate import pending
from app.adapters.postgres.notifications import PostgresNotifications
from app.adapters.postgres.pool import Database
from app.adapters.postgres.queries import PostgresQueries
from app.adapters.postgres.retention import PostgresRetention
from app.adapters.postgres.rollouts import PostgresRollouts
from app.adapters.postgres.rules import PostgresRules
from app.adapters.postgres.schedule import PostgresSchedule
from app.adapters.postgres.steering import PostgresSteering
from app.adapters.postgres.watches import PostgresWatches
from app.adapters.registry import RegistryClient
from app.bootstrap.values import AccessRatchet, look_settings, patience
from app.ports import Channel, Deployer, RegistrySource
from app.services.board import Board
from app.services.feed import Feed
from app.services.look import Looker
from app.services.notify.compose import Addresses
from app.services.notify.send import Notifier
from app.services.observe import Observer
from app.services.queries import Queries, SchemaCheck
from app.services.reconcile import WatchStore
from app.services.schedule import Retention, Schedule
from app.services.steering import Steering
from app.services.vigil import Vigil
from app.services.word import Rules
from app.settings import ChannelSettings, Settings
from app.web.auth import Access
from app.web.running import AudibleDoorbell, Deliveries


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that a face of the program calls, ready to use, and the settings that it was built from.

    Stores are typed as their Protocols: mypy then compares each with its Protocol in `build_services`, which imports
    both, and names the method that differs.
    """

    settings: Settings
    database: Database
    registries: RegistrySource
    deployer: Deployer
    doorbell: AudibleDoorbell
    looker: Looker
    observer: Observer
    notifier: Notifier
    channels: PostgresChannels
    inbox: Deliveries
    schedule: Schedule
    rules: Rules
    steering: Steering
    queries: Queries
    board: Board
    watches: WatchStore
    retention: Retention
    feed: Feed
    access: Access
    readiness: SchemaCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What stays when the configuration changes: what is open, and what access was."""

    database: Database
    door: Database
    registries: RegistryClient
    deployer: RenewableDeployer
    doorbell: DramatiqDoorbell
    vigil: Vigil
    http: httpx.AsyncClient
    feed: PostgresFeed
    access: AccessRatchet = field(default_factory=AccessRatchet)


def build_services(settings: Settings, kept: Kept) -> Services:
    """Put the services of `settings` together around what stays open."""
    database, deployer, bell = kept.database, kept.deployer, kept.doorbell
    looker = Looker(
        looks=PostgresLooks(database),
        registries=kept.registries,
        deployer=deployer,
        doorbell=bell,
        settings=look_settings(settings),
    )
    observer = Observer(
        rollouts=PostgresRollouts(database),
        deployer=deployer,
        doorbell=bell,
        vigil=kept.vigil,
        patience=patience(settings),
        lease=settings.lease_seconds,
    )
    notifier = Notifier(
        notifications=PostgresNotifications(database),
        channels={name: _channel(each, kept.http) for name, each in settings.channels.items()},
        addresses=Addresses(page=settings.external_url, nomad=settings.nomad.address),
    )
    return Services(
        settings=settings,
        database=database,
        registries=kept.registries,
        deployer=deployer,
        doorbell=bell,
        looker=looker,
        observer=observer,
        notifier=notifier,
        channels=PostgresChannels(database),
        inbox=PostgresInbox(database, door=kept.door),
        schedule=PostgresSchedule(database),
        rules=PostgresRules(database),
        steering=PostgresSteering(database),
        queries=PostgresQueries(database),
        board=PostgresBoard(database),
        watches=PostgresWatches(database),
        retention=PostgresRetention(database),
        feed=kept.feed,
        access=kept.access.read(settings),
        readiness=lambda: pending(settings.database_url.reveal()),
    )


def _channel(settings: ChannelSettings, client: httpx.AsyncClient) -> Channel:
    return CHANNELS[settings.kind].open(client, {key: value.reveal() for key, value in settings.keys.items()})
