"""The store of looks: the lease on a target, and everything that a look finds. The lease fences every write."""

from collections.abc import Sequence
from uuid import UUID

from app.adapters.postgres.database import targets
from app.adapters.postgres.database.pool import Connection, Database
from app.adapters.postgres.database.targets import make_due
from app.adapters.postgres.notify.notifications import MAX_DETAIL, add_notifications, storable
from app.adapters.postgres.reconcile import claims, slots
from app.adapters.postgres.reconcile.watch_rows import RegisteredMeanwhile, write_watch
from app.adapters.postgres.rollout import rollout_rows as rows
from app.domain.job import JobPatch, Submission
from app.domain.notification import Subject, of_outage
from app.domain.rollout import Outcome
from app.services.reconcile.claim import Claim
from app.services.reconcile.result import ResolvedTag, Result, Written
from app.services.reconcile.settle import overtaken, settlement
from app.services.reconcile.targets import LeaseLost

_RENEW = """
UPDATE targets SET lease_until = clock_timestamp() + make_interval(secs => $3)
WHERE target_id = $1 AND lease_token = $2 AND lease_until >= clock_timestamp() RETURNING 1
"""

_FENCE = """
SELECT 1 FROM targets WHERE target_id = $1 AND lease_token = $2 AND lease_until >= clock_timestamp() FOR UPDATE
"""

# Fenced too: a digest that is seen for the first time after a change by hand lets the rule go on over that change.
_SIGHT = """
WITH lease AS (
  SELECT FROM targets WHERE target_id = $5 AND lease_token = $6 AND lease_until >= clock_timestamp() FOR KEY SHARE),
sighted AS (
  INSERT INTO found_digests (watch_name, digest, tag, found_by) SELECT $1, $2, $3, $4 FROM lease
  ON CONFLICT DO NOTHING RETURNING 1)
SELECT EXISTS (SELECT FROM lease) AS held, EXISTS (SELECT FROM sighted) AS new
"""

# The mark is cleared only if it has not moved since the look began; else, and when a wake came meanwhile, the target is
# due again at once.
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

# A patch that was refused, or read back and not found, takes no place among the rollouts under way.
_WITHDRAW = """
UPDATE rollouts SET expected_index = NULL, changes = '[]' WHERE rollout_id = $1 AND state = 'requested'
"""

_JOB_READ = """
UPDATE targets SET job_index = $2, job_create_index = $3, job_version = $4, job_read_at = clock_timestamp(),
  foreign_since = CASE WHEN foreign_progress = $5 THEN foreign_since ELSE clock_timestamp() END,
  foreign_progress = $5
WHERE target_id = $1
"""

_TARGET_OUTAGE = """
UPDATE targets SET outage = $2,
  outage_since = CASE WHEN $2 = '' THEN NULL WHEN outage = '' THEN clock_timestamp() ELSE outage_since END
WHERE target_id = $1 AND outage <> $2
"""

# For as long as it lasts, whoever reconciles in between: what was told of it since it began.
_OUTAGE = """
UPDATE targets t SET outage = $2, outage_since = coalesce(outage_since, clock_timestamp()) WHERE target_id = $1
RETURNING extract(epoch FROM clock_timestamp() - outage_since)::float8 AS lasted, EXISTS (
  SELECT FROM notifications n WHERE n.kind = 'outage' AND n.job_id = t.job_id AND n.namespace = t.namespace
    AND n.created_at >= t.outage_since) AS told
"""

_POLL_LATER = """
UPDATE targets SET poll_at = greatest(poll_at, clock_timestamp() + make_interval(secs => $2)) WHERE target_id = $1
"""


class PostgresTargets:
    """`Looks` on Postgres; times and leases are the database's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, target_id: int, lease_seconds: float) -> Claim | None:
        """Take the lease in one statement, then read what the look weighs."""
        async with self._database.connection() as connection:
            return await claims.take(connection, target_id, lease_seconds)

    async def renew(self, claim: Claim, lease_seconds: float) -> bool:
        """Prolong the lease; False when it was lost."""
        async with self._database.connection() as connection:
            found = await connection.fetchval(_RENEW, claim.target_id, claim.token, lease_seconds)
        return found is not None

    async def record_resolved(self, claim: Claim, watch: str, resolved: ResolvedTag) -> bool:
        """Record a digest that the rule desires; True the first time."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                _SIGHT, watch, resolved.digest, resolved.tag, resolved.found_by, claim.target_id, claim.token
            )
        if not row["held"]:
            raise LeaseLost(claim.target_id)
        return bool(row["new"])

    async def settle(self, claim: Claim, result: Result) -> Written:
        """Write the look in one transaction; with a launch the lease stays, and so does the mark."""
        try:
            return await self._settle(claim, result)
        except RegisteredMeanwhile:
            async with self._database.transaction() as connection:
                await _fence(connection, claim)
                return await _overtaken(connection, claim)

    async def _settle(self, claim: Claim, result: Result) -> Written:
        notifications: list[int] = []
        async with self._database.transaction() as connection:
            await _fence(connection, claim)
            if (
                (result.launch or result.ended) and overtaken(claim, await rows.current(connection, claim.target_id))
            ) or await slots.changed_meanwhile(connection, claim, result):
                return await _overtaken(connection, claim)
            settled = settlement(claim, result)
            if result.job_read:
                await _write_job(connection, claim, result)
            if claim.rollout is not None and settled.abandons_patch:
                await rows.may_still_come(connection, claim.rollout.rollout_id)
            if result.ended is not None and claim.rollout is not None:
                notifications += await rows.end_rollout(connection, claim.rollout.rollout_id, result.ended)
            if result.launch is not None:
                await rows.write_launch(connection, claim, result.launch)
            elif claim.rollout is not None and settled.clears_patch:
                await connection.execute(_WITHDRAW, claim.rollout.rollout_id)
            for watch in result.watches:
                notifications += await write_watch(connection, claim, watch, result.launch)
            if result.poll_in is not None:
                await connection.execute(_POLL_LATER, claim.target_id, result.poll_in)
            await slots.write_queue(connection, claim, result)
            if result.launch is not None:
                return Written(notification_delivery_ids=tuple(notifications))
            await connection.execute(_TARGET_OUTAGE, claim.target_id, "")
            due_in = await _release(
                connection,
                claim,
                requeue_in=result.requeue_in,
                inspect_job=settled.inspect_job,
                attempts=result.attempts,
                queued=settled.queued,
            )
            woken = await slots.next_in_queue(connection, claim.target_id) if settled.wakes_next else ()
        return Written(due_in=due_in, notification_delivery_ids=tuple(notifications), woken=tuple(woken))

    async def submitted(self, claim: Claim, rollout_id: UUID, patch: JobPatch, submission: Submission) -> Written:
        """Record the registration, a fact, even when the lease was lost; everything else only with the lease."""
        due_in: float | None = None
        async with self._database.transaction() as connection:
            held = await targets.lock_with(connection, claim.target_id, claim.token)
            notifications = await rows.write_submitted(connection, rollout_id, patch, submission)
            if held:
                await connection.execute(_TARGET_OUTAGE, claim.target_id, "")
                due_in = await _release(connection, claim, requeue_in=None, inspect_job=False, attempts=0)
            elif notifications is not None:  # what others decided meanwhile did not know of it
                await make_due(connection, [claim.target_id])
                due_in = 0.0
        return Written(due_in=due_in, notification_delivery_ids=tuple(notifications or ()))

    async def requeue(self, claim: Claim, *, seconds: float, outage: str, refused: bool = False) -> Written:
        """Look again later; the trouble is told once, however its words change, until it has passed."""
        notifications: list[int] = []
        woken: Sequence[int] = ()
        async with self._database.transaction() as connection:
            await _fence(connection, claim)
            if not outage:
                await connection.execute(_TARGET_OUTAGE, claim.target_id, "")
            else:
                notifications += await _outage(connection, claim, outage)
            due_in = await _release(
                connection, claim, requeue_in=seconds, inspect_job=True, attempts=claim.attempts + 1
            )
            if refused:
                await slots.leave_queue(connection, claim.target_id)
                woken = await slots.next_in_queue(connection, claim.target_id)
        return Written(due_in=due_in, notification_delivery_ids=tuple(notifications), woken=tuple(woken))

    async def withdraw(self, claim: Claim, rollout_id: UUID) -> None:
        """Forget the patch that Nomad refused."""
        async with self._database.transaction() as connection:
            await _fence(connection, claim)
            await _give_up_if_in_flight(connection, claim)
            await connection.execute(_WITHDRAW, rollout_id)

    async def refuse(self, claim: Claim, rollout_id: UUID, outcome: Outcome) -> Written:
        """End a rollout that Nomad refuses."""
        async with self._database.transaction() as connection:
            await _fence(connection, claim)
            notifications = await rows.end_rollout(connection, rollout_id, outcome)
            await _give_up_if_in_flight(connection, claim)
            due_in = await _release(connection, claim, requeue_in=0.0, inspect_job=True, attempts=0)
            woken = await slots.next_in_queue(connection, claim.target_id)
        return Written(due_in=due_in, notification_delivery_ids=tuple(notifications), woken=tuple(woken))


async def _give_up_if_in_flight(connection: Connection, claim: Claim) -> None:
    """Nomad refused this patch to us; another worker's registration of it was not answered yet when the look began."""
    if claim.rollout is not None and claim.rollout.patch is not None:
        await rows.may_still_come(connection, claim.rollout.rollout_id)


async def _outage(connection: Connection, claim: Claim, problem: str) -> Sequence[int]:
    """Keep what the target is not reconciled for; returns the notifications to send."""
    row = await connection.fetchrow(_OUTAGE, claim.target_id, storable(problem, MAX_DETAIL))
    subject = Subject(
        watch_names=tuple(state.watch.name for state in claim.watches),
        job_id=claim.place.job_id,
        namespace=claim.place.namespace,
    )
    outage = of_outage(str(claim.place), problem, lasted=row["lasted"], notified=row["told"], subject=subject)
    return await add_notifications(connection, outage)


async def _fence(connection: Connection, claim: Claim) -> None:
    if await connection.fetchval(_FENCE, claim.target_id, claim.token) is None:
        raise LeaseLost(claim.target_id)


async def _overtaken(connection: Connection, claim: Claim) -> Written:
    """Write nothing of the look, which is void, but that the next one is due now."""
    due_in = await _release(connection, claim, requeue_in=0.0, inspect_job=True, attempts=claim.attempts)
    return Written(due_in=due_in, overtaken=True)


async def _release(
    connection: Connection,
    claim: Claim,
    *,
    requeue_in: float | None,
    inspect_job: bool,
    attempts: int,
    queued: bool = False,
) -> float | None:
    due_in: float | None = await connection.fetchval(
        _RELEASE, claim.target_id, claim.token, claim.generation, requeue_in, inspect_job, attempts, queued
    )
    return due_in


async def _write_job(connection: Connection, claim: Claim, result: Result) -> None:
    job = result.job
    await connection.execute(
        _JOB_READ,
        claim.target_id,
        job.index if job else 0,
        job.create_index if job else 0,
        job.version if job else 0,
        result.foreign_progress,
    )
