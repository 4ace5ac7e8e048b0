"""How a rollout is written down, what it leaves on its watches, and how it ends, each with its notifications."""

from collections.abc import Sequence
from uuid import UUID

from app.adapters.postgres.database.pool import Connection, Row
from app.adapters.postgres.database.rollouts import insert_rollout, label_of, write_item
from app.adapters.postgres.database.stored import StoredChange, read_diagnosis, write_changes
from app.adapters.postgres.database.switches import is_paused
from app.adapters.postgres.notify.notifications import MAX_DETAIL, add_notifications, storable
from app.domain import notification
from app.domain.job import JobPatch, SourceState, Submission
from app.domain.notification import Registered, Subject
from app.domain.rollout import Origin, Outcome, OutcomeKind, RolloutState
from app.services.reconcile.claim import Claim
from app.services.reconcile.result import Launch
from app.services.reconcile.settle import Current
from app.services.reconcile.targets import LeaseLost

_END = f"""
UPDATE rollouts SET state = 'ended', outcome = $2, reason = $3, ended_at = clock_timestamp(), follow_at = NULL,
  lease_token = NULL, lease_until = NULL
WHERE rollout_id = $1 AND ended_at IS NULL
RETURNING rollout_id, diagnosis, (SELECT job_id FROM targets t WHERE t.target_id = rollouts.target_id) AS job_id,
  (SELECT namespace FROM targets t WHERE t.target_id = rollouts.target_id) AS namespace,
  (SELECT array_agg(watch_name ORDER BY watch_name) FROM rollout_watches rw WHERE rw.rollout_id = $1) AS names,
  {label_of("$1")} AS what
"""

_WHAT = f"""
SELECT job_id, namespace,
  (SELECT array_agg(watch_name ORDER BY watch_name) FROM rollout_watches rw WHERE rw.rollout_id = $1) AS names,
  {label_of("$1")} AS what
FROM rollouts JOIN targets USING (target_id) WHERE rollout_id = $1
"""


_REUSE_ROLLOUT = """
UPDATE rollouts SET expected_index = $2, changes = $3
WHERE rollout_id = $1 AND state = 'requested' RETURNING 1
"""

# What a person asked for and this look did not find, or found running, is not part of what is registered.
_DROP_ITEMS = "DELETE FROM rollout_watches WHERE rollout_id = $1 AND watch_name <> ALL($2)"

# What our rollout wrote is from now on what we expect to find, beside what ran already in tasks that it left alone, and
# the digest that a bare tag stands for. The tag of what ran stays known: Nomad may go back to it. It never goes back to
# an older intent: the worker that registered may have been frozen, and newer rollouts recorded since.
_DEPLOYED = """
UPDATE watches w SET expected_intent = r.intent,
  expected = coalesce((SELECT jsonb_object_agg(t->>'task', t->>'identity')
              FROM jsonb_array_elements(w.running) t WHERE t ? 'identity'), '{}')
    || coalesce((SELECT jsonb_object_agg(c->>'key', c->>'identity')
              FROM jsonb_array_elements(r.changes) c WHERE c->>'watch' = w.name), '{}'),
  digests = digests || coalesce((SELECT jsonb_object_agg(c->>'identity', rw.digest)
              FROM jsonb_array_elements(r.changes) c WHERE c->>'watch' = w.name), '{}'),
  digest_tags = coalesce((SELECT jsonb_object_agg(t->>'digest', t->>'tag')
              FROM jsonb_array_elements(w.running) t WHERE t->>'tag' <> ''), '{}')
    || jsonb_build_object(rw.digest, rw.tag),
  drifted_at = NULL, drift_images = '{}', rebaseline = false
FROM rollout_watches rw JOIN rollouts r USING (rollout_id)
WHERE r.rollout_id = $1 AND rw.watch_name = w.name AND r.target_id = w.target_id AND w.expected_intent < r.intent
RETURNING w.name, rw.tag, rw.digest, rw.message, rw.digest_changed
"""

_SOURCE = "UPDATE watches SET source_stale = $2 WHERE name = ANY($1)"

_MAY_STILL_COME = """
UPDATE watches w SET in_flight = w.in_flight || (
  SELECT coalesce(jsonb_agg(jsonb_build_object('index', r.expected_index, 'key', c->>'key', 'identity', c->>'identity',
    'digest', rw.digest, 'tag', rw.tag)), '[]') FROM jsonb_array_elements(r.changes) c WHERE c->>'watch' = w.name)
FROM rollout_watches rw JOIN rollouts r USING (rollout_id)
WHERE r.rollout_id = $1 AND r.expected_index IS NOT NULL AND r.submission_index IS NULL
  AND w.name = rw.watch_name AND w.target_id = r.target_id
"""

# The registration of a patch is a fact about its rollout: recorded once, also when the lease was lost meanwhile and
# when a person's word has ended the rollout. A patch that was replaced since is not this rollout's any more.
_SUBMITTED = """
UPDATE rollouts SET submitted_at = clock_timestamp(), evaluation_id = $2, submission_index = $3,
  submission_changed = $4, warnings = $5,
  state = CASE state WHEN 'requested' THEN 'submitted' ELSE state END,
  progressed_at = clock_timestamp(),
  follow_at = CASE state WHEN 'requested' THEN clock_timestamp() END, woken_at = clock_timestamp()
WHERE rollout_id = $1 AND submission_index IS NULL AND expected_index = $6
  AND (SELECT jsonb_object_agg(c->>'key', c->>'image') FROM jsonb_array_elements(changes) c) = $7
RETURNING state = 'submitted' AS under_way
"""


async def write_launch(connection: Connection, claimed: Claim, launch: Launch) -> None:
    """Write down exactly what is about to be registered. Raises LeaseLost when the open rollout was submitted since."""
    changes = write_changes(
        StoredChange(key=key, watch=launch.task_watches[key], identity=launch.identities[key], change=change)
        for key, change in launch.patch.changes.items()
    )
    if launch.reuse:
        reused = await connection.fetchval(_REUSE_ROLLOUT, launch.rollout_id, launch.patch.expected_index, changes)
        if reused is None:
            raise LeaseLost(claimed.target_id)
        await connection.execute(_DROP_ITEMS, launch.rollout_id, [item.watch for item in launch.items])
    else:
        await insert_rollout(
            connection,
            launch.rollout_id,
            claimed.target_id,
            Origin.RULE,
            expected_index=launch.patch.expected_index,
            changes=changes,
        )
    for item in launch.items:
        await write_item(
            connection,
            launch.rollout_id,
            watch=item.watch,
            tag=item.tag,
            digest=item.digest,
            forced=item.forced,
            from_images=launch.from_images[item.watch],
            message=launch.message[item.watch],
            before=launch.before[item.watch],
            digest_changed=item.watch in launch.digest_changed,
        )


async def may_still_come(connection: Connection, rollout_id: UUID) -> None:
    """The rollout's patch is given up, and a worker may be registering it: remember what it would put into the job."""
    await connection.execute(_MAY_STILL_COME, rollout_id)


async def write_submitted(
    connection: Connection, rollout_id: UUID, patch: JobPatch, submission: Submission
) -> list[int] | None:
    """Record that Nomad has the patch: on the rollout, and on the watches that no newer rollout has written on.

    Returns the notifications; None when somebody else has recorded it, or when the rollout has another patch by now.
    """
    images = {str(key): change.image for key, change in patch.changes.items()}
    under_way = await connection.fetchval(
        _SUBMITTED,
        rollout_id,
        submission.evaluation_id,
        submission.index,
        submission.changed,
        submission.warnings,
        patch.expected_index,
        images,
    )
    if under_way is None:
        return None
    deployed: Sequence[Row] = await connection.fetch(_DEPLOYED, rollout_id)
    if submission.source is not SourceState.NONE:  # what has no source tells nothing
        note = submission.source_note if submission.source is SourceState.STALE else ""
        await connection.execute(_SOURCE, [row["name"] for row in deployed], storable(note, MAX_DETAIL))
    return await deploying_notifications(connection, rollout_id, deployed) if under_way else []


async def deploying_notifications(connection: Connection, rollout_id: UUID, found: Sequence[Row]) -> list[int]:
    """Tell that the rollout is in Nomad; `found` are its watches, from `_DEPLOYED`."""
    place = await connection.fetchrow(
        "SELECT job_id, namespace FROM targets JOIN rollouts USING (target_id) WHERE rollout_id = $1", rollout_id
    )
    registered = [
        Registered(
            watch=row["name"],
            tag=row["tag"],
            digest=row["digest"],
            reason=row["message"],
            digest_changed=row.get("digest_changed", False),
        )
        for row in found
    ]
    subject = Subject(rollout_id=rollout_id, job_id=place["job_id"], namespace=place["namespace"])
    return await add_notifications(connection, *notification.of_registration(registered, subject))


async def end_rollout(connection: Connection, rollout_id: UUID, outcome: Outcome) -> list[int]:
    """End the rollout, once, with its notification; nothing happens when it has ended already."""
    row = await connection.fetchrow(_END, rollout_id, outcome.kind.value, storable(outcome.reason, MAX_DETAIL))
    if row is None:
        return []
    ended = notification.of_outcome(
        row["what"], outcome, read_diagnosis(row["diagnosis"]), _subject(row, rollout_id=rollout_id)
    )
    return await add_notifications(connection, ended)


async def supersede(connection: Connection, rollout_id: UUID, reason: str) -> list[int]:
    """End the rollout since a person asked for another; what a worker may be registering of it may still come."""
    notifications = await end_rollout(connection, rollout_id, Outcome(kind=OutcomeKind.SUPERSEDED, reason=reason))
    await may_still_come(connection, rollout_id)
    return notifications


def _subject(row: Row, *, rollout_id: UUID) -> Subject:
    return Subject(
        watch_names=tuple(row["names"] or ()),
        rollout_id=rollout_id,
        job_id=row["job_id"],
        namespace=row["namespace"],
    )


async def canaries_notification(connection: Connection, rollout_id: UUID, note: str) -> list[int]:
    """Tell that the rollout's canaries wait for a person."""
    row = await connection.fetchrow(_WHAT, rollout_id)
    waiting = notification.of_waiting_canaries(row["what"], note, _subject(row, rollout_id=rollout_id))
    return await add_notifications(connection, waiting)


async def current(connection: Connection, target_id: int) -> Current:
    """What is stored of the target's rollout, its watches and the switch. The target's row is locked by the caller."""
    rollout = await connection.fetchrow(
        "SELECT rollout_id, state FROM rollouts WHERE target_id = $1 AND ended_at IS NULL", target_id
    )
    message = await connection.fetch("SELECT name, commanded_at FROM watches WHERE target_id = $1", target_id)
    return Current(
        rollout=(rollout["rollout_id"], rollout["state"] == RolloutState.SUBMITTED.value) if rollout else None,
        paused=await is_paused(connection),
        commanded_at={row["name"]: row["commanded_at"] for row in message},
    )
