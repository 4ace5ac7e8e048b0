"""Statements that several readers share, with the columns that view_rows.py translates; each adds its own condition."""

from app.adapters.postgres.database.following import FOLLOWS_JOB, NOMAD_OUTAGE
from app.adapters.postgres.database.rollouts import ITEM_LABEL, label_of

# Tags are many. A list reads them only to compute the desired tag: after a command, until the next reconcile.
_WATCHES = """
SELECT w.name, w.registry, w.repository_host, w.repository_path, w.task, w.pinned_tag, w.auto_deploy, w.observe_only,
  w.desired_tag, w.desired_digest, w.tags_read_at, w.specified, w.running, w.allocation_count, w.outage,
  w.outage_since, w.commanded_at,
  w.promote_after, w.revert_on_failure, w.source_stale, w.missing_image, w.missing_image_since,
  w.rolled_back_at, CASE WHEN w.rolled_back_at IS NOT NULL THEN
    (SELECT max(first_found_at) FROM found_digests s WHERE s.watch_name = w.name) END AS newest_found_at,
  array(SELECT digest FROM failures f WHERE f.watch_name = w.name AND released_at IS NULL
    ORDER BY failed_at DESC) AS failed,
  t.region, t.namespace, t.job_id, t.outage AS job_outage, t.outage_since AS job_outage_since,
  t.job_read_at, coalesce({follows_job}, false) AS follows_job,
  coalesce(t.due_at <= clock_timestamp(), false)
    OR EXISTS (SELECT FROM wakes WHERE wakes.target_id = t.target_id) AS due,
  d.kind, d.reason AS hold_reason, d.message, d.tag AS decided_tag, d.digest AS decided_digest, d.reconciles,
  d.first_at,
  d.last_at, d.rollout_id AS decided_rollout,
  CASE WHEN $1 OR w.commanded_at > coalesce(d.last_at, '-infinity') THEN w.tags ELSE '{{}}' END AS tags,
  r.*
FROM watches w
{joins}
LEFT JOIN namespaces f ON (f.region, f.namespace) = (t.region, t.namespace)
LEFT JOIN LATERAL (
  SELECT rollout_id, state, outcome, reason, note, origin, requested_by, created_at, ended_at, deployment, undoes,
    rw.tag AS rollout_tag, {label} AS what,
    (SELECT u.rollout_id FROM rollouts u WHERE u.target_id = o.target_id AND u.undoes = o.rollout_id
     ORDER BY u.intent DESC LIMIT 1) AS undone_by
  FROM rollout_watches rw JOIN rollouts o USING (rollout_id)
  WHERE rw.watch_name = w.name ORDER BY rw.requested_at DESC LIMIT 1) r ON true
WHERE w.present
"""

# All watches; and a few of many, which are read by index (`OFFSET 0`) instead of hashing all.
WATCHES = _WATCHES.format(
    label=ITEM_LABEL,
    follows_job=FOLLOWS_JOB,
    joins="JOIN targets t USING (target_id) LEFT JOIN decisions d USING (decision_id)",
)
FEW_WATCHES = _WATCHES.format(
    label=ITEM_LABEL,
    follows_job=FOLLOWS_JOB,
    joins="""CROSS JOIN LATERAL (SELECT * FROM targets t WHERE t.target_id = w.target_id OFFSET 0) t
LEFT JOIN LATERAL (SELECT * FROM decisions d WHERE d.decision_id = w.decision_id OFFSET 0) d ON true""",
)

ROLLOUTS = f"""
SELECT r.*, {label_of("r.rollout_id")} AS what,
  (SELECT u.rollout_id FROM rollouts u WHERE u.target_id = r.target_id AND u.undoes = r.rollout_id
   ORDER BY u.intent DESC LIMIT 1) AS undone_by,
  coalesce(r.rollout_id = (SELECT n.rollout_id FROM rollouts n WHERE n.target_id = r.target_id
    AND n.submitted_at IS NOT NULL ORDER BY n.intent DESC LIMIT 1), false) AS is_newest,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('watch', rw.watch_name, 'tag', rw.tag, 'digest', rw.digest,
      'from_tag', rw.from_tag, 'from_digest', rw.from_digest, 'here', w.present AND w.target_id = r.target_id,
      'specified', jsonb_path_query_array(w.specified, '$[*].digest'),
      'failed', array(SELECT digest FROM failures f WHERE f.watch_name = rw.watch_name
        AND f.digest IN (rw.digest, rw.from_digest))) ORDER BY rw.watch_name), '[]')
   FROM rollout_watches rw JOIN watches w ON w.name = rw.watch_name
   WHERE rw.rollout_id = r.rollout_id) AS reverted_items
FROM rollouts r
"""

SWITCH = """
SELECT clock_timestamp() AS now, paused, changed_by, changed_at, reason,
  (SELECT count(DISTINCT notification_id) FROM notification_deliveries
   WHERE given_up_at IS NULL AND sent_at IS NULL AND attempts > 1) AS unsent
FROM switches
"""

# The outage of the whole Nomad, which its followers found, is one part; the jobs that alone are refused are another,
# with a time of their own: a job that stays refused must not hide that Nomad goes away. A job that is refused since
# then is part of Nomad's outage.
OUTAGES = f"""
SELECT registry, (array_agg(outage ORDER BY outage_since))[1] AS problem,
  min(outage_since) AS since, false AS of_all, false AS is_ours
FROM watches WHERE present AND outage <> '' GROUP BY registry
UNION ALL
SELECT NULL, (array_agg(outage ORDER BY outage_since))[1], min(outage_since), of_all, is_ours
FROM (
  SELECT outage, outage_since, false AS of_all, outage_is_ours AS is_ours FROM targets t
  WHERE outage <> '' AND EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND w.present)
    AND (outage_is_ours OR NOT EXISTS (SELECT FROM namespaces f WHERE {NOMAD_OUTAGE}
      AND (f.region, f.namespace) = (t.region, t.namespace) AND f.outage_since <= t.outage_since))
  UNION ALL
  SELECT outage, outage_since, true, false FROM namespaces f WHERE {NOMAD_OUTAGE}) job
GROUP BY of_all, is_ours
ORDER BY registry NULLS FIRST, is_ours, of_all DESC
"""

UNKNOWN_SOURCES = "SELECT source, deliveries, last_at FROM unknown_sources ORDER BY last_at DESC, source"
