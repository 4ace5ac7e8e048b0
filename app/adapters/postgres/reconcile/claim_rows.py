"""Takes the lease on a target, and translates rows to the state that a reconcile starts with."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from app.adapters.postgres.database import following
from app.adapters.postgres.database.places import place
from app.adapters.postgres.database.pool import Connection, Row
from app.adapters.postgres.database.stored import (
    read_changes,
    read_deployment,
    read_images,
    read_in_flight,
    read_specified,
)
from app.domain.event import EventAction
from app.domain.history import History
from app.domain.job import JobPatch
from app.domain.reasons import Commanded, StandingCommands
from app.domain.reference import Repository
from app.domain.rollout import Origin, RolloutState
from app.domain.rule import Rule
from app.domain.watch import DeployBy, JobPlace, Watch
from app.services.reconcile.claim import Claim, LaunchItem, OpenEvent, OpenRollout, WatchState

# The wakes of the snapshot that made the target due are deleted; later ones stay. A worker that dies with the lease
# leaves the target due. A wake resets the backoff: otherwise a busy repository would wait longest after an outage of
# Nomad.
_CLAIM = f"""
WITH woken AS (SELECT EXISTS (SELECT FROM wakes WHERE target_id = $1) AS now),
claimed AS (
  UPDATE targets t SET lease_token = $2, lease_until = clock_timestamp() + make_interval(secs => $3),
    inspect_job = t.inspect_job OR woken.now, attempts = CASE WHEN woken.now THEN 0 ELSE t.attempts END,
    due_at = CASE WHEN woken.now THEN least(t.due_at, clock_timestamp()) ELSE t.due_at END
  FROM woken
  WHERE t.target_id = $1 AND (woken.now OR t.due_at <= clock_timestamp() + interval '25 milliseconds')
    AND (t.lease_until IS NULL OR t.lease_until < clock_timestamp())
  RETURNING t.*),
taken AS (DELETE FROM wakes USING claimed WHERE wakes.target_id = claimed.target_id)
SELECT *, clock_timestamp() AS now,
  (SELECT coalesce(max(submission_index), 0) FROM rollouts r
   WHERE r.target_id = $1 AND r.outcome = 'stalled') AS stalled_index,
  (SELECT count(*) FROM rollouts r
   WHERE r.target_id <> $1 AND r.ended_at IS NULL AND r.expected_index IS NOT NULL) AS others_active,
  (SELECT count(*) FROM (
    (SELECT target_id FROM targets t WHERE t.target_id <> $1 AND t.due_at <= clock_timestamp()
     AND NOT t.queued_last AND EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND w.present) LIMIT 10)
    UNION
    (SELECT target_id FROM wakes JOIN targets t USING (target_id) WHERE t.target_id <> $1
     AND NOT t.queued_last AND EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND w.present) LIMIT 10)
    LIMIT 10) due) AS others_due,
  f.follows_job, f.nomad_outage
FROM claimed CROSS JOIN (
  SELECT paused, changed_by AS paused_by, changed_at AS paused_at, reason AS paused_reason FROM switches) switch
LEFT JOIN LATERAL (
  SELECT {following.FOLLOWS_JOB} AS follows_job, {following.NOMAD_OUTAGE} AS nomad_outage FROM namespaces f
  WHERE (f.region, f.namespace) = (claimed.region, claimed.namespace)) f ON true
"""

_WATCHES = """
SELECT w.*,
  (SELECT coalesce(array_agg(digest), '{}') FROM failures f
   WHERE f.watch_name = w.name AND released_at IS NULL) AS failed,
  (SELECT coalesce(jsonb_object_agg(digest, cause), '{}') FROM failures f
   WHERE f.watch_name = w.name AND released_at IS NULL) AS failure_causes,
  (SELECT coalesce(array_agg(digest), '{}') FROM failures f
   WHERE f.watch_name = w.name AND released_at IS NOT NULL) AS released,
  (SELECT CASE WHEN r.outcome = 'stalled' AND r.deployment->>'phase' = 'failed' THEN rw.digest ELSE '' END
   FROM rollout_watches rw JOIN rollouts r USING (rollout_id)
   WHERE rw.watch_name = w.name ORDER BY rw.requested_at DESC LIMIT 1) AS not_placed,
  (SELECT coalesce(jsonb_object_agg(f.digest, t.job_id), '{}')
   FROM watches o JOIN failures f ON f.watch_name = o.name JOIN targets t USING (target_id)
   WHERE o.repository_path = w.repository_path AND o.repository_host = w.repository_host
     AND o.target_id <> w.target_id AND o.present AND f.released_at IS NULL) AS failed_elsewhere,
  (SELECT max(first_found_at) FROM found_digests s WHERE s.watch_name = w.name) AS newest_found_at
FROM watches w WHERE target_id = $1 AND present ORDER BY position
"""

_OPEN_EVENTS = """
SELECT ew.event_id, ew.watch_name, ew.attempts, ew.before_digest, e.action, e.tag, coalesce(e.digest, '') AS digest,
  extract(epoch FROM clock_timestamp() - d.received_at)::float8 AS age
FROM event_watches ew JOIN events e USING (event_id) JOIN deliveries d USING (delivery_id)
WHERE ew.settled_at IS NULL AND ew.watch_name = ANY($1) ORDER BY ew.event_id DESC LIMIT 2000
"""

_OPEN_ROLLOUT = """
SELECT r.*, (SELECT coalesce(jsonb_agg(jsonb_build_object(
    'watch', rw.watch_name, 'tag', rw.tag, 'digest', rw.digest, 'forced', rw.forced,
    'former', coalesce(undone.from_images, '{}')) ORDER BY rw.watch_name), '[]')
  FROM rollout_watches rw
  LEFT JOIN rollout_watches undone ON undone.rollout_id = r.undoes AND undone.watch_name = rw.watch_name
    AND undone.from_digest = rw.digest
  WHERE rw.rollout_id = r.rollout_id) AS items
FROM rollouts r WHERE target_id = $1 AND ended_at IS NULL
"""


async def take(connection: Connection, target_id: int, lease_seconds: float) -> Claim | None:
    """Take the lease in one statement, then read the target's state; None when it is not due, or leased."""
    token = uuid4()
    target = await connection.fetchrow(_CLAIM, target_id, token, lease_seconds)
    if target is None:
        return None
    watches = await connection.fetch(_WATCHES, target_id)
    events = await connection.fetch(_OPEN_EVENTS, [row["name"] for row in watches])
    rollout = await connection.fetchrow(_OPEN_ROLLOUT, target_id)
    return _claim(target, token, watches=watches, events=events, rollout=rollout)


def _claim(target: Row, token: UUID, *, watches: Sequence[Row], events: Sequence[Row], rollout: Row | None) -> Claim:
    return Claim(
        target_id=target["target_id"],
        token=token,
        place=place(target),
        generation=target["generation"],
        now=target["now"],
        inspect_job=target["inspect_job"],
        polled=target["polled"],
        attempts=target["attempts"],
        paused=target["paused"],
        job_read_at=target["job_read_at"],
        foreign_progress=target["foreign_progress"],
        foreign_since=target["foreign_since"],
        stalled_index=target["stalled_index"],
        job_index=target["job_index"],
        outage=target["outage"],
        watches=tuple(_watch_state(row, target, events) for row in watches),
        rollout=_open_rollout(rollout) if rollout is not None else None,
        others_active=target["others_active"],
        others_due=target["others_due"],
        queued_since=target["queued_since"],
        pause=_commanded(target, "paused"),
        follows_job=bool(target["follows_job"]),
        nomad_outage=bool(target["nomad_outage"]),
    )


def watch(row: Row, at: JobPlace) -> Watch:
    """A watch's configuration from its row."""
    return Watch(
        name=row["name"],
        registry=row["registry"],
        repository=Repository(host=row["repository_host"], path=row["repository_path"]),
        place=at,
        task=row["task"],
        group=row["group_name"],
        deploy_by=DeployBy(row["deploy_by"]),
        observe_only=row["observe_only"],
        promote_after=row["promote_after"],
        revert_on_failure=row["revert_on_failure"],
    )


def _watch_state(row: Row, target: Row, events: Sequence[Row]) -> WatchState:
    return WatchState(
        watch=watch(row, place(target)),
        rule=Rule(pinned_tag=row["pinned_tag"]),
        auto_deploy=row["auto_deploy"],
        tags=tuple(row["tags"]),
        tags_read_at=row["tags_read_at"],
        desired_tag=row["desired_tag"],
        desired_digest=row["desired_digest"],
        specified_tags=tuple(each.tag for each in read_specified(row["specified"]) if each.tag),
        job_create_index=row["job_create_index"],
        history=History(
            digests=row["digests"],
            tags=row["digest_tags"],
            baseline_release=row["baseline_release"],
            expected=row["expected"],
            failed=frozenset(row["failed"]),
            failure_causes=row["failure_causes"],
            released=frozenset(row["released"]),
            not_placed=row["not_placed"] or "",
            failed_elsewhere=row["failed_elsewhere"],
        ),
        rebaseline=row["rebaseline"],
        expected_intent=row["expected_intent"],
        in_flight=read_in_flight(row["in_flight"]),
        drifted_at=row["drifted_at"],
        drift_images=row["drift_images"],
        newest_found_at=row["newest_found_at"],
        commanded_at=row["commanded_at"],
        events=tuple(
            OpenEvent(
                event_id=event["event_id"],
                action=EventAction(event["action"]),
                tag=event["tag"],
                digest=event["digest"],
                attempts=event["attempts"],
                before=event["before_digest"],
                age=event["age"],
            )
            for event in events
            if event["watch_name"] == row["name"]
        ),
        rolled_back_at=row["rolled_back_at"],
        commands=StandingCommands(
            pin=_commanded(row, "pinned"),
            switch=_commanded(row, "switched"),
            rollback=_commanded(row, "rolled_back"),
        ),
        missing_image=row["missing_image"],
        missing_image_checked_at=row["missing_image_checked_at"],
        period_images=read_images(row["period_images"]),
    )


def _commanded(row: Row, what: str) -> Commanded:
    return Commanded(by=row[f"{what}_by"], at=row[f"{what}_at"], reason=row[f"{what}_reason"])


def _open_rollout(row: Row) -> OpenRollout:
    patch = None
    if row["expected_index"] is not None:
        changes = {each.key: each.change for each in read_changes(row["changes"])}
        patch = JobPatch(changes=changes, expected_index=row["expected_index"])
    deployment = read_deployment(row["deployment"])
    return OpenRollout(
        rollout_id=row["rollout_id"],
        origin=Origin(row["origin"]),
        submitted=row["state"] == RolloutState.SUBMITTED.value,
        patch=patch,
        items=tuple(LaunchItem(**each) for each in row["items"]),
        undoes=row["undoes"],
        awaits_promotion=deployment is not None and deployment.awaits_promotion,
    )
