"""The feed on Postgres: LISTEN on one connection of the process while there are listeners, and what payloads mean.

The triggers in migrations/0001_initial.sql notify. Deliveries are too many for that: their newest rows, and those of
unknown sources, are read once a second. This also detects a connection that broke silently.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from app.adapters.postgres.database.pool import Connection, Database
from app.adapters.postgres.views.mailbox import EVERYTHING, LARGEST, NOTHING, Mailbox, merged
from app.services.processes.loops import Loop
from app.services.views.feed import Change

CHANNEL = "registrywatcher"
SESSION = "registrywatcher feed"  # its name in pg_stat_activity

# Anyone with the database's password may notify, so the payloads are checked.
_TARGET = re.compile(r"[0-9]{1,18}", re.ASCII)
_ROLLOUT = re.compile(r"([0-9a-f-]{36}) ([0-9]{1,18})", re.ASCII)

_NAMES = "SELECT target_id, name FROM watches WHERE target_id = ANY($1) AND present"

# The first reads an index, the second at most a hundred rows.
_NEWEST = """
SELECT (SELECT delivery_id FROM deliveries ORDER BY received_at DESC LIMIT 1) AS delivery,
  (SELECT (count(*), max(last_at))::text FROM unknown_sources) AS unknown_sources
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPace:
    """Seconds: how long changes are collected, how often new deliveries are read, how long the connection stays open
    after the last listener left, and the first and the longest pause before it is opened again."""

    gather: float = 0.1
    tick: float = 1.0
    linger: float = 5.0
    retry: float = 0.25
    retry_at_most: float = 1.0


@dataclass(slots=True)
class _Received:
    """Payloads that were received and not passed on yet; `arrived` wakes the reader."""

    payloads: set[str] = field(default_factory=set)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self) -> set[str]:
        taken, self.payloads = self.payloads, set()
        self.arrived.clear()
        return taken


class PostgresFeed:
    """A `Feed`. It connects for the first listener, and ends with `aclose` or with the tasks of the event loop."""

    def __init__(self, database: Database, *, pace: FeedPace | None = None) -> None:
        self._database = database
        self._pace = pace or FeedPace()
        self._listeners: set[Mailbox] = set()
        self._task: asyncio.Task[None] | None = None
        self._is_listening = False
        self._closed = False
        self._connection: Connection = None
        self.loop = Loop("feed", retry=self._pace.retry, retry_at_most=self._pace.retry_at_most, bound=None)

    @property
    def problem(self) -> str:
        """See `Feed`."""
        return self.loop.problem

    @property
    def listeners(self) -> int:
        """The number of listeners."""
        return len(self._listeners)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[Change]]:
        """See `Feed`."""
        mailbox = Mailbox()
        if self._closed:
            mailbox.close()
        if self._is_listening:
            mailbox.put(EVERYTHING)
        self._listeners.add(mailbox)
        if not self._closed and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self.loop.run(self._receive), name="feed")
        try:
            yield mailbox
        finally:
            self._listeners.discard(mailbox)

    def renew(self) -> None:
        """Listen on a new connection: an outage may have broken the open one without a sign."""
        if self._connection is not None:
            self._connection.terminate()

    async def aclose(self) -> None:
        """End every iteration and the connection."""
        self._closed = True
        for mailbox in self._listeners:
            mailbox.close()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _receive(self) -> float | None:
        """Receive until there is no listener."""
        if not self._listeners:
            return None
        try:
            async with self._database.dedicated(SESSION) as self._connection:
                connection = self._connection
                async for change in self._changes_on(connection):
                    for mailbox in self._listeners:
                        mailbox.put(change)
        finally:
            self._is_listening, self._connection = False, None
        return 0.0

    async def _changes_on(self, connection: Connection) -> AsyncIterator[Change]:
        """The changes on the connection, starting with `everything`; it ends `linger` seconds after the last listener
        left."""
        received = _Received()

        def note(_connection: Connection, _pid: int, _channel: str, payload: str) -> None:
            received.payloads.add(payload)
            received.arrived.set()

        connection.add_termination_listener(lambda _connection: received.arrived.set())
        await connection.add_listener(CHANNEL, note)
        newest = await connection.fetchrow(_NEWEST)
        self._is_listening = True
        self.loop.completed()
        yield EVERYTHING
        clock = asyncio.get_running_loop().time
        tick_at = left_at = clock()
        late = False
        while clock() - left_at < self._pace.linger:
            tick_at = max(tick_at + self._pace.tick, clock())
            while clock() < tick_at and await _before(tick_at, received.arrived):
                await asyncio.sleep(self._pace.gather)
                yield await _read(connection, received.take())
            if not self._listeners:
                continue
            left_at = clock()
            before, newest = newest, await connection.fetchrow(_NEWEST)
            changed = newest["delivery"] != before["delivery"]
            # Reported twice: a delivery that was received before the newest may have been committed after it.
            yield Change(deliveries=changed or late, situation=newest["unknown_sources"] != before["unknown_sources"])
            late = changed


async def _before(deadline: float, event: asyncio.Event) -> bool:
    """Wait for the event or the deadline; True if the event came first."""
    try:
        async with asyncio.timeout_at(deadline):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def _read(connection: Connection, payloads: Iterable[str]) -> Change:
    """The change that the payloads name, in one statement, which also detects a closed connection."""
    names: set[str] = set()
    rollouts: set[str] = set()
    targets: set[int] = set()
    situation = everything = False
    for payload in payloads:
        match payload.partition(":"):
            case "w", ":", name:
                names.add(name)
            case "r", ":", both if found := _ROLLOUT.fullmatch(both):
                rollouts.add(found[1])
                targets.add(int(found[2]))
            case "t", ":", target if _TARGET.fullmatch(target):
                targets.add(int(target))
                situation = True
            case "s", "", "":
                situation = True
            case _:
                everything = True
    rows = await connection.fetch(_NAMES, sorted(targets)[: LARGEST + 1])
    names.update(row["name"] for row in rows)
    change = Change(watches=frozenset(names), rollouts=frozenset(rollouts), situation=situation, everything=everything)
    return merged(change, NOTHING)
