"""The one place that picks adapters: settings in, services out; and the life of a process around them.

`open_app` returns at once: a process starts and serves while Postgres, Redis, registries or Nomad are away, and
catches up by itself.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
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
from app.errors import RegistryWatcherError
from app.http import open_client
from app.ports import Deployer, RegistrySource
from app.services.announce import Announcer
from app.services.compose import Addresses
from app.services.look import Looker, LookSettings
from app.services.observe import Observer
from app.services.queries import SchemaCheck
from app.services.reconcile import reconcile
from app.services.reload import FileChanges, Reloader
from app.services.ringing import LOOK
from app.settings import NomadSettings, RegistryEndpointSettings, Settings, load_settings
from app.web.auth import Access, AccessToken, Role, is_loopback

log = structlog.get_logger()

_TRY_AGAIN = 1.0
_READ_FILE_EVERY = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that a face of the program calls, ready to use, and the settings that it was built from."""

    settings: Settings
    database: Database
    registries: RegistrySource
    deployer: Deployer
    doorbell: DramatiqDoorbell
    looker: Looker
    observer: Observer
    announcer: Announcer
    inbox: PostgresInbox
    schedule: PostgresSchedule
    rules: PostgresRules
    queries: PostgresQueries
    watches: PostgresWatches
    retention: PostgresRetention
    access: Access
    readiness: SchemaCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What stays open when the configuration changes."""

    database: Database
    registries: RegistryClient
    deployer: NomadDeployer
    doorbell: DramatiqDoorbell
    http: httpx.AsyncClient


@dataclass(slots=True, kw_only=True)
class App:
    """A running process. `services` is replaced as a whole when the configuration file changes.

    `starting` says what the start still waits for, "" once it is through.
    """

    services: Services
    starting: str = "the schema and the configuration are not in Postgres yet"
    reloader: Reloader[Settings] | None = None

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.services.settings

    @property
    def problem(self) -> str:
        """Why the newest configuration is not in force, "" when it is."""
        return self.starting or (self.reloader.problem if self.reloader else "")


@asynccontextmanager
async def open_app(settings: Settings, *, broker: Broker | None = None) -> AsyncIterator[App]:
    """Open the services of one process and keep its configuration current until the block ends."""
    database = Database(settings.database_url.reveal())
    bell = DramatiqDoorbell(broker or open_broker(settings.redis_url.reveal()))
    registries = RegistryClient(endpoints(settings.registries))
    deployer = NomadDeployer(nomad_connection(settings.nomad))
    http = open_client()
    kept = Kept(database=database, registries=registries, deployer=deployer, doorbell=bell, http=http)
    app = App(services=build_services(settings, kept))
    app.reloader = _reloader(app, kept)
    with suppress(ValueError, RuntimeError, NotImplementedError):  # only a main thread may listen to signals
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.reloader.ask)
    background = [
        asyncio.create_task(_start(app)),
        asyncio.create_task(app.reloader.run(interval=_READ_FILE_EVERY)),
    ]
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
        await http.aclose()
        await database.close()


def build_services(settings: Settings, kept: Kept) -> Services:
    """Put the services of `settings` together around what stays open."""
    database, deployer, bell = kept.database, kept.deployer, kept.doorbell
    looker = Looker(
        looks=PostgresLooks(database),
        registries=kept.registries,
        deployer=deployer,
        doorbell=bell,
        settings=LookSettings(
            lease=settings.lease_seconds,
            reread_job=settings.job_reread_interval,
            stall_after=settings.rollout_stall_after,
        ),
    )
    observer = Observer(
        rollouts=PostgresRollouts(database),
        deployer=deployer,
        doorbell=bell,
        patience=Patience(stall_after=settings.rollout_stall_after, deadline=settings.rollout_deadline),
        lease=settings.lease_seconds,
    )
    slack = settings.slack_webhook_url.reveal()
    announcer = Announcer(
        notices=PostgresNotices(database),
        notifier=SlackNotifier(kept.http, slack) if slack else None,
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
        announcer=announcer,
        inbox=PostgresInbox(database),
        schedule=PostgresSchedule(database),
        rules=PostgresRules(database),
        queries=PostgresQueries(database),
        watches=PostgresWatches(database),
        retention=PostgresRetention(database),
        access=access(settings),
        readiness=lambda: pending(settings.database_url.reveal()),
    )


def access(settings: Settings) -> Access:
    """Who may call the API, by the tokens of the settings or by where we listen."""
    external = urlsplit(settings.external_url).hostname
    return Access(
        tokens=tuple(
            AccessToken(name=token.name, role=Role[token.role.name], matches=token.secret.matches)
            for token in settings.api_tokens
        ),
        loopback=is_loopback(settings.host),
        hosts=frozenset({external} if external else ()),
    )


def endpoints(registries: Mapping[str, RegistryEndpointSettings]) -> dict[str, RegistryEndpoint]:
    """The registries of the settings as the client wants them."""
    return {
        name: RegistryEndpoint(
            name=name,
            scheme=each.scheme,
            domain=each.domain,
            username=each.username,
            password=each.password.reveal(),
            ca_file=str(each.ca_file) if each.ca_file else None,
        )
        for name, each in registries.items()
    }


def nomad_connection(nomad: NomadSettings) -> NomadConnection:
    """Nomad's settings as the deployer wants them. Raises ConfigError for what cannot work."""
    connection = NomadConnection(
        address=nomad.address,
        token=nomad.token.reveal(),
        token_file=_text(nomad.token_file),
        namespace=nomad.namespace,
        region=nomad.region,
        ca_cert=_text(nomad.ca_cert),
        ca_path=_text(nomad.ca_path),
        client_cert=_text(nomad.client_cert),
        client_key=_text(nomad.client_key),
        tls_server_name=nomad.tls_server_name,
        skip_verify=nomad.skip_verify,
        http_auth=nomad.http_auth.reveal(),
        vault_token=nomad.vault_token.reveal(),
    )
    connection.check()
    return connection


def _text(path: Path | None) -> str:
    return str(path) if path else ""


async def _start(app: App) -> None:
    """Migrate if that is wanted, and bring the configuration into Postgres; again and again until Postgres answers."""
    while True:
        try:
            if app.settings.create_database_schema:
                await migrate(app.settings.database_url.reveal())
            done = await reconcile(app.services.watches, app.settings.watches, at_start=True)
        except (RegistryWatcherError, OSError) as error:
            if str(error) != app.starting:
                log.warning("start.waits", problem=str(error))
            app.starting = str(error)
            await asyncio.sleep(_TRY_AGAIN)
        else:
            app.starting = ""
            _ring(app, done.due)
            return


def _reloader(app: App, kept: Kept) -> Reloader[Settings]:
    """Applies the configuration file when it changed or on SIGHUP; a broken file changes nothing and is reported."""

    async def apply(settings: Settings) -> None:
        done = await reconcile(app.services.watches, settings.watches)
        await kept.registries.replace(endpoints(settings.registries))
        app.services = build_services(settings, kept)
        _ring(app, done.due)

    file = app.settings.file
    return Reloader(
        lambda: load_settings(file, os.environ), apply, changed=FileChanges(file) if file else lambda: False
    )


def _ring(app: App, targets: Iterable[int]) -> None:
    for target_id in targets:
        app.services.doorbell.ring(LOOK, str(target_id))
