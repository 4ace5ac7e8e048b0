"""Read the configuration again when it changed or a person asks (SIGHUP), and apply it without a restart.

A broken configuration changes nothing and is reported; it must not know what a configuration is or where it lies.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from app.errors import ConfigError, Permanent, RegistryWatcherError, Transient
from app.services.processes.loops import Loop

log = structlog.get_logger()

_LOOKS = 20  # at a content that goes on changing, before it is read all the same
REPEATED_AFTER = 60.0  # seconds that a content must stay the same to be taken without a person

Loaded = TypeVar("Loaded")


class Reloader(Generic[Loaded]):
    """Reads with `load`, which raises ConfigError, when `changed` says so or `ask` was called, then awaits `apply`.

    A change is read once it looks the same twice, `settle` seconds apart: who writes a file may be half through.
    What could not be applied now (Transient) is applied again at the next round, and read again only when it changed;
    `problem` says why the newest configuration is not in force, "" when it is.
    """

    def __init__(
        self,
        load: Callable[[], Loaded],
        apply: Callable[[Loaded], Awaitable[None]],
        *,
        changed: Callable[[], bool],
        settle: float = 0.0,
    ) -> None:
        self._load = load
        self._apply = apply
        self._changed = changed
        self._settle = settle
        self._asked = asyncio.Event()
        self._asked_to_read = False
        self._waiting: Loaded | None = None
        self.problem = ""

    def ask(self) -> None:
        """Read it at once, changed or not: for a signal handler of the event loop."""
        self._asked_to_read = True
        self._asked.set()

    async def run(self, *, interval: float, loop: Loop | None = None) -> None:
        """Look every `interval` seconds until cancelled."""

        async def turn() -> float:
            await self._pause(interval)
            self._asked.clear()
            await self.look()
            return 0.0

        await (loop or reloading()).run(turn)

    async def look(self) -> None:
        """One round: nothing happens unless it changed, was asked for, or waits to be applied."""
        changed = self._changed()
        if changed and not self._asked_to_read:
            await self._settled()
        anew = changed or self._asked_to_read
        loaded = None if anew else self._waiting
        if not anew and loaded is None:
            return
        self._asked_to_read, self._waiting = False, None
        try:
            loaded = self._load() if loaded is None else loaded
            await self._apply(loaded)
        except (ConfigError, Permanent) as error:
            self._report(error)
        except Transient as error:
            self._waiting = loaded
            self._report(error)
        except Exception as error:  # whatever it is, who gave up here would never read a configuration again
            self._report(error)
        else:
            after, self.problem = self.problem, ""
            log.info("configuration.reloaded", after=after)

    async def _settled(self) -> None:
        """Wait until it looks the same twice, or a person asks for it as it is."""
        for _ in range(_LOOKS):
            await self._pause(self._settle)
            if self._asked_to_read or not self._changed():
                return

    async def _pause(self, seconds: float) -> None:
        """Wait for so long, or until a person asks."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked.wait()

    def _report(self, error: Exception) -> None:
        told, self.problem = self.problem, str(error) or type(error).__name__
        if self.problem != told:
            unforeseen = not isinstance(error, RegistryWatcherError)
            log.error("configuration.not_reloaded", problem=self.problem, exc_info=unforeseen)


def reloading() -> Loop:
    """The loop of `Reloader.run`: a turn waits for its interval, and to apply thousands of watches takes its time."""
    return Loop("reload", bound=None, grace=60.0)


class FileChanges:
    """Tells once for each change of some files' contents; that one went, or came, is a change too.

    `seen` is the fingerprint of what is in force: what came since that was read is a change as well. `follow` takes
    over the files of a later reading, and what they held.
    """

    def __init__(self, paths: Sequence[Path], seen: str) -> None:
        self.follow(paths, seen)

    def follow(self, paths: Sequence[Path], seen: str) -> None:
        """From now on tell of these files, which had this fingerprint when they were read."""
        self._paths = paths
        self._seen = seen

    def __call__(self) -> bool:
        """Whether a content differs from what it was at the last call."""
        now = fingerprint(*(content_of(path) for path in self._paths))
        changed, self._seen = now != self._seen, now
        return changed


class Repeats:
    """Tells whether a content still reads the same a while after it was read first; another one begins anew."""

    def __init__(self, *, after: float = REPEATED_AFTER, clock: Callable[[], float] = time.monotonic) -> None:
        self._after = after
        self._clock = clock
        self._read = ""
        self._since = 0.0

    def begin_anew(self) -> None:
        """Forget what was read before: something that could not be read came between."""
        self._read = ""

    def is_repeated(self, fingerprint: str) -> bool:
        """Whether this content, which was read just now, was read `after` seconds ago and was no other between."""
        now = self._clock()
        if fingerprint != self._read:
            self._read, self._since = fingerprint, now
        return now - self._since >= self._after


def fingerprint(*contents: bytes | None) -> str:
    """Stands for contents in their order, without keeping their secrets; None is a file that cannot be read."""
    lengths = [None if content is None else len(content) for content in contents]
    return hashlib.sha256(b"".join([repr(lengths).encode(), *filter(None, contents)])).hexdigest()


def content_of(path: Path) -> bytes | None:
    """The content itself tells: modification times lie on mounted and on quickly rewritten files."""
    try:
        return path.read_bytes()
    except (OSError, ValueError):  # ValueError: no file can have such a name
        return None
