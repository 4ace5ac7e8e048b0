"""The slots for rollouts: the exact limit at a launch, and the next target of the queue when a rollout has ended.

The advisory lock is taken last, after the target's row, and held until the transaction ends: exclusively to count the
active rollouts, shared to free a slot. So no target starts to wait while a slot becomes free.
"""

from collections.abc import Sequence

from app.adapters.postgres.database.pool import Connection
from app.services.reconcile.claim import Claim
from app.services.reconcile.fleet import is_bound, no_longer_holds
from app.services.reconcile.result import Result

LOCK = int.from_bytes(b"rollouts")  # the key of the advisory lock; any constant works

_ACTIVE = """
SELECT count(*) FROM rollouts WHERE target_id <> $1 AND ended_at IS NULL AND expected_index IS NOT NULL
"""

_FAILED_MEANWHILE = """
SELECT EXISTS (
  SELECT FROM failures f JOIN watches o ON o.name = f.watch_name JOIN watches w USING (repository_path)
  WHERE w.target_id = $1 AND w.present AND o.present AND o.target_id <> $1 AND o.repository_host = w.repository_host
    AND f.digest = ANY($2) AND f.released_at IS NULL AND f.failed_at >= $3)
"""

_QUEUE = """
UPDATE targets SET queued_since = CASE WHEN $2 THEN coalesce(queued_since, clock_timestamp()) END,
  queued_last = $3
WHERE target_id = $1 AND (queued_since IS NOT NULL OR $2)
"""

# A target that is due is reconciled anyway, and one that is `queued_last` would not use the slot.
_NEXT = """
UPDATE targets SET generation = generation + 1, inspect_job = true, due_at = clock_timestamp(),
  woken_at = clock_timestamp()
WHERE target_id = (
  SELECT target_id FROM targets t
  WHERE queued_since IS NOT NULL AND NOT queued_last AND target_id <> $1
    AND (due_at IS NULL OR due_at > clock_timestamp())
    AND NOT EXISTS (SELECT FROM wakes WHERE wakes.target_id = t.target_id)
    AND EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND w.present)
  ORDER BY queued_since LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING target_id
"""


async def changed_meanwhile(connection: Connection, claim: Claim, result: Result) -> bool:
    """Whether rollouts of other targets since this pass began forbid the launch, or end the wait."""
    bounds, launch = result.bounds, result.launch
    if bounds is None or not is_bound(result):
        return False
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    active = await connection.fetchval(_ACTIVE, claim.target_id)
    digests = [item.digest for item in launch.items] if launch is not None and bounds.heeds_failures else []
    failed = bool(digests) and await connection.fetchval(_FAILED_MEANWHILE, claim.target_id, digests, claim.now)
    return no_longer_holds(bounds, launches=launch is not None, active=active, failed=failed)


async def write_queue(connection: Connection, claim: Claim, result: Result) -> None:
    """Record since when the target waits for a slot, or that it no longer waits."""
    if result.queued is not None:
        await connection.execute(_QUEUE, claim.target_id, result.queued, result.queued and result.queued_last)


async def leave_queue(connection: Connection, target_id: int) -> None:
    """The target cannot launch for another reason: after that it joins the queue at its end."""
    await connection.execute(_QUEUE, target_id, False, False)


async def next_in_queue(connection: Connection, target_id: int) -> Sequence[int]:
    """Make the longest waiting target due, except `target_id`, which ended its rollout or starts none."""
    await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", LOCK)
    return [row["target_id"] for row in await connection.fetch(_NEXT, target_id)]
