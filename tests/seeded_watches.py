"""Fill a database with many watches, as reconciles, rollouts and commands leave them: for benches and page tests.

Watch `number` (from 1) is named `name_of(number)`. With states "mixed", of each hundred: 1 has a registry outage, 2 a
job outage, 3 a missing image, 4 waits for promotion, 5 and 6 are being deployed; the next have one hold reason each, a
deploy decision, and no decision. The others are up to date, as all are with states "current". Each watch has three
ended rollouts, found digests, a webhook's event, and the reason of its last decision.
"""

from typing import Any, Literal

from app.adapters.postgres.database.pool import Connection, Database
from app.domain.decision import HoldReason

States = Literal["mixed", "current"]

_HOLDS = ["", "deploy", *(reason.value for reason in HoldReason)]

# The special state of a watch, by its number modulo 100; $4 has the holds of the next ones.
_OUTAGE, _JOB_OUTAGE, _MISSING_IMAGE, _PROMOTION, _MOVING = 1, 2, 3, 4, (5, 6)

_NAME = "'svc-' || lpad(n::text, 5, '0')"
_DIGEST = "'sha256:' || encode(sha256(({})::bytea), 'hex')"
_RELEASE = "'v1.' || {} || '.0'"
_NOW = _RELEASE.format("$2 - 1")

_SEEDED = f"""
SELECT n, {_NAME} AS name, CASE WHEN $3 THEN n % 100 ELSE 99 END AS place,
  CASE WHEN NOT $3 OR n % 100 - 7 NOT BETWEEN 0 AND cardinality($4::text[]) - 1 THEN 'up_to_date'
       ELSE ($4::text[])[n % 100 - 6] END AS hold
FROM generate_series(1, $1::integer) n WHERE $2::integer > 0
"""

_TARGETS = f"""
INSERT INTO targets (region, namespace, job_id, inspect_job, job_index, job_create_index, job_read_at, outage,
  outage_since, poll_at)
SELECT '', 'default', name, false, 10, 1, now(),
  CASE place WHEN {_JOB_OUTAGE} THEN 'job ' || name || ': Nomad has no leader' ELSE '' END,
  CASE place WHEN {_JOB_OUTAGE} THEN now() - interval '5 minutes' END, now() + interval '1 day'
FROM ({_SEEDED}) seeded
"""

_WATCHES = f"""
INSERT INTO watches (name, target_id, registry, repository_host, repository_path, task, deploy_by, observe_only,
  position, tags, tags_read_at, desired_tag, desired_digest, specified, job_create_index, auto_deploy, outage,
  outage_since, missing_image, missing_image_since, hold)
SELECT name, target_id, 'main', 'registry.example', 'team/' || name, 'server', 'digest', hold = 'observe_only', n,
  array(SELECT {_RELEASE.format("tag")} FROM generate_series(0, $2 - 1) tag), now(), {_NOW},
  {_DIGEST.format(f"name || {_NOW}")},
  jsonb_build_array(jsonb_build_object('task', 'app/server', 'image', 'registry.example/team/' || name || ':' || {_NOW},
    'identity', name, 'tag', {_NOW}, 'digest', {_DIGEST.format(f"name || {_NOW}")})),
  1, hold <> 'auto_deploy_off',
  CASE place WHEN {_OUTAGE} THEN 'registry main does not answer' ELSE '' END,
  CASE place WHEN {_OUTAGE} THEN now() - interval '3 minutes' END,
  CASE place WHEN {_MISSING_IMAGE} THEN 'the registry no longer has what runs' ELSE '' END,
  CASE place WHEN {_MISSING_IMAGE} THEN now() - interval '2 hours' END, hold
FROM ({_SEEDED}) seeded JOIN targets ON job_id = name AND namespace = 'default' AND region = ''
"""

_DECISIONS = f"""
WITH made AS (
  INSERT INTO decisions (watch_name, kind, reason, message, tag, digest, reconciles, first_at, last_at)
  SELECT name, CASE hold WHEN 'deploy' THEN 'deploy' ELSE 'hold' END, hold,
    {_NOW} || CASE hold WHEN 'up_to_date' THEN ' runs' ELSE ' is decided: ' || replace(hold, '_', ' ') END, {_NOW},
    {_DIGEST.format(f"name || {_NOW}")}, 40, now() - n * interval '7 seconds' - interval '1 hour', now()
  FROM ({_SEEDED}) seeded WHERE hold <> '' RETURNING decision_id, watch_name)
UPDATE watches SET decision_id = made.decision_id FROM made WHERE name = watch_name
"""

# Three that ended, and a fourth for watches whose rollout is running.
_ROLLOUTS = f"""
WITH seeded AS ({_SEEDED}), made AS (
  INSERT INTO rollouts (rollout_id, target_id, intent, origin, requested_by, state, created_at, submitted_at, outcome,
    reason, ended_at, expected_index, deployment)
  SELECT gen_random_uuid(), target_id, intent, CASE intent WHEN 2 THEN 'deploy' ELSE 'rule' END,
    CASE intent WHEN 2 THEN (ARRAY['ann', 'bob'])[1 + n % 2] ELSE '' END,
    CASE intent WHEN 4 THEN 'submitted' ELSE 'ended' END, at, at + interval '1 second',
    CASE intent WHEN 4 THEN NULL WHEN 1 THEN 'failed' ELSE 'succeeded' END,
    CASE intent WHEN 4 THEN '' WHEN 1 THEN 'an allocation failed: exit code 1' ELSE 'the deployment is healthy' END,
    CASE WHEN intent < 4 THEN at + interval '40 seconds' END, CASE intent WHEN 4 THEN 10 END,
    CASE WHEN intent < 4 THEN '{{}}' ELSE jsonb_build_object('deployment_id', 'd' || n, 'phase', 'active',
      'description', 'Deployment is running', 'desired', 3, 'placed', 3, 'healthy', 2, 'unhealthy', 0,
      'canaries', (place = {_PROMOTION})::integer, 'awaits_promotion', place = {_PROMOTION}) END
  FROM seeded JOIN targets ON job_id = name CROSS JOIN generate_series(1, 4) intent,
    LATERAL (SELECT now() - (4 - intent) * interval '1 day' - n * interval '3 seconds' AS at) times
  WHERE intent < 4 OR place IN ({_PROMOTION}, {_MOVING[0]}, {_MOVING[1]})
  RETURNING rollout_id, target_id, intent, created_at)
INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced, message, requested_at)
SELECT rollout_id, name, {_RELEASE.format("greatest($2 - 5 + intent, 0)")},
  {_DIGEST.format("name || intent")}, intent = 2, 'it follows releases', created_at
FROM made JOIN watches USING (target_id)
"""

_FOUND = f"""
INSERT INTO found_digests (watch_name, digest, tag, found_by, decision_id, first_found_at)
SELECT name, {_DIGEST.format(f"name || {_NOW}")}, {_NOW}, CASE n % 3 WHEN 0 THEN 'poller' ELSE 'webhook' END,
  (SELECT min(decision_id) FROM decisions WHERE watch_name = name),
  now() - n * interval '7 seconds' - interval '1 hour'
FROM ({_SEEDED}) seeded
"""

_DRIFTS = f"""
INSERT INTO drifts (watch_name, changed_at, before, after)
SELECT name, now() - n * interval '9 seconds' - interval '2 hours', jsonb_build_object('app/server', 'h/app:v1'),
  jsonb_build_object('app/server', 'h/app:v2')
FROM ({_SEEDED}) seeded
"""

_DELIVERIES = f"""
WITH sent AS (
  INSERT INTO deliveries (delivery_id, source, received_at, size, ignored, acceptance)
  SELECT gen_random_uuid(), 'main', now() - n * interval '8 seconds' - interval '1 hour', n, 0, 'accepted'
  FROM ({_SEEDED}) seeded RETURNING delivery_id, size AS n, received_at),
told AS (
  INSERT INTO events (delivery_id, source, action, host, path, tag, digest)
  SELECT delivery_id, 'main', 'push', 'registry.example', 'team/' || {_NAME}, {_NOW},
    {_DIGEST.format(f"{_NAME} || {_NOW}")}
  FROM sent RETURNING event_id, delivery_id)
INSERT INTO event_watches (event_id, watch_name, settled_at, answer, known_at)
SELECT event_id, {_NAME}, now(), 'it runs', received_at FROM told JOIN sent USING (delivery_id)
"""

_PARTS = (_TARGETS, _WATCHES, _DECISIONS, _ROLLOUTS, _FOUND, _DRIFTS, _DELIVERIES)


def name_of(number: int) -> str:
    """The name of the watch with that number, from 1."""
    return f"svc-{number:05}"


async def seed_watches(where: Database | Connection, count: int, *, tags: int = 30, states: States = "mixed") -> None:
    """Insert `count` watches into an empty, migrated database, each with `tags` release tags v1.0.0, v1.1.0, …"""
    if isinstance(where, Database):
        async with where.connection() as connection:
            await seed_watches(connection, count, tags=tags, states=states)
        return
    for part in _PARTS:
        await _execute(where, part, count, tags, states == "mixed", _HOLDS)
    await where.execute("VACUUM (ANALYZE)")  # autovacuum would do it a minute later


async def _execute(connection: Any, statement: str, *values: Any) -> None:
    """10,000 watches with 1,000 tags each take a while, so the timeout is long."""
    await connection.execute(statement, *values, timeout=600)
