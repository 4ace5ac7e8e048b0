"""Brings each reading of the configuration into force in one process, or says why it is not.

What a reading takes away from callers counts at once; everything else only as a whole. It must not judge by itself: see
app/domain/configuration.py.
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


class ConfigFollower:
    """One process's way with its configuration. `restart` says what only a restart would bring into force, or "".

    `changes` tells when a file of the last reading changed.
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
        """Read file and environment. Raises ConfigError; what the reading takes away from callers counts already."""
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
        """Bring the settings that the process started with into Postgres; False when their watches must wait."""
        settings = self._process.services.settings
        async with self._alone:
            return await self._sync(settings, at_start=True, repeated=self._is_repeated(settings)) is None

    async def apply(self, read: Settings) -> None:
        """Bring what was read into force. Raises what `sync` does, ConfigError, ReadingRefused and ReadingWaits.

        A reading that is refused or waits changes nothing; but of an older one only the watches wait.
        """
        repeated = self._is_repeated(read)  # also of what is refused below: it came between, too
        refused = weakens(_grants(self._process.services.settings), _grants(read))
        if refused is not None:
            raise ReadingRefused(f"nothing of {_name(read)} comes into force: {refused.reason}")
        connection = nomad_connection(read.nomad)
        async with self._alone:
            waits = await self._sync(read, at_start=False, repeated=repeated)
            if waits is None or waits.older:
                await self._use(read, connection)
        if waits is not None:
            what = "no watch" if waits.older else "nothing"
            raise ReadingWaits(f"{what} of {_name(read)} may come into force yet: {waits.reason}")

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
        told, self.restart = self.restart, restart
        if restart and restart != told:
            log.warning("configuration.restart_needed", problem=restart)
        if settings == self._process.services.settings:
            return
        if self._kept.deployer.renew(connection):  # first, since it may still refuse a certificate
            log.info("nomad.renewed", address=connection.origin)
        await self._kept.registries.replace(endpoints(settings.registries))
        self._process.services = build_services(settings, self._kept)

    def _narrow(self, granted: Granted) -> None:
        before = self._process.services.settings
        after = narrowed(before, granted)
        if after == before:
            return
        self._process.services = build_services(after, self._kept)  # first: no fault of the log may keep a token alive
        log.warning(
            "access.withdrawn",
            tokens=[token.name for token in before.api_tokens if token not in after.api_tokens],
            webhooks=[name for name, source in before.webhook_sources.items() if source != after.webhook_sources[name]],
        )


def _grants(settings: Settings) -> Grants:
    return Grants(tokens=len(settings.api_tokens), written=settings.written)


def _name(settings: Settings) -> str:
    return str(settings.file) if settings.file else "the environment"
