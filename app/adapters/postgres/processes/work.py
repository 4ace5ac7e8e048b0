"""Reads whether work makes progress: due work that no worker claimed, and the processes' beats. Changes nothing.

All ages are by the database's clock, outside any transaction. app/services/processes/standstill.py judges them.
"""

from app.adapters.postgres.database.pool import Connection, Row
from app.adapters.postgres.database.stored import read_loops
from app.services.processes.presence import ProcessKind
from app.services.processes.standstill import MOST, KnownProcess, WaitingWork, Work

_CLAIMABLE = """
  (lease_until IS NULL OR lease_until < now())
  AND (EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND present)
    OR EXISTS (SELECT FROM rollouts r WHERE r.target_id = t.target_id AND r.state = 'requested'))
"""

# Every page reads this, so each part stops early: it reads an index in the order of time, and at most MOST rows. It
# uses now(), since an index cannot be searched by a volatile function. Work waits from its due time, or from the end of
# its last lease.
_DUE = f"""
SELECT 'jobs' AS what, target_id::text AS key, greatest(due_at, lease_until) AS at FROM targets t
WHERE due_at < now() AND {_CLAIMABLE} ORDER BY due_at LIMIT {MOST}
"""
_WOKEN = f"""
SELECT 'jobs', target_id::text, greatest(created_at, lease_until) FROM wakes JOIN targets t USING (target_id)
WHERE created_at < now() AND {_CLAIMABLE} ORDER BY wake_id LIMIT {MOST}
"""

_ROLLOUTS = f"""
SELECT 'rollouts', rollout_id::text, greatest(follow_at, lease_until) FROM rollouts
WHERE state = 'submitted' AND follow_at < now() AND (lease_until IS NULL OR lease_until < now())
ORDER BY follow_at LIMIT {MOST}
"""

# An open event whose target is due, now or later, makes progress: it waits for a late tag, or for the end of an outage.
_PUSHES = f"""
SELECT 'pushes', ew.event_id::text, ew.known_at FROM event_watches ew
JOIN watches w ON w.name = ew.watch_name AND w.present JOIN targets t USING (target_id)
WHERE ew.settled_at IS NULL AND t.due_at IS NULL AND ew.known_at < now()
  AND NOT EXISTS (SELECT FROM wakes WHERE wakes.target_id = t.target_id)
  AND (t.lease_until IS NULL OR t.lease_until < now())
LIMIT {MOST}
"""

_POLLS = f"""
SELECT 'polls', target_id::text, poll_at FROM targets t
WHERE poll_at < now() AND EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND present)
ORDER BY poll_at LIMIT {MOST}
"""

_WAITING = f"""
SELECT what, count(DISTINCT key) AS count, min(at) AS since, extract(epoch FROM now() - min(at))::float8 AS age
FROM (({_DUE}) UNION ALL ({_WOKEN}) UNION ALL ({_ROLLOUTS}) UNION ALL ({_PUSHES}) UNION ALL ({_POLLS})) waiting
GROUP BY what
"""

_PROCESSES = """
SELECT kind, host, pid, loops, beat_at, extract(epoch FROM now() - beat_at)::float8 AS age,
  extract(epoch FROM now() - started_at)::float8 AS started
FROM processes ORDER BY started_at, process_id
"""


async def read_work(connection: Connection) -> Work:
    """Read all of it, in two statements."""
    waiting = {row["what"]: _waiting(row) for row in await connection.fetch(_WAITING)}
    processes = await connection.fetch(_PROCESSES)
    return Work(processes=tuple(_process(row) for row in processes), **waiting)


def _waiting(row: Row) -> WaitingWork:
    return WaitingWork(count=row["count"], age=row["age"], since=row["since"])


def _process(row: Row) -> KnownProcess:
    return KnownProcess(
        kind=ProcessKind(row["kind"]),
        host=row["host"],
        pid=row["pid"],
        age=row["age"],
        at=row["beat_at"],
        started=row["started"],
        loops=read_loops(row["loops"]),
    )
