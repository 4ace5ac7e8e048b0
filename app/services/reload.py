"""Read the configuration again when it changed or a person asks (SIGHUP), and apply it without a restart.

A broken configuration changes nothing and is reported; it must not know what a configuration is or where it lies.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from app.errors import ConfigError, Permanent, RegistryWatcherError, Transient
from app.services.loops import Loop

log = structlog.get_logger()

Loaded = TypeVar("Loaded")


class Reloader(Generic[Loaded]):
    """Reads with `load`, which raises ConfigError, when `changed` says so or `ask` was called, then awaits `apply`.

    What could not be applied now (Transient) is applied again at the next round; `problem` says why the newest
    configuration is not in force, "" when it is.
    """

    def __init__(
        self, load: Callable[[], Loaded], apply: Callable[[Loaded], Awaitable[None]], *, changed: Callable[[], bool]
    ) -> None:
        self._load = load
        self._apply = apply
        self._changed = changed
        self._asked = asyncio.Event()
        self._again = False
        self.problem = ""

    def ask(self) -> None:
        """Read it at once, changed or not: for a signal handler of the event loop."""
        self._again = True
        self._asked.set()

    async def run(self, *, interval: float, loop: Loop | None = None) -> None:
        """Look every `interval` seconds until cancelled."""

        async def turn() -> float:
            with suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self._asked.wait()
            self._asked.clear()
            await self.look()
            return 0.0

        await (loop or reloading()).run(turn)

    async def look(self) -> None:
        """One round: nothing happens unless it changed, was asked for, or waits to be applied."""
        if not (self._changed() or self._again):
            return
        self._again = False
        try:
            await self._apply(self._load())
        except (ConfigError, Permanent) as error:
            self._report(error)
        except Transient as error:
            self._again = True
            self._report(error)
        except Exception as error:  # whatever it is, who gave up here would never read a configuration again
            self._report(error)
        else:
            self.problem = ""
            log.info("configuration.reloaded")

    def _report(self, error: Exception) -> None:
        problem = str(error) or type(error).__name__
        if problem != self.problem:
            unforeseen = not isinstance(error, RegistryWatcherError)
            log.error("configuration.not_reloaded", problem=problem, exc_info=unforeseen)
        self.problem = problem


def reloading() -> Loop:
    """The loop of `Reloader.run`: a turn waits for its interval, and to apply thousands of watches takes its time."""
    return Loop("reload", bound=None, grace=60.0)


class FileChanges:
    """Tells once for each change of a file's content; that it went, or came, is a change too.

    `seen` is the fingerprint of what is in force: what came since that was read is a change as well.
    """

    def __init__(self, path: Path, seen: str) -> None:
        self._path = path
        self._seen: str | None = seen

    def __call__(self) -> bool:
        """Whether the content differs from what it was at the last call."""
        now = _fingerprint_of(self._path)
        changed, self._seen = now != self._seen, now
        return changed


def fingerprint(content: bytes) -> str:
    """Stands for a content, without keeping its secrets."""
    return hashlib.sha256(content).hexdigest()


def _fingerprint_of(path: Path) -> str | None:
    """Of the content itself: modification times lie on mounted and on quickly rewritten files."""
    try:
        return fingerprint(path.read_bytes())
    except OSError:
        return None
