"""Writes the digests of tags and the running images that a pass found to differ from the stored ones."""

from app.adapters.postgres.database import stored
from app.adapters.postgres.database.pool import Connection
from app.services.reconcile.result import WatchResult

_DIGESTS = """
INSERT INTO tag_digests (watch_name, tag, digest) SELECT $1, * FROM unnest($2::text[], $3::text[])
ON CONFLICT (watch_name, tag, digest) DO UPDATE SET since = CASE WHEN EXISTS (
    SELECT FROM tag_digests t WHERE t.watch_name = excluded.watch_name AND t.tag = excluded.tag
      AND t.since > tag_digests.since) THEN clock_timestamp() ELSE tag_digests.since END
"""

# An image that runs again soon, with nothing else in between, never stopped: a task that crashes and restarts would
# have thousands of periods.
_RUNNING = """
WITH found AS (SELECT * FROM unnest($2::text[], $3::text[]) AS image (tag, digest)),
ended AS (
  UPDATE running_periods SET ended_at = now()
  WHERE watch_name = $1 AND ended_at IS NULL AND (tag, digest) NOT IN (SELECT tag, digest FROM found)),
resumed AS (
  UPDATE running_periods p SET ended_at = NULL FROM found
  WHERE p.watch_name = $1 AND (p.tag, p.digest) = (found.tag, found.digest)
    AND p.ended_at > now() - interval '10 minutes'
    AND NOT EXISTS (SELECT FROM running_periods o WHERE o.watch_name = $1 AND o.began_at > p.began_at)
  RETURNING p.tag, p.digest),
began AS (
  INSERT INTO running_periods (watch_name, tag, digest)
  SELECT $1, tag, digest FROM found WHERE (tag, digest) NOT IN (SELECT tag, digest FROM resumed)
  ON CONFLICT (watch_name, tag, digest) WHERE ended_at IS NULL DO NOTHING)
UPDATE watches SET period_images = $4 WHERE name = $1
"""


async def write_images(connection: Connection, result: WatchResult) -> None:
    """Store digests of tags, and running images, that differ from the stored ones; most passes have none."""
    if result.digests:
        await connection.execute(_DIGESTS, result.watch, list(result.digests), list(result.digests.values()))
    if result.period_images is not None:
        images = sorted(result.period_images)
        await connection.execute(
            _RUNNING,
            result.watch,
            [each.tag for each in images],
            [each.digest for each in images],
            stored.write_images(images),
        )
