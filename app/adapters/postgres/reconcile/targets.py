"""The store of reconciles: the lease on a target, and all results of a pass. The lease fences every write."""

from collections.abc import Sequence
from uuid import UUID

from app.adapters.postgres.database import targets
from app.adapters.postgres.database.pool import Connection, Database
from app.adapters.postgres.database.targets import make_due
from app.adapters.postgres.reconcile import claim_rows, leases, slots, target_rows
from app.adapters.postgres.reconcile.watch_rows import RegisteredMeanwhile, write_watch
from app.adapters.postgres.rollout import endings, launches, registrations
from app.domain.job import JobPatch, Submission
from app.domain.rollout import Outcome
from app.services.reconcile.claim import Claim
from app.services.reconcile.result import ResolvedTag, Result, Written
from app.services.reconcile.settle import overtaken, settlement
from app.services.reconcile.targets import LeaseLost

# Fenced too: a digest that is first found after a drift lets the rule deploy over that drift.
_FOUND_DIGEST = """
WITH lease AS (
  SELECT FROM targets WHERE target_id = $5 AND lease_token = $6 AND lease_until >= clock_timestamp() FOR KEY SHARE),
found AS (
  INSERT INTO found_digests (watch_name, digest, tag, found_by) SELECT $1, $2, $3, $4 FROM lease
  ON CONFLICT DO NOTHING RETURNING 1)
SELECT EXISTS (SELECT FROM lease) AS held, EXISTS (SELECT FROM found) AS new
"""


class PostgresTargets:
    """`Targets` on Postgres; times and leases are the database's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, target_id: int, lease_seconds: float) -> Claim | None:
        """Take the lease in one statement, then read the state of the target."""
        async with self._database.connection() as connection:
            return await claim_rows.take(connection, target_id, lease_seconds)

    async def renew(self, claim: Claim, lease_seconds: float) -> bool:
        """Extend the lease; False when it was lost."""
        async with self._database.connection() as connection:
            return await leases.renew(connection, claim, lease_seconds)

    async def record_resolved(self, claim: Claim, watch: str, resolved: ResolvedTag) -> bool:
        """Record a digest that the rule desires; True the first time."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                _FOUND_DIGEST, watch, resolved.digest, resolved.tag, resolved.found_by, claim.target_id, claim.token
            )
        if not row["held"]:
            raise LeaseLost(claim.target_id)
        return bool(row["new"])

    async def settle(self, claim: Claim, result: Result) -> Written:
        """Write the result in one transaction. With a launch the lease stays, and the target stays due."""
        try:
            return await self._settle(claim, result)
        except RegisteredMeanwhile:
            async with self._database.transaction() as connection:
                await leases.fence(connection, claim)
                return await leases.release_overtaken(connection, claim)

    async def _settle(self, claim: Claim, result: Result) -> Written:
        notifications: list[int] = []
        decided: list[str] = []
        async with self._database.transaction() as connection:
            await leases.fence(connection, claim)
            if await _is_void(connection, claim, result):
                return await leases.release_overtaken(connection, claim)
            settled = settlement(claim, result)
            if result.job_read:
                await target_rows.write_job(connection, claim, result)
            if claim.rollout is not None and settled.abandons_patch:
                await launches.keep_in_flight(connection, claim.rollout.rollout_id)
            if result.ended is not None and claim.rollout is not None:
                notifications += await endings.end_rollout(connection, claim.rollout.rollout_id, result.ended)
            if result.launch is not None:
                await launches.write_launch(connection, claim, result.launch)
            elif claim.rollout is not None and settled.clears_patch:
                await launches.withdraw(connection, claim.rollout.rollout_id)
            for watch in result.watches:
                to_send, new = await write_watch(connection, claim, watch, result.launch)
                notifications += to_send
                decided += [watch.watch] if new else []
            if result.poll_in is not None:
                await target_rows.poll_later(connection, claim.target_id, result.poll_in)
            await slots.write_queue(connection, claim, result)
            if result.launch is not None:
                return Written(notification_delivery_ids=tuple(notifications), decided=frozenset(decided))
            await target_rows.clear_outage(connection, claim.target_id)
            due_in = await leases.release(
                connection,
                claim,
                requeue_in=result.requeue_in,
                inspect_job=settled.inspect_job,
                attempts=result.attempts,
                queued=settled.queued,
            )
            woken = await slots.next_in_queue(connection, claim.target_id) if settled.wakes_next else ()
        return Written(
            due_in=due_in,
            notification_delivery_ids=tuple(notifications),
            woken=tuple(woken),
            decided=frozenset(decided),
        )

    async def submitted(self, claim: Claim, rollout_id: UUID, patch: JobPatch, submission: Submission) -> Written:
        """Record the registration, a fact, even when the lease was lost; everything else only with the lease."""
        due_in: float | None = None
        async with self._database.transaction() as connection:
            held = await targets.lock_with(connection, claim.target_id, claim.token)
            notifications = await registrations.write_submitted(connection, rollout_id, patch, submission)
            await target_rows.write_registered(connection, claim.target_id, submission.index)
            if held:
                await target_rows.clear_outage(connection, claim.target_id)
                # Whether Nomad really has it shows while it is followed: until then it counts as one more attempt.
                attempts = claim.attempts
                due_in = await leases.release(connection, claim, requeue_in=None, inspect_job=False, attempts=attempts)
            elif notifications is not None:  # others decided meanwhile without knowing of it
                await make_due(connection, [claim.target_id])
                due_in = 0.0
        return Written(due_in=due_in, notification_delivery_ids=tuple(notifications or ()))

    async def requeue(
        self, claim: Claim, *, seconds: float, outage: str | None, is_ours: bool = False, refused: bool = False
    ) -> Written:
        """Reconcile again later. An outage is notified once until it ends, even if its message changes."""
        notifications: list[int] = []
        woken: Sequence[int] = ()
        async with self._database.transaction() as connection:
            await leases.fence(connection, claim)
            if outage == "":
                await target_rows.clear_outage(connection, claim.target_id)
            elif outage is not None:
                notifications += await target_rows.write_outage(connection, claim, outage, is_ours=is_ours)
            due_in = await leases.release(
                connection, claim, requeue_in=seconds, inspect_job=True, attempts=claim.attempts + 1
            )
            if refused:
                await slots.leave_queue(connection, claim.target_id)
                woken = await slots.next_in_queue(connection, claim.target_id)
        return Written(due_in=due_in, notification_delivery_ids=tuple(notifications), woken=tuple(woken))

    async def withdraw(self, claim: Claim, rollout_id: UUID) -> None:
        """Delete the patch that Nomad refused."""
        async with self._database.transaction() as connection:
            await leases.fence(connection, claim)
            await _keep_in_flight(connection, claim)
            await launches.withdraw(connection, rollout_id)

    async def refuse(self, claim: Claim, rollout_id: UUID, outcome: Outcome) -> Written:
        """End a rollout that Nomad refuses."""
        async with self._database.transaction() as connection:
            await leases.fence(connection, claim)
            notifications = await endings.end_rollout(connection, rollout_id, outcome)
            await _keep_in_flight(connection, claim)
            due_in = await leases.release(connection, claim, requeue_in=0.0, inspect_job=True, attempts=0)
            woken = await slots.next_in_queue(connection, claim.target_id)
        return Written(due_in=due_in, notification_delivery_ids=tuple(notifications), woken=tuple(woken))


async def _is_void(connection: Connection, claim: Claim, result: Result) -> bool:
    """Whether commands, or rollouts of other targets, overtook this pass."""
    if (result.launch or result.ended) and overtaken(claim, await target_rows.current(connection, claim.target_id)):
        return True
    return await slots.changed_meanwhile(connection, claim, result)


async def _keep_in_flight(connection: Connection, claim: Claim) -> None:
    """Nomad refused our registration of this patch; another worker's may have been in flight when this pass began."""
    if claim.rollout is not None and claim.rollout.patch is not None:
        await launches.keep_in_flight(connection, claim.rollout.rollout_id)
