"""The Feed on Postgres: LISTEN on one connection of the process, while somebody listens, and what that means in names.

What notifies is in migrations/0001_initial.sql. Registries and strangers send too much to be notified of; their newest
rows are asked for once a second instead, which also finds a connection that died without a word.
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
SESSION = "registrywatcher feed"  # what pg_stat_activity shows

# Anybody with the database's password may notify.
_TARGET = re.compile(r"[0-9]{1,18}", re.ASCII)
_ROLLOUT = re.compile(r"([0-9a-f-]{36}) ([0-9]{1,18})", re.ASCII)

_NAMES = "SELECT target_id, name FROM watches WHERE target_id = ANY($1) AND present"

# Sorted by an index, and by at most a hundred rows.
_SENT = """
SELECT (SELECT delivery_id FROM deliveries ORDER BY received_at DESC LIMIT 1) AS delivery,
  (SELECT (count(*), max(last_at))::text FROM unknown_sources) AS strangers
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPace:
    """Seconds: how long changes are gathered, how often registries' news are asked for, how long the connection stays
    behind the last listener, and the first and the longest pause before it is made again."""

    gather: float = 0.1
    tick: float = 1.0
    linger: float = 5.0
    retry: float = 0.25
    retry_at_most: float = 3.0


@dataclass(slots=True)
class _Heard:
    """What came on the connection and was not told yet; the event wakes whoever waits for more."""

    payloads: set[str] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self) -> set[str]:
        taken, self.payloads = self.payloads, set()
        self.news.clear()
        return taken


class PostgresFeed:
    """A Feed. It connects when the first listener comes; it is ended by `aclose`, or with the event loop's tasks."""

    def __init__(self, database: Database, *, pace: FeedPace | None = None) -> None:
        self._database = database
        self._pace = pace or FeedPace()
        self._listeners: set[Mailbox] = set()
        self._task: asyncio.Task[None] | None = None
        self._hears = False
        self._closed = False
        self._loop = Loop("feed", retry=self._pace.retry, retry_at_most=self._pace.retry_at_most, bound=None)

    @property
    def problem(self) -> str:
        """See Feed."""
        return self._loop.problem

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[AsyncIterator[Change]]:
        """See Feed."""
        mailbox = Mailbox()
        if self._closed:
            mailbox.close()
        if self._hears:
            mailbox.put(EVERYTHING)
        self._listeners.add(mailbox)
        if not self._closed and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._loop.run(self._hear), name="feed")
        try:
            yield mailbox
        finally:
            self._listeners.discard(mailbox)

    async def aclose(self) -> None:
        """End every iteration and the connection."""
        self._closed = True
        for mailbox in self._listeners:
            mailbox.close()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _hear(self) -> float | None:
        """Hear until nobody listens any more."""
        if not self._listeners:
            return None
        try:
            async with self._database.dedicated(SESSION) as connection:
                async for change in self._heard_on(connection):
                    for mailbox in self._listeners:
                        mailbox.put(change)
        finally:
            self._hears = False
        return 0.0

    async def _heard_on(self, connection: Connection) -> AsyncIterator[Change]:
        """What the connection tells, from `everything` on; it ends a while after the last listener has left."""
        heard = _Heard()

        def note(_connection: Connection, _pid: int, _channel: str, payload: str) -> None:
            heard.payloads.add(payload)
            heard.news.set()

        connection.add_termination_listener(lambda _connection: heard.news.set())
        await connection.add_listener(CHANNEL, note)
        sent = await connection.fetchrow(_SENT)
        self._hears = True
        self._loop.completed()
        yield EVERYTHING
        clock = asyncio.get_running_loop().time
        tick_at = left_at = clock()
        late = False
        while clock() - left_at < self._pace.linger:
            tick_at = max(tick_at + self._pace.tick, clock())
            while clock() < tick_at and await _before(tick_at, heard.news):
                await asyncio.sleep(self._pace.gather)
                yield await _read(connection, heard.take())
            if not self._listeners:
                continue
            left_at = clock()
            before, sent = sent, await connection.fetchrow(_SENT)
            changed = sent["delivery"] != before["delivery"]
            # Told twice: one that was received before the newest may have been committed after it.
            yield Change(deliveries=changed or late, situation=sent["strangers"] != before["strangers"])
            late = changed


async def _before(deadline: float, event: asyncio.Event) -> bool:
    """Whether the event came before the deadline; waits for either."""
    try:
        async with asyncio.timeout_at(deadline):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def _read(connection: Connection, payloads: Iterable[str]) -> Change:
    """What the payloads say, in one statement, by which a closed connection is found out too."""
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
    told = Change(watches=frozenset(names), rollouts=frozenset(rollouts), situation=situation, everything=everything)
    return merged(told, NOTHING)
