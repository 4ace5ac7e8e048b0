"""The store of people's words about rollouts: a wish for its canaries, and the way back from it.

The target's row is locked before its watches and rollouts, in the order that looks lock them.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from app.adapters.postgres import claims, rollout_rows, words
from app.adapters.postgres.due import make_due
from app.adapters.postgres.pool import Connection, Database, Row
from app.adapters.postgres.stored import read_deployment, read_running
from app.domain.rollout import Origin, OutcomeKind, RolloutState
from app.domain.watch import JobPlace
from app.services.followed import Wish
from app.services.said import Saying
from app.services.steering import Brought, Destination, Gone, Past, Underway
from app.services.word import Asked

_WHAT = """
coalesce((SELECT string_agg(watch_name || ' ' || coalesce(nullif(tag, ''), digest), ', ' ORDER BY watch_name)
  FROM rollout_watches rw WHERE rw.rollout_id = r.rollout_id), '')
"""

_UNDERWAY = f"SELECT r.*, {_WHAT} AS what FROM rollouts r WHERE rollout_id = $1"

_WISH = """
WITH before AS (SELECT rollout_id, wish FROM rollouts WHERE rollout_id = $1 AND state = 'submitted' FOR UPDATE)
UPDATE rollouts r SET wish = $2, wished_by = $3, next_look_at = clock_timestamp(), rung_at = clock_timestamp()
FROM before WHERE r.rollout_id = before.rollout_id RETURNING before.wish
"""

_NEWEST = """
SELECT rollout_id FROM rollouts WHERE target_id = $1 AND submitted_at IS NOT NULL ORDER BY intent DESC LIMIT 1
"""

# What took the rollout back: the one under way or, once it is over, the one that was registered last.
_PAST = f"""
SELECT r.*, {_WHAT} AS what, t.region, t.namespace, t.job_id, newest.rollout_id AS newest,
  back.rollout_id AS taken_back_by, back.what AS taking_back
FROM rollouts r
JOIN targets t USING (target_id)
LEFT JOIN LATERAL ({_NEWEST.replace("$1", "r.target_id")}) newest ON true
LEFT JOIN LATERAL (
  SELECT b.rollout_id,
    CASE WHEN b.ended_at IS NULL THEN {_WHAT.replace("r.rollout_id", "b.rollout_id")} ELSE '' END AS what
  FROM rollouts b
  WHERE b.target_id = r.target_id AND b.undoes = $1 AND b.origin = ANY($2)
    AND (b.ended_at IS NULL OR b.rollout_id = newest.rollout_id)
  ORDER BY b.intent DESC LIMIT 1) back ON true
WHERE r.rollout_id = $1
"""

# What runs is as it was read after the last rollout ended; what failed stands in the job, maybe, but does not run.
_BROUGHT = """
SELECT rw.watch_name, rw.tag AS brought_tag, rw.digest AS brought_digest, rw.from_tag, rw.from_digest,
  w.present AND w.target_id = t.target_id AS here, w.*,
  CASE WHEN t.job_read_at > (SELECT max(coalesce(o.ended_at, 'infinity')) FROM rollouts o
    WHERE o.target_id = t.target_id AND o.submitted_at IS NOT NULL) THEN w.running ELSE '[]' END AS runs,
  array(SELECT digest FROM failures f WHERE f.watch_name = w.name) AS failed,
  newest.from_digest AS former_digest, newest.from_images AS former
FROM rollout_watches rw
JOIN rollouts r USING (rollout_id)
JOIN targets t USING (target_id)
JOIN watches w ON w.name = rw.watch_name
LEFT JOIN rollout_watches newest ON newest.rollout_id = $2 AND newest.watch_name = rw.watch_name
WHERE rw.rollout_id = $1 ORDER BY rw.watch_name
"""

_LOCK = "SELECT 1 FROM targets WHERE target_id = $1 FOR NO KEY UPDATE"

_ACTIVE = "SELECT * FROM rollouts WHERE target_id = $1 AND ended_at IS NULL FOR UPDATE"

_ITEMS = "SELECT watch_name, tag, digest FROM rollout_watches WHERE rollout_id = $1 ORDER BY watch_name"

_REQUEST = """
INSERT INTO rollouts (rollout_id, target_id, intent, origin, asked_by, undoes)
SELECT $1, $2, coalesce(max(intent), 0) + 1, $3, $4, $5 FROM rollouts WHERE target_id = $2
"""

_ITEM = """
INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced, asked_at)
SELECT $1, $2, $3, $4, false, created_at FROM rollouts WHERE rollout_id = $1
"""

_TARGET = "SELECT target_id FROM rollouts WHERE rollout_id = $1"

_TOLD = {
    Wish.PROMOTE: (Saying.PROMOTE, "promotes the canaries"),
    Wish.FAIL: (Saying.FAIL, "fails the deployment"),
}

_HOLD_THERE = "UPDATE watches SET rolled_back_at = clock_timestamp() WHERE name = ANY($1)"


class PostgresSteering:
    """`Steering` on Postgres; the times are the database's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def underway(self, rollout_id: UUID) -> Underway | None:
        """Read the rollout, in one statement."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_UNDERWAY, rollout_id)
        if row is None:
            return None
        return Underway(
            what=row["what"],
            registered=row["state"] != RolloutState.REQUESTED.value,
            outcome=OutcomeKind(row["outcome"]) if row["outcome"] else None,
            deployment=read_deployment(row["deployment"]),
            wish=Wish(row["wish"]) if row["wish"] else None,
        )

    async def wish(self, rollout_id: UUID, wish: Wish, *, by: str) -> bool:
        """Store the wish; it is told once."""
        async with self._database.transaction() as connection:
            before = await connection.fetchval(_WISH, rollout_id, wish.value, by)
            if before is not None and before != wish.value:
                saying, detail = _TOLD[wish]
                names = [row["watch_name"] for row in await connection.fetch(_ITEMS, rollout_id)]
                await words.tell(connection, saying, by=by, watches=names, detail=detail, rollout_id=rollout_id)
        return before is not None

    async def past(self, rollout_id: UUID) -> Past | None:
        """Read the rollout and its watches, in two statements."""
        going_back = [each.value for each in Origin if each.goes_back]
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_PAST, rollout_id, going_back)
            if row is None:
                return None
            brought = await connection.fetch(_BROUGHT, rollout_id, row["newest"])
        place = JobPlace(region=row["region"], namespace=row["namespace"], job_id=row["job_id"])
        return Past(
            rollout_id=rollout_id,
            target_id=row["target_id"],
            what=row["what"],
            registered=row["submitted_at"] is not None,
            outcome=OutcomeKind(row["outcome"]) if row["outcome"] else None,
            newest=row["newest"],
            taken_back_by=row["taken_back_by"],
            taking_back=row["taking_back"] or "",
            brought=tuple(_brought(each, place) for each in brought),
        )

    async def asked(self, rollout_id: UUID, once: UUID) -> Asked | None:
        """Read the rollout of that id beside the other's target."""
        async with self._database.connection() as connection:
            target_id = await connection.fetchval(_TARGET, rollout_id)
            return await words.asked(connection, once, target_id=target_id)

    async def go_back(
        self, past: Past, destinations: Sequence[Destination], *, by: str, once: UUID | None = None
    ) -> Gone | None:
        """Write the rollback with everything that follows from it, in one transaction."""
        # An id that another job's rollout took while we wrote ours is found the second time.
        with suppress(asyncpg.UniqueViolationError):
            return await self._go_back(past, destinations, by=by, once=once)
        return await self._go_back(past, destinations, by=by, once=once)

    async def _go_back(
        self, past: Past, destinations: Sequence[Destination], *, by: str, once: UUID | None
    ) -> Gone | None:
        async with self._database.transaction() as connection:
            await connection.execute(_LOCK, past.target_id)
            if once and (known := await words.asked(connection, once, target_id=past.target_id)):
                return Gone(rollout_id=once, taken=not known.here)
            if await connection.fetchval(_NEWEST, past.target_id) != past.newest:
                return None
            items = {each.watch.name: (each.tag, each.digest) for each in destinations}
            active = await connection.fetchrow(_ACTIVE, past.target_id)
            notices: Sequence[int] = ()
            if active is not None:
                if await _is_same(connection, active, past, items):
                    return Gone(rollout_id=active["rollout_id"])
                what = ", ".join(each.what for each in destinations)
                reason = f"{by or 'a person'} went back to {what}"
                notices = await rollout_rows.supersede(connection, active["rollout_id"], reason)
            rollout_id = once or uuid4()
            await connection.execute(_REQUEST, rollout_id, past.target_id, Origin.ROLLBACK.value, by, past.newest)
            for name, (tag, digest) in items.items():
                await connection.execute(_ITEM, rollout_id, name, tag, digest)
                detail = f"goes back to {tag or digest}"
                await words.tell(
                    connection, Saying.ROLLBACK, by=by, watches=[name], detail=detail, rollout_id=rollout_id
                )
            await connection.execute(_HOLD_THERE, list(items))
            await make_due(connection, [past.target_id])
        return Gone(rollout_id=rollout_id, notice_ids=tuple(notices))


async def _is_same(connection: Connection, active: Row, past: Past, items: Mapping[str, tuple[str, str]]) -> bool:
    """Whether the active rollout is this very rollback."""
    if active["origin"] != Origin.ROLLBACK.value or active["undoes"] != past.newest:
        return False
    rows = await connection.fetch(_ITEMS, active["rollout_id"])
    return {row["watch_name"]: (row["tag"], row["digest"]) for row in rows} == items


def _brought(row: Row, place: JobPlace) -> Brought:
    return Brought(
        name=row["watch_name"],
        watch=claims.watch(row, place) if row["here"] else None,
        tag=row["brought_tag"],
        digest=row["brought_digest"],
        from_tag=row["from_tag"],
        from_digest=row["from_digest"],
        running=_running(row["runs"], row["failed"]),
        former=row["former"] or {},
        former_digest=row["former_digest"] or "",
    )


def _running(tasks: Sequence[Mapping[str, Any]], failed: Sequence[str]) -> str:
    digests = {each.digest for each in read_running(tasks)}
    return digests.pop() if len(digests) == 1 and not digests & set(failed) else ""
