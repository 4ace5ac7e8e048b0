"""Read the configuration again when it changed or a person asks (SIGHUP), and apply it without a restart.

A broken configuration changes nothing and is reported. This module must not know the content or place of a
configuration.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from app.errors import ConfigError, Permanent, RegistryWatcherError, StoreSilent, Transient
from app.services.processes.loops import Loop

log = structlog.get_logger()

_SETTLE_CHECKS = 20  # checks of a content that keeps changing, before it is read anyway
REPEATED_AFTER = 60.0  # seconds that a content must stay the same to be accepted without a person

Loaded = TypeVar("Loaded")


class Reloader(Generic[Loaded]):
    """Reads with `load`, which raises ConfigError, if `changed` is True or `request` was called, then awaits `apply`.

    A change is read once two checks, `settle` seconds apart, find the same content: a file may be half written.
    A configuration that could not be applied (Transient) is applied again at the next check, and read again only if it
    changed. `problem` says why the newest configuration is not in force, "" if it is.
    """

    def __init__(
        self,
        load: Callable[[], Loaded],
        apply: Callable[[Loaded], Awaitable[None]],
        *,
        changed: Callable[[], bool],
        settle: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._apply = apply
        self._changed = changed
        self._settle = settle
        self._requested = asyncio.Event()
        self._read_requested = False
        self._waiting: Loaded | None = None
        self._clock = clock
        self._since = 0.0
        self.problem = ""

    def request(self) -> None:
        """Read it at once, changed or not; for a signal handler of the event loop."""
        self._read_requested = True
        self._requested.set()

    async def run(self, *, interval: float, loop: Loop | None = None) -> None:
        """Check every `interval` seconds until cancelled."""

        async def iterate() -> float:
            await self._pause(interval)
            self._requested.clear()
            await self.check()
            return 0.0

        await (loop or reloading()).run(iterate)

    async def check(self) -> None:
        """One check: nothing happens unless it changed, was requested, or waits to be applied."""
        changed = self._changed()
        if changed and not self._read_requested:
            await self._settled()
        anew = changed or self._read_requested
        loaded = None if anew else self._waiting
        if not anew and loaded is None:
            return
        self._read_requested, self._waiting = False, None
        try:
            loaded = self._load() if loaded is None else loaded
            await self._apply(loaded)
        except (ConfigError, Permanent) as error:
            self._report(error)
        except Transient as error:
            self._waiting = loaded
            self._report(error)
        except Exception as error:  # an error that ended the loop would prevent every later reload
            self._report(error)
        else:
            after, self.problem = self.problem, ""
            lasted = {"after": after, "seconds": round(self._clock() - self._since, 1)} if after else {}
            log.info("config.reloaded", **lasted)

    async def _settled(self) -> None:
        """Wait until two checks find the same content, or a person asks for it as it is."""
        for _ in range(_SETTLE_CHECKS):
            await self._pause(self._settle)
            if self._read_requested or not self._changed():
                return

    async def _pause(self, seconds: float) -> None:
        """Wait that long, or until a person asks."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._requested.wait()

    def _report(self, error: Exception) -> None:
        before, self.problem = self.problem, str(error) or type(error).__name__
        if not before:
            self._since = self._clock()
        if self.problem != before and not isinstance(error, StoreSilent):  # the process reports that once for all
            unforeseen = not isinstance(error, RegistryWatcherError)
            log.error("config.reload_failed", problem=self.problem, exc_info=unforeseen)


def reloading() -> Loop:
    """The loop of `Reloader.run`: an iteration includes its interval, and applying thousands of watches takes long."""
    return Loop("reload", bound=None, grace=60.0)


class FileChanges:
    """Reports each change of some files' contents once; a file that was removed or created is a change too.

    `known` is the fingerprint of the configuration in force, so a change since it was read counts as well. `replace`
    sets the files of a later reading and their fingerprint.
    """

    def __init__(self, paths: Sequence[Path], known: str) -> None:
        self.replace(paths, known)

    def replace(self, paths: Sequence[Path], known: str) -> None:
        """From now on report these files, which had this fingerprint when they were read."""
        self._paths = paths
        self._known = known

    def __call__(self) -> bool:
        """Whether a content differs from what it was at the last call."""
        now = fingerprint(*(content_of(path) for path in self._paths))
        changed, self._known = now != self._known, now
        return changed


class Repeats:
    """Knows whether a content was the same for a while; another content starts again."""

    def __init__(self, *, after: float = REPEATED_AFTER, clock: Callable[[], float] = time.monotonic) -> None:
        self._after = after
        self._clock = clock
        self._read = ""
        self._since = 0.0

    def reset(self) -> None:
        """Forget the content: a configuration that could not be read came between."""
        self._read = ""

    def is_repeated(self, fingerprint: str) -> bool:
        """Whether this content, read just now, was also read `after` seconds ago, and no other between."""
        now = self._clock()
        if fingerprint != self._read:
            self._read, self._since = fingerprint, now
        return now - self._since >= self._after


def fingerprint(*contents: bytes | None) -> str:
    """A hash of the contents in their order, which reveals no secret; None is a file that cannot be read."""
    lengths = [None if content is None else len(content) for content in contents]
    return hashlib.sha256(b"".join([repr(lengths).encode(), *filter(None, contents)])).hexdigest()


def content_of(path: Path) -> bytes | None:
    """The content of the file. Modification times are wrong for mounted and for quickly rewritten files."""
    try:
        return path.read_bytes()
    except (OSError, ValueError):  # ValueError: no file can have such a name
        return None
