"""The connection pool of one process; outage.py translates the driver's errors. No SQL here."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.adapters.postgres.database.outage import outages_translated
from app.adapters.postgres.database.session import SessionLimits, limit

# asyncpg ships no types; the stores annotate what they return.
Connection = Any
Row = Any


class Database:
    """A pool that opens lazily: the program starts during an outage of Postgres, and reconnects after it.

    All methods raise StoreUnavailable when Postgres does not answer or cannot store now.
    """

    def __init__(self, dsn: str, *, size: int = 10, timeout: float = 5.0, limits: SessionLimits | None = None) -> None:
        self._dsn = dsn
        self._size = size
        self._timeout = timeout
        self._limits = limits or SessionLimits()
        self._pool: Any = None
        self._connected_at = -math.inf
        self._retiring: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Open the pool; StoreUnavailable when Postgres does not answer."""
        if self._pool is not None:
            return
        with outages_translated():
            pool = asyncpg.create_pool(
                self._dsn,
                min_size=0,
                max_size=self._size,
                timeout=self._timeout,
                command_timeout=self._limits.statement + 2,  # Postgres ends it first, with its reason
                init=self._begin,
                reset=_leave_as_it_is,
                server_settings={"application_name": self._limits.application},
            )
            self._pool = await pool

    async def ask(self, *, new_every: float) -> None:
        """Return once Postgres answers on an open connection; every `new_every` seconds on a new one, since a frozen
        server may still serve those that are open. A question without an answer is asked again in the same way."""
        now = time.monotonic()
        if now - self._connected_at < new_every:
            async with self.connection() as connection:
                await connection.execute("SELECT")
        else:
            async with self.dedicated(self._limits.application):
                self._connected_at = now

    async def renew(self) -> None:
        """Use new connections from now on: an outage may have broken the open ones without a sign, and a statement on
        such a connection waits long for its answer. Statements that run may end on the old ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            retiring = asyncio.create_task(self._retire(pool))
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)

    async def _retire(self, pool: Any) -> None:
        try:
            with suppress(Exception):  # a broken connection may answer a farewell with anything
                async with asyncio.timeout(self._limits.statement + 2):
                    await pool.close()
        finally:
            pool.terminate()

    async def close(self) -> None:
        """Close the pool at once: Postgres rolls back the transactions that still run."""
        for retiring in tuple(self._retiring):
            retiring.cancel()
            with suppress(asyncio.CancelledError):
                await retiring
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection in autocommit: each statement is its own transaction."""
        await self.open()
        with outages_translated():
            async with self._pool.acquire(timeout=self._timeout) as connection:
                with _terminated_when_late(connection):
                    yield connection

    @asynccontextmanager
    async def dedicated(self, name: str) -> AsyncIterator[Connection]:
        """A connection outside the pool, without its codecs, for the block: LISTEN belongs to a session."""
        with outages_translated():
            connection = await asyncpg.connect(
                self._dsn,
                timeout=self._timeout,
                command_timeout=self._timeout,
                server_settings={"application_name": name},
            )
            try:
                await limit(connection, self._limits)
                yield connection
            finally:
                with suppress(Exception):  # it may be broken already; then the server ends the session
                    await connection.close(timeout=1.0)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside one transaction: committed at the end, rolled back when the block raises."""
        async with self.connection() as connection, in_transaction(connection):
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """A connection whose statements all see the same rows, for answers whose parts must agree; it only reads."""
        snapshot = {"isolation": "repeatable_read", "readonly": True}
        async with self.connection() as connection, in_transaction(connection, **snapshot):
            yield connection

    async def _begin(self, connection: Connection) -> None:
        with _terminated_when_late(connection):
            await limit(connection, self._limits)
            await _set_codecs(connection)


@asynccontextmanager
async def in_transaction(connection: Connection, **options: Any) -> AsyncIterator[None]:
    """One transaction on a connection of the pool: committed at the end, rolled back when the block raises. `options`
    are asyncpg's."""
    transaction = connection.transaction(**options)
    await transaction.start()
    try:
        yield
    except (TimeoutError, asyncio.CancelledError):
        raise  # the connection is terminated, which rolls back without an answer
    except BaseException:
        await transaction.rollback()
        raise
    else:
        await transaction.commit()


@contextmanager
def _terminated_when_late(connection: Connection) -> Iterator[None]:
    """Terminate a connection whose answer is late: a cancel request or a rollback would wait for the same server.

    A connection whose wait was cancelled is terminated too: its answer may never come. So is a read-only one: it would
    stay read-only when the database, or a new primary, accepts writes again.
    """
    try:
        yield
    except (TimeoutError, asyncio.CancelledError, asyncpg.ReadOnlySQLTransactionError):
        with suppress(asyncpg.InterfaceError):  # a broken connection is back in the pool already
            connection.terminate()
        raise


async def _set_codecs(connection: Connection) -> None:
    """Decode jsonb to Python values, and uuid to the standard UUID: orjson does not accept asyncpg's subclass."""
    await connection.set_type_codec("uuid", encoder=str, decoder=UUID, schema="pg_catalog")
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads, schema="pg_catalog"
        )


async def _leave_as_it_is(connection: Connection) -> None:
    """No RESET at a release: no store changes the session, since locks and settings end with their transaction. This
    saves a round trip; asyncpg still rolls back an open transaction."""
