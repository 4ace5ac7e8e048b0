"""The inbox in Postgres: deliveries, their events, and the targets that they make due. Parses no body.

One statement, one transaction and one round trip store all deliveries that arrive while the previous batch runs.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg

from app.adapters.postgres.database.batcher import Batcher
from app.adapters.postgres.database.pool import Database
from app.adapters.postgres.database.session import SessionLimits
from app.adapters.postgres.ingest import replays
from app.adapters.postgres.ingest.acceptances import acceptance
from app.adapters.postgres.ingest.delivery_rows import delivery_view, event_columns, sent_columns
from app.adapters.postgres.ingest.matching import CONCERNED
from app.domain.acceptance import acceptance_of, content_without_events
from app.domain.event import Oddity, Parsed
from app.errors import StoreUnavailable
from app.services.ingest.receive import Delivery, DeliveryView, Receipt
from app.services.ingest.replay import KeptDelivery, Replayed

# About 95 % of the deliveries have no event.
_STORE_WITHOUT_EVENTS = """
INSERT INTO deliveries (delivery_id, source, size, ignored, oddities, body, headers, acceptance)
SELECT delivery_id, source, size, ignored, oddities::jsonb, body, headers::jsonb, acceptance
FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::bytea[], $7::text[], $8::text[])
    AS sent (delivery_id, source, size, ignored, oddities, body, headers, acceptance)
"""

# It only inserts, so it waits for no row that a worker may have locked. Foreign keys are checked at the end of the
# statement, so an event may be inserted before its delivery. Events are sorted by identity: two such statements may
# wait for each other, but cannot deadlock.
_STORE = f"""
WITH sent AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::bytea[], $7::text[])
        AS sent (delivery_id, source, size, ignored, oddities, body, headers)
), pushed AS (
    SELECT * FROM unnest($8::uuid[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
                         $15::text[])
        AS pushed (delivery_id, source, identity, action, host, path, tag, digest)
), fresh AS (
    INSERT INTO events (delivery_id, source, identity, action, host, path, tag, digest)
    SELECT * FROM pushed
    ON CONFLICT (source, identity) WHERE identity IS NOT NULL DO NOTHING
    RETURNING event_id, delivery_id, host, path, tag
), concerned AS ({CONCERNED.format(events="fresh")}), linked AS (
    INSERT INTO event_watches (event_id, watch_name, before_digest)
    SELECT event_id, name, before_digest FROM concerned
), due AS (
    INSERT INTO wakes (target_id) SELECT DISTINCT target_id FROM concerned
), counted AS (
    SELECT sent.*, coalesce(fresh.events, 0) AS new,
        coalesce(pushed.events, 0) - coalesce(fresh.events, 0) AS duplicates
    FROM sent
    LEFT JOIN (SELECT delivery_id, count(*) AS events FROM pushed GROUP BY delivery_id) AS pushed USING (delivery_id)
    LEFT JOIN (SELECT delivery_id, count(*) AS events FROM fresh GROUP BY delivery_id) AS fresh USING (delivery_id)
), stored AS (
    INSERT INTO deliveries (delivery_id, source, size, ignored, duplicates, oddities, body, headers, acceptance)
    SELECT delivery_id, source, size, ignored, duplicates, oddities::jsonb, body, headers::jsonb,
        {acceptance(odd="oddities <> '[]'", new="new > 0", known="duplicates > 0")}
    FROM counted
)
SELECT counted.delivery_id, counted.new, counted.duplicates, coalesce(woken.target_ids, '{{}}') AS target_ids
FROM counted
LEFT JOIN (SELECT delivery_id, array_agg(DISTINCT target_id) AS target_ids FROM concerned GROUP BY delivery_id) AS woken
    USING (delivery_id)
"""

# Each statement has its own transaction: a process that is frozen between two of them holds no row.
_NOTE_UNKNOWN = """
INSERT INTO unknown_sources (source, deliveries) VALUES ($1, $2)
ON CONFLICT (source) DO UPDATE SET last_at = now(), deliveries = unknown_sources.deliveries + excluded.deliveries
"""

# The oldest go, not the newest: otherwise anyone could fill the table and hide a registry that is blocked.
_FORGET_UNKNOWN = """
DELETE FROM unknown_sources
WHERE source IN (SELECT source FROM unknown_sources ORDER BY last_at DESC, source OFFSET $1)
"""

_READ = """
SELECT delivery_id, source, received_at, size, ignored, duplicates, oddities FROM deliveries WHERE delivery_id = $1
"""

_READ_EVENTS = """
SELECT events.*, event_watches.watch_name, event_watches.settled_at, event_watches.answer,
       coalesce(decisions.message, '') AS decision, decisions.rollout_id
FROM events
LEFT JOIN event_watches USING (event_id)
LEFT JOIN decisions USING (decision_id)
WHERE events.delivery_id = $1
ORDER BY events.event_id, event_watches.watch_name
"""

UNKNOWN_SOURCES_KEPT = 100
_STATEMENT_TIMEOUT = 2.0

# Storing a delivery needs no row that others lock for long. If one is locked anyway, only that delivery is delayed.
DOOR_LIMITS = SessionLimits(lock=0.25, statement=_STATEMENT_TIMEOUT)

# Errors about a value, not about the state of Postgres: another try would fail too.
_UNSTORABLE = (asyncpg.DataError, asyncpg.ProgramLimitExceededError)


class _RowInUse(Exception):
    """A statement waited too long for a lock. Other deliveries of the batch may not need that lock."""


class PostgresInbox:
    """`Inbox` and `Replays` on Postgres. `patience` is the time to commit a delivery, in seconds: a sender waits for 1.

    `door` are the connections that store deliveries. A web process has a separate pool for them, so that no reader, and
    nothing that waits for a lock, delays a delivery.
    """

    def __init__(self, database: Database, *, door: Database | None = None, patience: float = 0.9) -> None:
        self._database = database
        self._door = door or database
        self._patience = patience
        self._batcher = Batcher(self._store_all)
        self._unknown: Counter[str] = Counter()
        self._is_noting = False

    async def store(self, delivery: Delivery) -> Receipt:
        """See `Inbox`. After StoreUnavailable the delivery may have been committed: its events are then duplicates."""
        try:
            return await self._put(delivery)
        except _UNSTORABLE as error:
            return await self._put(_quarantined(delivery, error))

    async def note_unknown(self, source: str) -> None:
        """See `Inbox`."""
        if source in self._unknown or len(self._unknown) < UNKNOWN_SOURCES_KEPT:
            self._unknown[source] += 1
        if self._is_noting:
            return  # unknown sources use one connection at most: its user writes these too
        self._is_noting = True
        try:
            await self._write_unknown()
        finally:
            self._is_noting = False

    async def read(self, delivery_id: UUID) -> DeliveryView | None:
        """See `Inbox`."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_READ, delivery_id)
            if row is None:
                return None
            return delivery_view(row, await connection.fetch(_READ_EVENTS, delivery_id))

    async def kept(self, delivery_id: UUID) -> KeptDelivery | None:
        """See `Replays`."""
        async with self._database.connection() as connection:
            return await replays.kept(connection, delivery_id)

    async def replay(self, delivery_id: UUID, parsed: Parsed | None, *, by: str) -> Replayed | None:
        """See `Replays`."""
        try:
            async with self._database.transaction() as connection:
                return await replays.replay(connection, delivery_id, parsed, by=by)
        except _UNSTORABLE as error:
            if parsed is None:
                raise
            async with self._database.transaction() as connection:
                return await replays.replay(connection, delivery_id, _without_events(parsed, error), by=by)

    async def _write_unknown(self) -> None:
        while self._unknown:
            counts, self._unknown = self._unknown, Counter()
            async with self._database.connection() as connection:
                for source, times in counts.items():
                    await connection.execute(_NOTE_UNKNOWN, source, times)
                await connection.execute(_FORGET_UNKNOWN, UNKNOWN_SOURCES_KEPT)

    async def _put(self, delivery: Delivery) -> Receipt:
        try:
            async with asyncio.timeout(self._patience):
                return await self._batcher.put(delivery)
        except TimeoutError as error:
            raise StoreUnavailable(f"Postgres did not commit within {self._patience:g} s") from error
        except _UNSTORABLE:
            raise
        except _RowInUse as error:
            raise StoreUnavailable(
                "Postgres cannot store it now: another session holds a lock; the registry tries again"
            ) from error
        except asyncpg.PostgresError as error:
            raise StoreUnavailable(f"Postgres cannot store now: {type(error).__name__}: {str(error)[:200]}") from error

    async def _store_all(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
        sent = sent_columns(deliveries)
        events = event_columns(deliveries)
        async with self._door.connection() as connection:
            try:
                if not events:
                    counted = [acceptance_of(content_without_events(each.parsed)) for each in deliveries]
                    await connection.execute(_STORE_WITHOUT_EVENTS, *sent, counted, timeout=_STATEMENT_TIMEOUT)
                    return [_receipt(delivery) for delivery in deliveries]
                rows = await connection.fetch(_STORE, *sent, *events, timeout=_STATEMENT_TIMEOUT)
            except asyncpg.LockNotAvailableError as error:
                raise _RowInUse from error
        found = {row["delivery_id"]: row for row in rows}
        return [_receipt(delivery, **found[delivery.delivery_id]) for delivery in deliveries]


def _receipt(
    delivery: Delivery, *, new: int = 0, duplicates: int = 0, target_ids: Sequence[int] = (), delivery_id: object = None
) -> Receipt:
    return Receipt(
        delivery_id=delivery.delivery_id,
        new=new,
        duplicates=duplicates,
        ignored=delivery.parsed.ignored,
        oddities=delivery.parsed.oddities,
        target_ids=tuple(target_ids),
    )


def _quarantined(delivery: Delivery, error: Exception) -> Delivery:
    """The same delivery without its events: pages show it, and its sender does not retry it for ever."""
    return replace(delivery, parsed=_without_events(delivery.parsed, error))


def _without_events(parsed: Parsed, error: Exception) -> Parsed:
    oddity = Oddity(where="events", problem=f"Postgres cannot store them: {str(error)[:200]!r}")
    return Parsed(ignored=parsed.ignored + len(parsed.events), oddities=(*parsed.oddities, oddity))
