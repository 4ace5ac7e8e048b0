"""What the tables tell of whether work moves: what is due and not taken, and who was seen. Changes nothing.

All ages are by the database's clock, outside of any transaction. It must not judge them: services/standstill.py does.
"""

from app.adapters.postgres.pool import Connection, Row
from app.services.loops import LoopState
from app.services.presence import ProcessKind
from app.services.standstill import Seen, Waiting, Work

_MOST = 1000  # rows of each kind that are counted

# The statement's own time, so that indexes are searched by it: these are read for every page.
# What is due counts from when it fell due, or from the end of the lease that it was left under.
_DUE = """
SELECT 'jobs' AS what, greatest(since, lease_until) AS at FROM (
  SELECT target_id, min(since) AS since FROM (
    SELECT target_id, due_at AS since FROM targets WHERE due_at < now()
    UNION ALL SELECT target_id, created_at FROM wakes WHERE created_at < now()) due GROUP BY target_id) overdue
JOIN targets t USING (target_id)
WHERE (lease_until IS NULL OR lease_until < now())
  AND (EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND present)
    OR EXISTS (SELECT FROM rollouts r WHERE r.target_id = t.target_id AND r.state = 'requested'))
"""

_ROLLOUTS = """
SELECT 'rollouts', greatest(next_look_at, lease_until) FROM rollouts
WHERE state = 'submitted' AND next_look_at < now()
  AND (lease_until IS NULL OR lease_until < now())
"""

# An open event whose target is due, now or later, is on its way: it waits for a late tag, or for what is away.
_PUSHES = """
SELECT 'pushes', ew.told_at FROM event_watches ew
JOIN watches w ON w.name = ew.watch_name AND w.present JOIN targets t USING (target_id)
WHERE ew.settled_at IS NULL AND t.due_at IS NULL AND ew.told_at < now()
  AND NOT EXISTS (SELECT FROM wakes WHERE wakes.target_id = t.target_id)
  AND (t.lease_until IS NULL OR t.lease_until < now())
"""

_POLLS = """
SELECT 'polls', poll_at FROM targets t
WHERE poll_at < now() AND EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND present)
"""

_WAITING = f"""
SELECT what, count(*) AS count, min(at) AS since, extract(epoch FROM now() - min(at))::float8 AS age
FROM (
  ({_DUE} ORDER BY since LIMIT {_MOST})
  UNION ALL ({_ROLLOUTS} ORDER BY next_look_at LIMIT {_MOST})
  UNION ALL ({_PUSHES} ORDER BY told_at LIMIT {_MOST})
  UNION ALL ({_POLLS} ORDER BY poll_at LIMIT {_MOST})) waiting
GROUP BY what
"""

_PROCESSES = """
SELECT kind, host, pid, loops, seen_at, extract(epoch FROM now() - seen_at)::float8 AS age
FROM processes ORDER BY started_at, process_id
"""


async def read_work(connection: Connection) -> Work:
    """All of it, in two statements."""
    waiting = {row["what"]: _waiting(row) for row in await connection.fetch(_WAITING)}
    processes = await connection.fetch(_PROCESSES)
    return Work(processes=tuple(_seen(row) for row in processes), **waiting)


def _waiting(row: Row) -> Waiting:
    return Waiting(count=row["count"], age=row["age"], since=row["since"])


def _seen(row: Row) -> Seen:
    return Seen(
        kind=ProcessKind(row["kind"]),
        host=row["host"],
        pid=row["pid"],
        age=row["age"],
        at=row["seen_at"],
        loops=tuple(
            LoopState(
                name=each.get("name", ""),
                late=each.get("late", 0.0),
                problem=each.get("problem", ""),
                stands=each.get("stands", False),
            )
            for each in row["loops"]
        ),
    )
