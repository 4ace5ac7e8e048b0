"""The columns of a target that a reconcile writes: the job as it was read, an outage, the time of the next poll."""

from collections.abc import Sequence

from app.adapters.postgres.database import following
from app.adapters.postgres.database.pool import Connection
from app.adapters.postgres.database.switches import is_paused
from app.adapters.postgres.notify.notifications import MAX_DETAIL, add_notifications, storable
from app.domain.notification import Subject, of_outage
from app.domain.rollout import RolloutState
from app.services.reconcile.claim import Claim
from app.services.reconcile.result import Result
from app.services.reconcile.settle import Current

_JOB_READ = """
UPDATE targets SET job_index = $2, job_create_index = $3, job_read_at = clock_timestamp(),
  foreign_since = CASE WHEN foreign_progress = $4 THEN foreign_since ELSE clock_timestamp() END,
  foreign_progress = $4
WHERE target_id = $1
"""

_REGISTERED = "UPDATE targets SET job_index = greatest(job_index, $2) WHERE target_id = $1"

# Nomad answered, which ends an outage that no follower is left to end. A living one decides by itself: it may be cut
# off from Nomad where this worker is not, and would only begin the outage again. Its locks are not waited for.
_END_NOMAD_OUTAGE = f"""
UPDATE namespaces SET outage = '', outage_since = NULL, outage_notified = false
WHERE (region, namespace) IN (
  SELECT f.region, f.namespace FROM namespaces f JOIN targets t USING (region, namespace)
  WHERE t.target_id = $1 AND {following.NOMAD_OUTAGE} AND {following.FOLLOWER_IS_GONE}
  FOR UPDATE OF f SKIP LOCKED)
"""

_CLEAR_OUTAGE = "UPDATE targets SET outage = '', outage_since = NULL WHERE target_id = $1 AND outage <> ''"

# `notified`: whether there was a notification since the outage began, whichever worker reconciled the target.
_OUTAGE = """
UPDATE targets t SET outage = $2, outage_is_ours = $3, outage_since = coalesce(outage_since, clock_timestamp())
WHERE target_id = $1
RETURNING extract(epoch FROM clock_timestamp() - outage_since)::float8 AS lasted, EXISTS (
  SELECT FROM notifications n WHERE n.kind = 'outage' AND n.job_id = t.job_id AND n.namespace = t.namespace
    AND n.created_at >= t.outage_since) AS notified
"""

_POLL_LATER = """
UPDATE targets SET poll_at = greatest(poll_at, clock_timestamp() + make_interval(secs => $2)) WHERE target_id = $1
"""

_ACTIVE = "SELECT rollout_id, state FROM rollouts WHERE target_id = $1 AND ended_at IS NULL"

_COMMANDED = "SELECT name, commanded_at FROM watches WHERE target_id = $1"


async def write_job(connection: Connection, claim: Claim, result: Result) -> None:
    """Write the indexes of the job that this pass read, 0 for a job that does not exist, and that Nomad answered."""
    job = result.job
    await connection.execute(
        _JOB_READ,
        claim.target_id,
        job.index if job else 0,
        job.create_index if job else 0,
        result.foreign_progress,
    )
    if claim.nomad_outage:
        await connection.execute(_END_NOMAD_OUTAGE, claim.target_id)


async def write_registered(connection: Connection, target_id: int, index: int) -> None:
    """Write that the job has this index now, by our registration."""
    await connection.execute(_REGISTERED, target_id, index)


async def write_outage(connection: Connection, claim: Claim, problem: str, *, is_ours: bool) -> Sequence[int]:
    """Write why the target cannot be reconciled; returns the notifications to send."""
    row = await connection.fetchrow(_OUTAGE, claim.target_id, storable(problem, MAX_DETAIL), is_ours)
    subject = Subject(
        watch_names=tuple(state.watch.name for state in claim.watches),
        job_id=claim.place.job_id,
        namespace=claim.place.namespace,
    )
    outage = of_outage(str(claim.place), problem, lasted=row["lasted"], notified=row["notified"], subject=subject)
    return await add_notifications(connection, outage)


async def clear_outage(connection: Connection, target_id: int) -> None:
    """The target was reconciled: its outage is over."""
    await connection.execute(_CLEAR_OUTAGE, target_id)


async def poll_later(connection: Connection, target_id: int, seconds: float) -> None:
    """Poll the target no earlier than in `seconds`."""
    await connection.execute(_POLL_LATER, target_id, seconds)


async def current(connection: Connection, target_id: int) -> Current:
    """The stored state of the target's rollout, its watches and the switch. The caller has locked the target's row."""
    rollout = await connection.fetchrow(_ACTIVE, target_id)
    watches = await connection.fetch(_COMMANDED, target_id)
    return Current(
        rollout=(rollout["rollout_id"], rollout["state"] == RolloutState.SUBMITTED.value) if rollout else None,
        paused=await is_paused(connection),
        commanded_at={row["name"]: row["commanded_at"] for row in watches},
    )
