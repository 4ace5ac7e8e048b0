"""Apply each reading of the configuration in one process, or report why it is not applied.

Tokens and secrets that a reading removes stop working at once; everything else is applied only as a whole. It must not
judge readings: app/domain/configuration.py does.
"""

import asyncio
import os
from typing import Protocol

import structlog

from app.adapters.nomad import NomadConnection
from app.bootstrap.restart import until_restart
from app.bootstrap.services import KeptOpen, Services, build_services
from app.bootstrap.values import endpoints, nomad_connection
from app.domain.configuration import Grants, HoldBack, Reading, fingerprint, weakens
from app.errors import ConfigError, ReadingRefused, ReadingWaits
from app.services.config.reload import FileChanges, Repeats
from app.services.config.sync import sync
from app.services.notify.channels import sync_channels
from app.services.wakeup.wake import RECONCILE
from app.settings import FaultySettings, Granted, Settings, load_settings, narrowed

log = structlog.get_logger()


class Process(Protocol):
    """The process whose services are replaced."""

    services: Services


class ConfigApplier:
    """Applies the configuration in one process. `restart` says which changes need a restart, "" for none.

    `changes` reports when a file of the last reading changed.
    """

    def __init__(self, process: Process, kept: KeptOpen, *, listens: bool, repeats: Repeats | None = None) -> None:
        self._process = process
        self._kept = kept
        self._listens = listens
        self._started = process.services.settings
        self._repeats = repeats or Repeats()
        self._alone = asyncio.Lock()
        self.changes = FileChanges(self._started.sources, self._started.fingerprint)
        self.restart = ""

    def load(self) -> Settings:
        """Read file and environment, and withdraw access that the reading removes. Raises ConfigError."""
        try:
            read = load_settings(self._started.file, os.environ)
        except ConfigError as error:
            self._repeats.reset()
            if isinstance(error, FaultySettings):
                self.changes.replace(error.sources, error.fingerprint)
                self._narrow(error.granted)
            raise
        self.changes.replace(read.sources, read.fingerprint)
        self._narrow(Granted(read.api_tokens, read.webhook_sources))
        return read

    async def start(self) -> bool:
        """Write the watches of the start's settings to Postgres; False when they must wait."""
        settings = self._process.services.settings
        async with self._alone:
            return await self._sync(settings, at_start=True, repeated=self._is_repeated(settings)) is None

    async def apply(self, read: Settings) -> None:
        """Apply a reading. Raises what `sync` does, ConfigError, ReadingRefused and ReadingWaits.

        A reading that is refused or waits changes nothing, except an older one, of which only the watches wait.
        """
        repeated = self._is_repeated(
            read
        )  # counted before a refusal below, since a refused reading also interrupts a series
        refused = weakens(_grants(self._process.services.settings), _grants(read))
        if refused is not None:
            raise ReadingRefused(f"{_name(read)} is not applied: {refused.reason}")
        connection = nomad_connection(read.nomad)
        async with self._alone:
            waits = await self._sync(read, at_start=False, repeated=repeated)
            if waits is None or waits.older:
                await self._use(read, connection)
        if waits is not None:
            state = "is applied without its watches" if waits.older else "is not applied yet"
            raise ReadingWaits(f"{_name(read)} {state}: {waits.reason}")

    def _is_repeated(self, read: Settings) -> bool:
        return self._repeats.is_repeated(read.fingerprint)

    async def _sync(self, read: Settings, *, at_start: bool, repeated: bool) -> HoldBack | None:
        services = self._process.services
        reading = Reading(
            edited=not at_start and fingerprint(read.watches) != fingerprint(services.settings.watches),
            repeated=repeated,
        )
        done = await sync(services.watches, read.watches, at_start=at_start, reading=reading)
        for target_id in done.due:
            services.waker.wake(RECONCILE, str(target_id))
        if done.waits is None:
            await sync_channels(services.channels, read.channels)
        return done.waits

    async def _use(self, read: Settings, connection: NomadConnection) -> None:
        settings, restart = until_restart(self._started, read, listens=self._listens)
        before, self.restart = self.restart, restart
        if restart and restart != before:
            log.warning("config.restart_required", problem=restart)
        if settings == self._process.services.settings:
            return
        if self._kept.deployer.renew(connection):  # first, since it may still reject a certificate
            log.info("nomad.renewed", address=connection.origin)
        await self._kept.registries.replace(endpoints(settings.registries))
        self._process.services = build_services(settings, self._kept)

    def _narrow(self, granted: Granted) -> None:
        before = self._process.services.settings
        after = narrowed(before, granted)
        if after == before:
            return
        self._process.services = build_services(
            after, self._kept
        )  # first: an error of the log must not keep a token valid
        log.warning(
            "access.withdrawn",
            tokens=[token.name for token in before.api_tokens if token not in after.api_tokens],
            webhooks=[name for name, source in before.webhook_sources.items() if source != after.webhook_sources[name]],
        )


def _grants(settings: Settings) -> Grants:
    return Grants(tokens=len(settings.api_tokens), written=settings.written)


def _name(settings: Settings) -> str:
    return str(settings.file) if settings.file else "the environment"
