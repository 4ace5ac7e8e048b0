"""The feed of changes by Postgres' NOTIFY: one connection of a process, while anybody listens. It stores nothing.

What the triggers of migrations/0004_changes.sql tell is gathered for a moment and handed to every listener. Deliveries
tell nothing; they are asked after once a second, which also shows whether the connection lives.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog

from app.adapters.postgres.pool import Connection, Database
from app.errors import StoreUnavailable
from app.services.feed import Change, FeedClosed

log = structlog.get_logger()

_CHANNEL = "registrywatcher"
_NEWEST = "SELECT delivery_id FROM deliveries ORDER BY received_at DESC, delivery_id LIMIT 1"
_NAMES = "SELECT name FROM watches WHERE target_id = ANY($1::bigint[]) AND present"
_MANY = 2000  # watches of one change; beyond, it is everything
_LINGER = 10.0  # seconds that the connection is kept after the last listener has left
_PAUSES = (0.2, 0.5, 1.0, 2.0)  # seconds before the next try to connect


class Mailbox:
    """A listener's end; see Listener."""

    def __init__(self) -> None:
        self._kept: Change | None = None
        self._closed = False
        self._arrived = asyncio.Event()

    def put(self, change: Change) -> None:
        """Add to what waits to be taken."""
        self._kept = change if self._kept is None else self._kept | change
        self._arrived.set()

    def close(self) -> None:
        """Let `next` raise FeedClosed from now on."""
        self._closed = True
        self._arrived.set()

    async def next(self, *, within: float) -> Change | None:
        """See Listener."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._arrived.wait()
        if self._closed:
            raise FeedClosed
        self._arrived.clear()
        change, self._kept = self._kept, None
        return change


class PostgresFeed:
    """`Feed` on Postgres. `gather` is for how many seconds changes are collected, `tick` how often it asks."""

    def __init__(self, database: Database, *, gather: float = 0.1, tick: float = 1.0) -> None:
        self._database = database
        self._gather = gather
        self._tick = tick
        self._mailboxes: set[Mailbox] = set()
        self._running: asyncio.Task[None] | None = None
        self._closed = False
        self._last = Change(everything=True)

    @property
    def listeners(self) -> int:
        """See Feed."""
        return len(self._mailboxes)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[Mailbox]:
        """See Feed."""
        mailbox = Mailbox()
        if self._closed:
            mailbox.close()
        self._mailboxes.add(mailbox)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        else:
            mailbox.put(self._last)
        try:
            yield mailbox
        finally:
            self._mailboxes.discard(mailbox)

    def close(self) -> None:
        """See Feed. It may be called from a signal's handler."""
        self._closed = True
        for mailbox in self._mailboxes:
            mailbox.close()

    async def aclose(self) -> None:
        """Close, and give the connection back."""
        self.close()
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    async def _run(self) -> None:
        """Follow the store for as long as anybody listens, through its absences."""
        failures = 0
        while self._mailboxes and not self._closed:
            try:
                connection = await self._database.dedicated()
                try:
                    failures = 0
                    await self._follow(connection)
                finally:
                    connection.terminate()
            except StoreUnavailable as error:
                if not failures:
                    log.warning("feed.away", problem=str(error))
                self._publish(Change(away=str(error)), lasting=True)
                await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1

    async def _follow(self, connection: Connection) -> None:
        """Until nobody has listened for a while; StoreUnavailable when the connection is lost."""
        told: set[str] = set()
        arrived = asyncio.Event()

        def hear(_connection: Any, _pid: int, _channel: str, payload: str) -> None:
            told.add(payload)
            arrived.set()

        with self._database.trouble():
            await connection.add_listener(_CHANNEL, hear)
            newest = await connection.fetchval(_NEWEST, timeout=5)
            self._publish(Change(everything=True), lasting=True)
            idle = 0.0
            while idle < _LINGER:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._tick):
                        await arrived.wait()
                        await asyncio.sleep(self._gather)
                heard = frozenset(told)
                told.clear()
                arrived.clear()
                before, newest = newest, await connection.fetchval(_NEWEST, timeout=5)
                change = await _change(connection, heard, deliveries=before != newest)
                if change != Change():
                    self._publish(change)
                idle = 0.0 if self._mailboxes else idle + self._tick

    def _publish(self, change: Change, *, lasting: bool = False) -> None:
        """`lasting` is what those who come later are told first."""
        if lasting:
            self._last = change
        for mailbox in self._mailboxes:
            mailbox.put(change)


async def _change(connection: Connection, heard: frozenset[str], *, deliveries: bool) -> Change:
    """What payloads say, the targets in them resolved to their watches."""
    watches = {payload[2:] for payload in heard if payload.startswith("w:")}
    targets = {int(payload[2:]) for payload in heard if payload.startswith("t:")}
    rollouts = set()
    for payload in heard:
        if payload.startswith("r:"):
            rollout_id, _, target_id = payload[2:].partition(" ")
            rollouts.add(rollout_id)
            targets.add(int(target_id))
    if targets:
        watches |= {row["name"] for row in await connection.fetch(_NAMES, list(targets), timeout=5)}
    return Change(
        watches=frozenset(watches) if len(watches) <= _MANY else frozenset(),
        rollouts=frozenset(rollouts),
        situation="s" in heard,
        deliveries=deliveries,
        everything="e" in heard or len(watches) > _MANY,
    )
