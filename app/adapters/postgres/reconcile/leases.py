"""The lease on a target: renewed, checked before each write, and released with the time of the next reconcile."""

from app.adapters.postgres.database.pool import Connection
from app.services.reconcile.claim import Claim
from app.services.reconcile.result import Written
from app.services.reconcile.targets import LeaseLost

_RENEW = """
UPDATE targets SET lease_until = clock_timestamp() + make_interval(secs => $3)
WHERE target_id = $1 AND lease_token = $2 AND lease_until >= clock_timestamp() RETURNING 1
"""

_FENCE = """
SELECT 1 FROM targets WHERE target_id = $1 AND lease_token = $2 AND lease_until >= clock_timestamp() FOR UPDATE
"""

# The target is no longer due only if its generation did not change since this pass began. If it did, or if a wake
# arrived meanwhile, the target is due again at once.
_RELEASE = """
UPDATE targets SET lease_token = NULL, lease_until = NULL,
  due_at = CASE WHEN generation <> $3 THEN clock_timestamp()
                WHEN $4::float8 IS NULL THEN NULL
                ELSE clock_timestamp() + make_interval(secs => $4) END,
  inspect_job = CASE WHEN generation <> $3 THEN inspect_job ELSE $5 END,
  polled = polled AND (generation <> $3 OR $4::float8 IS NOT NULL AND NOT $7),
  attempts = $6, woken_at = NULL
WHERE target_id = $1 AND lease_token = $2
RETURNING CASE WHEN generation <> $3 OR EXISTS (SELECT FROM wakes WHERE wakes.target_id = targets.target_id) THEN 0.0
               ELSE $4::float8 END AS due_in
"""


async def renew(connection: Connection, claim: Claim, lease_seconds: float) -> bool:
    """Extend the lease; False when it was lost."""
    return await connection.fetchval(_RENEW, claim.target_id, claim.token, lease_seconds) is not None


async def fence(connection: Connection, claim: Claim) -> None:
    """Lock the target until the transaction ends. Raises LeaseLost."""
    if await connection.fetchval(_FENCE, claim.target_id, claim.token) is None:
        raise LeaseLost(claim.target_id)


async def release(
    connection: Connection,
    claim: Claim,
    *,
    requeue_in: float | None,
    inspect_job: bool,
    attempts: int,
    queued: bool = False,
) -> float | None:
    """Release the lease. Returns in how many seconds the target is due, None when it is not."""
    due_in: float | None = await connection.fetchval(
        _RELEASE, claim.target_id, claim.token, claim.generation, requeue_in, inspect_job, attempts, queued
    )
    return due_in


async def release_overtaken(connection: Connection, claim: Claim) -> Written:
    """Write nothing of this pass, which is void, and make the next one due now."""
    due_in = await release(connection, claim, requeue_in=0.0, inspect_job=True, attempts=claim.attempts)
    return Written(due_in=due_in, overtaken=True)
