"""Writes the result of a reconcile for one watch: resolved tags, history, decision, and the answers to its events."""

from collections.abc import Sequence
from uuid import UUID

from app.adapters.postgres.database.pool import Connection
from app.adapters.postgres.database.stored import write_in_flight, write_running, write_specified
from app.adapters.postgres.notify.notifications import MAX_DETAIL, add_notifications, storable
from app.adapters.postgres.reconcile.answer_rows import write_answers
from app.adapters.postgres.reconcile.image_rows import write_images
from app.domain import notification
from app.domain.decision import Deploy, Hold
from app.domain.history import is_another_job
from app.domain.notification import Subject
from app.services.reconcile.claim import Claim
from app.services.reconcile.result import Launch, WatchResult

# The time at which a tag appeared is known for tags after the first listing. The target's row is locked, so the tags do
# not change meanwhile. They are compared once, and unchanged rows are not written.
_RESOLVED = """
WITH before AS MATERIALIZED (
  SELECT name, tags, tags_read_at, coalesce($2::text[] <> tags, false) AS other FROM watches WHERE name = $1),
appeared AS (
  INSERT INTO found_tags (watch_name, tag)
  SELECT name, tag FROM before, LATERAL (SELECT unnest($2) EXCEPT SELECT unnest(before.tags)) fresh (tag)
  WHERE other AND tags_read_at IS NOT NULL
  ON CONFLICT DO NOTHING),
vanished AS (
  INSERT INTO absent_tags (watch_name, tag)
  SELECT name, tag FROM before, LATERAL (SELECT unnest(before.tags) EXCEPT SELECT unnest($2)) former (tag)
  WHERE other
  ON CONFLICT DO NOTHING),
returned AS (DELETE FROM absent_tags a USING before WHERE other AND a.watch_name = name AND a.tag = ANY($2))
UPDATE watches w SET first_checked_at = coalesce(w.first_checked_at, now()),
  tags = CASE WHEN before.other THEN $2 ELSE w.tags END,
  tags_read_at = CASE WHEN $2 IS NULL THEN w.tags_read_at ELSE clock_timestamp() END,
  desired_tag = $3, desired_digest = $4, outage = '', outage_since = NULL
FROM before
WHERE w.name = before.name
  AND (before.other OR ($2 IS NOT NULL AND (w.tags_read_at IS NULL
       OR w.tags_read_at < clock_timestamp() - interval '5 minutes'))
       OR w.desired_tag <> $3 OR w.desired_digest <> $4 OR w.outage <> '' OR w.first_checked_at IS NULL)
"""

_OUTAGE = """
UPDATE watches SET outage = $2, outage_since = coalesce(outage_since, clock_timestamp()) WHERE name = $1
"""

# A rollout may have failed during this pass: changes that the pass did not know of are left for the next one. A later
# registration is not overwritten. The job's index settles the entries of `in_flight` that this pass knew.
_HISTORY = """
UPDATE watches SET specified = $2, running = $15, allocation_count = $16, job_create_index = $3, digests = $4,
  baseline_release = $5, expected = $6,
  rebaseline = rebaseline AND NOT $10,
  -- A person who changed the image in the job probably changed the source, too.
  source_stale = CASE WHEN $14 THEN '' ELSE source_stale END,
  drifted_at = $7, drift_images = $8, digest_tags = $9,
  in_flight = (SELECT coalesce(jsonb_agg(each), '[]') FROM jsonb_array_elements(in_flight) each
    WHERE NOT $12::jsonb @> jsonb_build_array(each) OR (each->>'index')::bigint = $13)
WHERE name = $1 AND expected_intent = $11 RETURNING 1
"""

_OUTSIDE = "INSERT INTO drifts (watch_name, changed_at, before, after) VALUES ($1, $2, $3, $4)"

# The job is gone, or has no such task: nothing is specified, and nothing runs. What is known of its images stays.
_NOT_SPECIFIED = """
UPDATE watches SET specified = '[]', running = '[]', allocation_count = 0
WHERE name = $1 AND (specified <> '[]' OR running <> '[]' OR allocation_count IS DISTINCT FROM 0)
"""

_JOB = """
SELECT t.job_index, t.job_create_index, w.job_create_index AS known FROM targets t, watches w
WHERE t.target_id = $1 AND w.name = $2
"""

_FORGET_FAILURES = "DELETE FROM failures WHERE watch_name = $1"

_MISSING_IMAGE = """
UPDATE watches SET missing_image = $2, missing_image_checked_at = clock_timestamp(),
  missing_image_since = CASE WHEN $2 <> '' THEN coalesce(missing_image_since, clock_timestamp()) END
WHERE name = $1
"""

_SAME_DECISION = """
UPDATE decisions SET reconciles = reconciles + 1, last_at = clock_timestamp()
WHERE decision_id = (SELECT decision_id FROM watches WHERE name = $1)
  AND ($2::text IS NULL OR (kind, reason, message, tag, digest) = ($2, $3, $4, $5, $6)
       AND rollout_id IS NOT DISTINCT FROM $7)
RETURNING decision_id
"""

# A decision to deploy is dated before its rollout, which this transaction has written already.
_NEW_DECISION = """
WITH made AS (
  INSERT INTO decisions (watch_name, kind, reason, message, tag, digest, rollout_id, first_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, CASE $2 WHEN 'deploy' THEN now() ELSE clock_timestamp() END)
  RETURNING decision_id)
UPDATE watches SET decision_id = made.decision_id, hold = CASE $2 WHEN 'deploy' THEN 'deploy' ELSE $3 END
FROM made WHERE name = $1 RETURNING made.decision_id
"""

_FIRST_DECISION = (
    "UPDATE found_digests SET decision_id = $3 WHERE watch_name = $1 AND digest = $2 AND decision_id IS NULL"
)


class RegisteredMeanwhile(Exception):
    """A worker has recorded a registration since this pass began: its result is void."""


async def write_watch(
    connection: Connection, claim: Claim, result: WatchResult, launch: Launch | None
) -> tuple[Sequence[int], bool]:
    """Write one watch's result; returns the notifications to send, and whether its decision differs from the last one.
    The caller has locked the target's row.

    Raises RegisteredMeanwhile: then nothing of this pass may be stored.
    """
    if result.outage:
        await connection.execute(_OUTAGE, result.watch, storable(result.outage, MAX_DETAIL))
        return [], False
    resolved = result.resolved
    if resolved is not None:
        tags = sorted(resolved.tags) if resolved.tags is not None else None
        await connection.execute(_RESOLVED, result.watch, tags, resolved.tag, resolved.digest)
    if result.decision is None:
        await connection.execute(_SAME_DECISION, result.watch, None, None, None, None, None, None)
        return [], False
    await _write_history(connection, claim, result)
    await write_images(connection, result)
    rollout_id = launch.rollout_id if launch and any(item.watch == result.watch for item in launch.items) else None
    decision_id, new = await _write_decision(connection, result, rollout_id)
    await write_answers(connection, result, decision_id, is_new=new)
    notifications = await _write_missing_image(connection, claim, result)
    if new and result.notify:
        held = notification.of_decision(result.watch, result.decision, _subject(claim, result))
        notifications += await add_notifications(connection, held)
    return notifications, new


async def _write_history(connection: Connection, claim: Claim, result: WatchResult) -> None:
    history = result.history
    if not result.specified:
        await connection.execute(_NOT_SPECIFIED, result.watch)
        return
    job = await connection.fetchrow(_JOB, claim.target_id, result.watch)
    create_index = job["job_create_index"]
    state = next(state for state in claim.watches if state.watch.name == result.watch)
    if is_another_job(job["known"], create_index):
        await connection.execute(_FORGET_FAILURES, result.watch)
    written = await connection.fetchval(
        _HISTORY,
        result.watch,
        write_specified(result.specified),
        create_index,
        dict(history.digests),
        history.baseline_release,
        dict(history.expected),
        result.drifted_at,
        dict(result.drift_images),
        dict(history.tags),
        state.rebaseline,
        state.expected_intent,
        write_in_flight(state.in_flight),
        job["job_index"],
        result.outside is not None,
        write_running(result.running),
        result.allocation_count,
    )
    if written is None:
        raise RegisteredMeanwhile
    if result.outside is not None:
        before = {each.task: each.before for each in result.outside.changes}
        after = {each.task: each.after for each in result.outside.changes}
        await connection.execute(_OUTSIDE, result.watch, result.outside.at, before, after)


async def _write_missing_image(connection: Connection, claim: Claim, result: WatchResult) -> list[int]:
    """Store the running digest that its registry no longer has; it is notified when this begins."""
    if result.missing_image is None:
        return []
    await connection.execute(_MISSING_IMAGE, result.watch, storable(result.missing_image, MAX_DETAIL))
    known = next(state.missing_image for state in claim.watches if state.watch.name == result.watch)
    missing = notification.of_missing_image(
        result.watch, result.missing_image, known=known, subject=_subject(claim, result)
    )
    return await add_notifications(connection, missing)


async def _write_decision(connection: Connection, result: WatchResult, rollout_id: UUID | None) -> tuple[int, bool]:
    decision = result.decision
    kind = "deploy" if isinstance(decision, Deploy) else "hold"
    reason = decision.reason.value if isinstance(decision, Hold) else "deploy"
    assert decision is not None  # the caller handles a result without one
    values = (result.watch, kind, reason, decision.message, decision.tag, decision.digest, rollout_id)
    same = await connection.fetchval(_SAME_DECISION, *values)
    if same is not None:
        return int(same), False
    decision_id = int(await connection.fetchval(_NEW_DECISION, *values))
    if decision.digest:
        await connection.execute(_FIRST_DECISION, result.watch, decision.digest, decision_id)
    return decision_id, True


def _subject(claim: Claim, result: WatchResult) -> Subject:
    return Subject(watch_names=(result.watch,), job_id=claim.place.job_id, namespace=claim.place.namespace)
