"""The configuration's columns of targets and watches: written in one transaction by the process that read the file."""

from collections.abc import Callable, Mapping, Sequence

from app.adapters.postgres.config import configurations
from app.adapters.postgres.config.predecessor import take_over
from app.adapters.postgres.database.places import place
from app.adapters.postgres.database.pool import Connection, Database, Row
from app.adapters.postgres.database.targets import make_due
from app.adapters.postgres.reconcile.claim_rows import watch as watch_of
from app.domain.configuration import HoldBack, Reading, fingerprint, judge
from app.domain.watch import JobPlace, Watch
from app.services.config.sync import ACCEPTED, Difference, StoredWatch, Synced, compare, judged

LOCK = int.from_bytes(b"watches")  # the key of the advisory lock; any constant works
# Processes may start together, with thousands of watches each. The session of a frozen one ends earlier.
_PATIENCE = "10s"

_NEW_TARGETS = """
INSERT INTO targets (region, namespace, job_id)
SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[])
ON CONFLICT DO NOTHING
"""

# Targets are locked before watches, in the order of their ids: a reconcile locks its target first, too.
_LOCK_TARGETS = """
SELECT target_id, region, namespace, job_id FROM targets
WHERE (region, namespace, job_id) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))
  OR target_id IN (SELECT target_id FROM watches WHERE name = ANY($4))
ORDER BY target_id FOR UPDATE
"""

# A reconcile that runs at the watch's former target must not write its result: without its lease it cannot.
_END_LEASES = """
UPDATE targets SET lease_token = NULL, lease_until = NULL
WHERE target_id IN (SELECT target_id FROM watches WHERE name = ANY($1))
RETURNING target_id
"""

_FORGET = (
    "DELETE FROM found_digests WHERE watch_name = ANY($1)",
    "DELETE FROM failures WHERE watch_name = ANY($1)",
    "DELETE FROM found_tags WHERE watch_name = ANY($1)",
    "DELETE FROM tag_digests WHERE watch_name = ANY($1)",
    "DELETE FROM absent_tags WHERE watch_name = ANY($1)",
    "DELETE FROM running_periods WHERE watch_name = ANY($1)",
    """
    UPDATE watches SET tags = '{}', tags_read_at = NULL, desired_tag = '', desired_digest = '', specified = '[]',
      running = '[]', allocation_count = NULL,
      job_create_index = 0, digests = '{}', digest_tags = '{}', baseline_release = '', expected = '{}',
      rebaseline = false, drifted_at = NULL, drift_images = '{}', decision_id = NULL, hold = '',
      outage = '', outage_since = NULL,
      rolled_back_at = NULL, source_stale = '', missing_image = '', missing_image_since = NULL,
      missing_image_checked_at = NULL, first_checked_at = NULL, period_images = '[]'
    WHERE name = ANY($1)
    """,
)

# The columns of a watch's configuration, each with its type and its value; claims.watch reads them back.
_CONFIGURED: Mapping[str, tuple[str, Callable[[Watch], object]]] = {
    "registry": ("text", lambda watch: watch.registry),
    "repository_host": ("text", lambda watch: watch.repository.host),
    "repository_path": ("text", lambda watch: watch.repository.path),
    "task": ("text", lambda watch: watch.task),
    "group_name": ("text", lambda watch: watch.group),
    "deploy_by": ("text", lambda watch: watch.deploy_by.value),
    "observe_only": ("boolean", lambda watch: watch.observe_only),
    "promote_after": ("float8", lambda watch: watch.promote_after),
    "revert_on_failure": ("boolean", lambda watch: watch.revert_on_failure),
}

_STORED = f"""
SELECT w.name, w.position, w.present, {", ".join(f"w.{name}" for name in _CONFIGURED)}, t.region, t.namespace, t.job_id
FROM watches w JOIN targets t USING (target_id) ORDER BY w.position, w.name
"""

# So many are read at a time: Postgres ends the transaction of a session that says nothing for a few seconds.
_AT_A_TIME = 500

_WRITE = f"""
INSERT INTO watches (name, target_id, position, {", ".join(_CONFIGURED)})
SELECT * FROM unnest($1::text[], $2::bigint[], $3::integer[],
  {", ".join(f"${number}::{kind}[]" for number, (kind, _) in enumerate(_CONFIGURED.values(), start=4))})
ON CONFLICT (name) DO UPDATE SET target_id = excluded.target_id, position = excluded.position, present = true,
  {", ".join(f"{name} = excluded.{name}" for name in _CONFIGURED)}
"""

# A rollout that was requested before the watch moved here, and is registered late, does not concern the watch.
_IGNORE_EARLIER_ROLLOUTS = """
UPDATE watches w SET expected_intent = coalesce(
  (SELECT max(intent) FROM rollouts r WHERE r.target_id = w.target_id
   AND (r.ended_at IS NOT NULL OR r.submission_index IS NOT NULL)), 0), in_flight = '[]'
WHERE name = ANY($1)
"""

_REMOVE = "UPDATE watches SET present = false WHERE name = ANY($1)"

_CONCERNED = """
SELECT DISTINCT target_id FROM watches WHERE ($2 OR target_id = ANY($1)) AND present ORDER BY target_id
"""


class PostgresWatches:
    """`WatchStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def preview(self, watches: Sequence[Watch], *, accepted_by: str = "") -> Difference:
        """What these watches would change; with `accepted_by` the next process that reads them puts them in force."""
        async with self._database.transaction() as connection:
            await _alone(connection)
            difference = compare(await _read(connection), watches)
            if accepted_by and (difference.write or difference.removed):
                await configurations.accept(connection, fingerprint(watches), by=accepted_by)
            return difference

    async def sync(self, watches: Sequence[Watch], *, at_start: bool, reading: Reading = ACCEPTED) -> Synced:
        """Compare and write under an advisory lock: processes that start together do it one after the other."""
        identity = fingerprint(watches)
        async with self._database.transaction() as connection:
            # An older configuration is tried again every few seconds, perhaps for days: it reads little and locks
            # nothing.
            early = judge(reading, await configurations.state(connection, identity), present=(), gone=())
            if isinstance(early, HoldBack) and not at_start:
                return Synced(waits=early)
            await _alone(connection)
            stored = await _read(connection)
            difference = compare(stored, watches)
            state = await configurations.state(connection, identity)
            verdict = judged(difference, stored, reading, state)
            if isinstance(verdict, HoldBack):
                return Synced(waits=verdict, due=await _made_due(connection, [], at_start=at_start))
            if state.revision is None or state.is_older or state.accepted:
                await configurations.take(connection, identity)
            touched = await _write(connection, difference)
            known = {each.watch.name for each in stored}
            new = [watch.name for watch in difference.added if watch.name not in known]
            imported = await take_over(connection, new)
            due = await _made_due(connection, [*touched, *imported], at_start=at_start)
        return Synced(
            added=tuple(watch.name for watch in difference.added),
            changed=tuple(watch.name for watch in difference.changed),
            removed=difference.removed,
            imported=len(imported),
            due=due,
        )


async def _alone(connection: Connection) -> None:
    """Wait until no other process compares or writes the watches, and keep others out until the transaction ends."""
    await connection.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}'")
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)


async def _made_due(connection: Connection, touched: Sequence[int], *, at_start: bool) -> tuple[int, ...]:
    """Make these targets due, or `at_start` all, as far as they have watches; returns them."""
    due = tuple(row["target_id"] for row in await connection.fetch(_CONCERNED, touched, at_start))
    await make_due(connection, due)
    return due


async def _write(connection: Connection, difference: Difference) -> list[int]:
    """Write the difference; returns the targets whose watches appeared or changed, and the former targets of moved
    ones."""
    if not difference.write and not difference.removed:
        return []
    places = [watch.place for _, watch in difference.write]
    columns = [[getattr(place, name) for place in places] for name in ("region", "namespace", "job_id")]
    moved = [watch.name for watch in difference.relocated]
    await connection.execute(_NEW_TARGETS, *columns)
    targets = {place(row): row["target_id"] for row in await connection.fetch(_LOCK_TARGETS, *columns, moved)}
    touched = [targets[watch.place] for watch in (*difference.added, *difference.changed)]
    if moved:
        touched += [row["target_id"] for row in await connection.fetch(_END_LEASES, moved)]
        for statement in _FORGET:
            await connection.execute(statement, moved)
    if difference.write:
        await connection.execute(_WRITE, *_columns(difference.write, targets))
    if moved:
        await connection.execute(_IGNORE_EARLIER_ROLLOUTS, moved)
    await connection.execute(_REMOVE, list(difference.removed))
    return touched


def _columns(write: Sequence[tuple[int, Watch]], targets: Mapping[JobPlace, int]) -> list[list[object]]:
    """One array for each column of `_WRITE`, in its order."""
    rows = [
        (watch.name, targets[watch.place], position, *(value(watch) for _, value in _CONFIGURED.values()))
        for position, watch in write
    ]
    return [list(column) for column in zip(*rows, strict=True)]


async def _read(connection: Connection) -> list[StoredWatch]:
    return [_stored(row) async for row in connection.cursor(_STORED, prefetch=_AT_A_TIME)]


def _stored(row: Row) -> StoredWatch:
    return StoredWatch(watch=watch_of(row, place(row)), position=row["position"], present=row["present"])
