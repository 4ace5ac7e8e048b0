"""The store of active rollouts: the lease for one short check, the time of the next check, and the end."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from app.adapters.postgres.commands.holds import make_siblings_due
from app.adapters.postgres.database import targets
from app.adapters.postgres.database.places import place
from app.adapters.postgres.database.pool import Database, Row
from app.adapters.postgres.database.stored import (
    read_changes,
    read_deployment,
    read_returning,
    read_running_since,
    write_deployment,
    write_diagnosis,
    write_returning,
    write_running_since,
)
from app.adapters.postgres.database.switches import is_paused
from app.adapters.postgres.database.targets import make_due
from app.adapters.postgres.notify.notifications import storable
from app.adapters.postgres.reconcile.slots import next_in_queue
from app.adapters.postgres.rollout import failures, requests
from app.adapters.postgres.rollout.endings import canaries_notification, end_rollout
from app.domain.deployment import Diagnosis, Snapshot
from app.domain.job import JobPatch, Submission
from app.domain.notification import begins_to_wait
from app.domain.rollout import Course, Origin, Outcome, Returning, soak_time
from app.domain.supersede import Request
from app.domain.undo import aftermath
from app.services.rollout.rollouts import CanaryCommand, Ended, LeasedRollout, Pause

_CLAIM = """
UPDATE rollouts r SET lease_token = $2, lease_until = clock_timestamp() + make_interval(secs => $3)
FROM targets t
WHERE r.rollout_id = $1 AND t.target_id = r.target_id AND r.state = 'submitted'
  AND r.follow_at <= clock_timestamp() + interval '25 milliseconds'
  AND (r.lease_until IS NULL OR r.lease_until < clock_timestamp())
RETURNING r.*, t.region, t.namespace, t.job_id, t.attempts, clock_timestamp() AS now,
  array(SELECT w.promote_after FROM rollout_watches rw JOIN watches w ON w.name = rw.watch_name
    WHERE rw.rollout_id = $1) AS promote_after,
  array(SELECT w.repository_path || ':' || coalesce(nullif(rw.tag, ''), rw.digest)
    FROM rollout_watches rw JOIN watches w ON w.name = rw.watch_name
    WHERE rw.rollout_id = $1 ORDER BY rw.watch_name) AS what
"""

# A canary command that arrived during this check makes the rollout due at once.
_WAIT = """
UPDATE rollouts r SET note = $3,
  follow_at = CASE WHEN r.canary_command = '' OR before.canary_command = r.canary_command
                   THEN clock_timestamp() + make_interval(secs => $4) ELSE clock_timestamp() END,
  progressed_at = CASE WHEN r.progress = $5 THEN r.progressed_at ELSE clock_timestamp() END, progress = $5,
  deployment = coalesce($6, r.deployment), running_since = $8, lease_token = NULL, lease_until = NULL, woken_at = NULL
FROM (SELECT deployment, $7::text AS canary_command FROM rollouts WHERE rollout_id = $1 FOR UPDATE) AS before
WHERE r.rollout_id = $1 AND r.lease_token = $2 AND r.state = 'submitted'
RETURNING before.deployment AS before, r.deployment AS after
"""

# Another command may have arrived while this one was carried out.
_CANARY_COMMAND_DONE = (
    "UPDATE rollouts SET canary_command = '' WHERE rollout_id = $1 AND lease_token = $2 AND canary_command = $3"
)

_LOCK_LEASED = "SELECT origin FROM rollouts WHERE rollout_id = $1 AND lease_token = $2 AND ended_at IS NULL FOR UPDATE"

_FOLLOW_REVERT = """
UPDATE rollouts SET reverting = $2, diagnosis = $3, deployment = '{}', progress = '', note = $4,
  progressed_at = clock_timestamp(), follow_at = clock_timestamp(), woken_at = clock_timestamp(),
  lease_token = NULL, lease_until = NULL
WHERE rollout_id = $1
"""

# The other registration has a deployment of its own, or allocations of its own version.
_FOLLOW_SUCCESSOR = """
UPDATE rollouts SET submission_index = $3, evaluation_id = $4, submission_changed = true, deployment = '{}',
  progress = '', running_since = '{}', note = $5, progressed_at = clock_timestamp(), follow_at = clock_timestamp(),
  woken_at = clock_timestamp(), lease_token = NULL, lease_until = NULL
WHERE rollout_id = $1 AND lease_token = $2 AND state = 'submitted'
"""

# Its patch stays: it is read back before anything is registered, as for an answer that was lost.
_REGISTER_AGAIN = """
UPDATE rollouts SET state = 'requested', submission_index = NULL, evaluation_id = '', submission_changed = true,
  submitted_at = NULL, deployment = '{}', progress = '', running_since = '{}', canary_command = '', note = $3,
  follow_at = NULL, lease_token = NULL, lease_until = NULL
WHERE rollout_id = $1 AND lease_token = $2 AND state = 'submitted'
RETURNING 1
"""

_TARGET_LATER = """
UPDATE targets SET attempts = attempts + 1, inspect_job = true, generation = generation + 1,
  due_at = clock_timestamp() + make_interval(secs => $2)
WHERE target_id = $1
"""

# How far it came, as the check saw it that ended it.
_LAST_SEEN = """
UPDATE rollouts SET deployment = coalesce($2, deployment), progress = $3, note = $4 WHERE rollout_id = $1
"""

_DIAGNOSED = "UPDATE rollouts SET diagnosis = $2 WHERE rollout_id = $1"

# A rollout that became due meanwhile is not changed: another worker follows it, or soon will.
_EXTEND = """
UPDATE rollouts SET follow_at = clock_timestamp() + make_interval(secs => $2)
WHERE rollout_id = ANY($1) AND state = 'submitted' AND follow_at > clock_timestamp()
  AND (lease_until IS NULL OR lease_until < clock_timestamp())
RETURNING rollout_id
"""

_WAKE = """
UPDATE rollouts SET follow_at = clock_timestamp(), woken_at = clock_timestamp()
WHERE rollout_id = $1 AND state = 'submitted' AND follow_at > clock_timestamp()
"""

MAX_NOTE = 1000


class PostgresRollouts:
    """`Rollouts` on Postgres; times and leases are the database's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, rollout_id: UUID, lease_seconds: float) -> LeasedRollout | None:
        """Take the lease in one statement."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_CLAIM, rollout_id, uuid4(), lease_seconds)
        return None if row is None else _leased(row)

    async def wait(self, rollout: LeasedRollout, pause: Pause) -> Sequence[int]:
        """Release the lease; nothing is written when it was lost."""
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(
                _WAIT,
                rollout.rollout_id,
                rollout.token,
                storable(pause.note, MAX_NOTE),
                pause.seconds,
                pause.progress,
                write_deployment(pause.deployment) if pause.deployment else None,
                rollout.canary_command.value if rollout.canary_command else "",
                write_running_since(pause.running_since),
            )
            if row is None or not begins_to_wait(read_deployment(row["before"]), read_deployment(row["after"])):
                return ()
            return await canaries_notification(connection, rollout.rollout_id, pause.note)

    async def canary_command_done(self, rollout: LeasedRollout) -> None:
        """Delete the canary command."""
        async with self._database.connection() as connection:
            canary_command = rollout.canary_command.value if rollout.canary_command else ""
            await connection.execute(_CANARY_COMMAND_DONE, rollout.rollout_id, rollout.token, canary_command)

    async def follow_revert(self, rollout: LeasedRollout, returning: Returning, diagnosis: Diagnosis) -> None:
        """Hold the digests as failed, and follow Nomad's revert from now on."""
        async with self._database.transaction() as connection:
            await targets.lock(connection, rollout.target_id)
            if await connection.fetchval(_LOCK_LEASED, rollout.rollout_id, rollout.token) is None:
                return
            await failures.hold(connection, rollout.rollout_id, returning.cause)
            await failures.rebaseline(connection, rollout.rollout_id)
            await connection.execute(
                _FOLLOW_REVERT,
                rollout.rollout_id,
                write_returning(returning),
                write_diagnosis(diagnosis),
                storable(returning.note, MAX_NOTE),
            )

    async def follow_successor(self, rollout: LeasedRollout, successor: Submission) -> None:
        """Follow somebody else's registration of our patch from now on; nothing is written when the lease was lost."""
        async with self._database.connection() as connection:
            await connection.execute(
                _FOLLOW_SUCCESSOR,
                rollout.rollout_id,
                rollout.token,
                successor.index,
                successor.evaluation_id,
                "the job was registered again with our image; that registration is followed",
            )

    async def register_again(self, rollout: LeasedRollout, *, note: str, seconds: float) -> bool:
        """In one transaction; nothing is written when the lease was lost."""
        async with self._database.transaction() as connection:
            await targets.lock(connection, rollout.target_id)
            again = await connection.fetchval(
                _REGISTER_AGAIN, rollout.rollout_id, rollout.token, storable(note, MAX_NOTE)
            )
            if again is not None:
                await connection.execute(_TARGET_LATER, rollout.target_id, seconds)
        return again is not None

    async def end(
        self,
        rollout: LeasedRollout,
        outcome: Outcome,
        snapshot: Snapshot,
        *,
        diagnosis: Diagnosis | None = None,
        undo: bool = False,
    ) -> Ended:
        """End it in one transaction with its notification and with its effects on the next decision."""
        rollout_id = rollout.rollout_id
        async with self._database.transaction() as connection:
            await targets.lock(connection, rollout.target_id)
            origin = await connection.fetchval(_LOCK_LEASED, rollout_id, rollout.token)
            if origin is None:
                return Ended()
            deployment = write_deployment(snapshot.deployment) if snapshot.deployment else None
            note = storable(snapshot.note, MAX_NOTE)
            await connection.execute(_LAST_SEEN, rollout_id, deployment, snapshot.progress, note)
            if diagnosis is not None:
                await connection.execute(_DIAGNOSED, rollout_id, write_diagnosis(diagnosis))
            failed = await failures.failed_items(connection, rollout_id) if undo else ()
            paused = undo and await is_paused(connection)
            after = aftermath(outcome, Origin(origin), failed, paused=paused)
            if after.holds:
                await failures.hold(connection, rollout_id, after.outcome.cause)
            if after.adopts:
                await failures.rebaseline(connection, rollout_id)
            forgiven = await failures.forgive(connection, rollout_id) if after.forgives else ()
            notifications = await end_rollout(connection, rollout_id, after.outcome)
            if after.undo:
                undoing = Request(origin=Origin.UNDO, items=after.undo, undoes=rollout_id)
                await requests.insert(connection, rollout.target_id, undoing, undoing.items)
            await make_due(connection, [rollout.target_id])
            woken = await next_in_queue(connection, rollout.target_id) if after.frees_slot else ()
            siblings = [each for name in forgiven for each in await make_siblings_due(connection, name)]
        due = tuple(dict.fromkeys((rollout.target_id, *woken, *siblings)))
        return Ended(notification_delivery_ids=tuple(notifications), due=due)

    async def extend(self, rollout_ids: Sequence[UUID], *, seconds: float) -> Sequence[UUID]:
        """Move their next check in one statement."""
        async with self._database.connection() as connection:
            return [row["rollout_id"] for row in await connection.fetch(_EXTEND, list(rollout_ids), seconds)]

    async def wake(self, rollout_id: UUID) -> None:
        """Make it due now."""
        async with self._database.connection() as connection:
            await connection.execute(_WAKE, rollout_id)


def _leased(row: Row) -> LeasedRollout:
    submission = Submission(
        index=row["submission_index"],
        evaluation_id=row["evaluation_id"],
        changed=row["submission_changed"],
        warnings=row["warnings"],
    )
    deployment = read_deployment(row["deployment"])
    return LeasedRollout(
        rollout_id=row["rollout_id"],
        token=row["lease_token"],
        target_id=row["target_id"],
        place=place(row),
        course=Course(
            submission=submission,
            started_at=row["submitted_at"],
            progressed_at=row["progressed_at"],
            returning=read_returning(row["reverting"]),
            promote_after=soak_time(Origin(row["origin"]), row["promote_after"]),
            running_since=read_running_since(row["running_since"]),
        ),
        progress=row["progress"],
        now=row["now"],
        deployment_id=deployment.deployment_id if deployment else "",
        canary_command=CanaryCommand(row["canary_command"]) if row["canary_command"] else None,
        patch=_patch(row),
        what=tuple(row["what"]),
        attempts=row["attempts"],
    )


def _patch(row: Row) -> JobPatch | None:
    changes = {each.key: each.change for each in read_changes(row["changes"])}
    return JobPatch(changes=changes, expected_index=row["expected_index"] or 0) if changes else None
