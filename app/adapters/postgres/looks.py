"""The store of looks: the lease on a target, and everything that a look finds. The lease fences every write."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from app.adapters.postgres import look_rows as rows
from app.adapters.postgres.notices import MAX_DETAIL, add_notice, storable
from app.adapters.postgres.pool import Connection, Database
from app.domain.decision import Deploy, Hold, HoldReason
from app.domain.job import Submission
from app.domain.notice import NoticeKind
from app.domain.rollout import Outcome
from app.services.target import (
    Claim,
    Launch,
    LeaseLost,
    Result,
    Sight,
    WatchResult,
    Written,
)

_CLAIM = """
UPDATE targets SET lease_token = $2, lease_until = clock_timestamp() + make_interval(secs => $3)
WHERE target_id = $1 AND due_at <= clock_timestamp() + interval '25 milliseconds'
  AND (lease_until IS NULL OR lease_until < clock_timestamp())
RETURNING *, clock_timestamp() AS now, (SELECT paused FROM switches) AS paused,
  (SELECT coalesce(max(submission_index), 0) FROM rollouts r
   WHERE r.target_id = $1 AND r.outcome = 'stalled') AS stalled_index
"""

_WATCHES = """
SELECT w.*,
  (SELECT coalesce(array_agg(digest), '{}') FROM failures f WHERE f.watch_name = w.name) AS failed,
  (SELECT max(first_seen_at) FROM sightings s WHERE s.watch_name = w.name) AS newest_sighting
FROM watches w WHERE target_id = $1 AND present ORDER BY position
"""

_OPEN_EVENTS = """
SELECT ew.event_id, ew.watch_name, ew.attempts, ew.before_digest, e.action, e.tag, coalesce(e.digest, '') AS digest,
  extract(epoch FROM clock_timestamp() - d.received_at)::float8 AS age
FROM event_watches ew JOIN events e USING (event_id) JOIN deliveries d USING (delivery_id)
WHERE ew.settled_at IS NULL AND ew.watch_name = ANY($1) ORDER BY ew.event_id DESC LIMIT 2000
"""

_RENEW = """
UPDATE targets SET lease_until = clock_timestamp() + make_interval(secs => $3)
WHERE target_id = $1 AND lease_token = $2 AND lease_until >= clock_timestamp() RETURNING 1
"""

_FENCE = """
SELECT 1 FROM targets WHERE target_id = $1 AND lease_token = $2 AND lease_until >= clock_timestamp() FOR UPDATE
"""

# Targets are locked before watches and rollouts, everywhere.
_LOCK = "SELECT 1 FROM targets WHERE target_id = $1 FOR NO KEY UPDATE"

_SIGHT = """
INSERT INTO sightings (watch_name, digest, tag, found_by) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING 1
"""

# The mark is cleared only if it has not moved since the look began; else the target is due again at once.
_RELEASE = """
UPDATE targets SET lease_token = NULL, lease_until = NULL,
  due_at = CASE WHEN mark <> $3 THEN clock_timestamp()
                WHEN $4::float8 IS NULL THEN NULL
                ELSE clock_timestamp() + make_interval(secs => $4) END,
  thorough = CASE WHEN mark <> $3 THEN thorough ELSE $5 END,
  polled = polled AND (mark <> $3 OR $4::float8 IS NOT NULL),
  attempts = $6, rung_at = NULL
WHERE target_id = $1 AND lease_token = $2
RETURNING CASE WHEN mark <> $3 THEN 0.0 ELSE $4::float8 END AS due_in
"""

_JOB_READ = """
UPDATE targets SET job_index = $2, job_create_index = $3, job_version = $4, job_read_at = clock_timestamp(),
  foreign_since = CASE WHEN foreign_progress = $5 THEN foreign_since ELSE clock_timestamp() END,
  foreign_progress = $5
WHERE target_id = $1
"""

_TARGET_TROUBLE = """
UPDATE targets SET trouble = $2,
  trouble_since = CASE WHEN $2 = '' THEN NULL WHEN trouble = '' THEN clock_timestamp() ELSE trouble_since END
WHERE target_id = $1 AND trouble <> $2
"""

# A hiccup is not worth telling people; what lasts is told once, however its words change and whoever looks in between.
_HICCUP = 1.0  # seconds
_TELL_TROUBLE = """
UPDATE targets t SET trouble = $2, trouble_since = coalesce(trouble_since, clock_timestamp()) WHERE target_id = $1
RETURNING trouble_since <= clock_timestamp() - make_interval(secs => $3) AND NOT EXISTS (
  SELECT FROM notices n WHERE n.kind = 'trouble' AND n.job_id = t.job_id AND n.namespace = t.namespace
    AND n.created_at >= t.trouble_since)
"""

_POLL_LATER = """
UPDATE targets SET poll_at = greatest(poll_at, clock_timestamp() + make_interval(secs => $2)) WHERE target_id = $1
"""

_SUBMITTED = """
UPDATE rollouts SET state = 'submitted', submitted_at = clock_timestamp(), moved_at = clock_timestamp(),
  next_look_at = clock_timestamp(), evaluation_id = $2, submission_index = $3, submission_changed = $4,
  warnings = $5, trouble = '', rung_at = clock_timestamp()
WHERE rollout_id = $1 AND state = 'requested' RETURNING target_id
"""


class PostgresLooks:
    """`Looks` on Postgres; times and leases are the database's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, target_id: int, lease_seconds: float) -> Claim | None:
        """Take the lease in one statement, then read what the look weighs."""
        token = uuid4()
        async with self._database.connection() as connection:
            target = await connection.fetchrow(_CLAIM, target_id, token, lease_seconds)
            if target is None:
                return None
            watches = await connection.fetch(_WATCHES, target_id)
            events = await connection.fetch(_OPEN_EVENTS, [row["name"] for row in watches])
            rollout = await connection.fetchrow(rows.OPEN_ROLLOUT, target_id)
        return rows.claim(target, token, watches=watches, events=events, rollout=rollout)

    async def renew(self, claim: Claim, lease_seconds: float) -> bool:
        """Prolong the lease; False when it was lost."""
        async with self._database.connection() as connection:
            found = await connection.fetchval(_RENEW, claim.target_id, claim.token, lease_seconds)
        return found is not None

    async def sight(self, claim: Claim, watch: str, sight: Sight) -> bool:
        """Record a digest that the rule wants; True the first time."""
        async with self._database.connection() as connection:
            found = await connection.fetchval(_SIGHT, watch, sight.digest, sight.tag, sight.found_by)
        return found is not None

    async def settle(self, claim: Claim, result: Result) -> Written:
        """Write the look in one transaction; with a launch the lease stays, and so does the mark."""
        notices: list[int] = []
        async with self._database.transaction() as connection:
            await _fence(connection, claim)
            if (result.launch or result.ended) and await rows.overtaken(connection, claim):
                due_in = await _release(connection, claim, again_in=0.0, thorough=True, attempts=claim.attempts)
                return Written(due_in=due_in, overtaken=True)
            if result.job_read:
                await _write_job(connection, claim, result)
            if result.ended is not None and claim.rollout is not None:
                notices += await rows.end_rollout(connection, claim.rollout.rollout_id, result.ended)
            if result.launch is not None:
                await rows.write_launch(connection, claim, result.launch)
            for watch in result.watches:
                notices += await _write_watch(connection, claim, watch, result.launch)
            if result.poll_in is not None:
                await connection.execute(_POLL_LATER, claim.target_id, result.poll_in)
            if result.launch is not None:
                return Written(notice_ids=tuple(notices))
            await connection.execute(_TARGET_TROUBLE, claim.target_id, "")
            # Once all is settled, the next poll need not read the job; until then the next look does.
            unsettled = result.job_read and result.again_in is not None
            due_in = await _release(
                connection, claim, again_in=result.again_in, thorough=unsettled, attempts=result.attempts
            )
        return Written(due_in=due_in, notice_ids=tuple(notices))

    async def submitted(self, claim: Claim, rollout_id: UUID, submission: Submission, launch: Launch | None) -> Written:
        """Record the registration: a fact, and so written even when the lease was lost meanwhile."""
        notices: list[int] = []
        async with self._database.transaction() as connection:
            await connection.execute(_LOCK, claim.target_id)
            target_id = await connection.fetchval(
                _SUBMITTED,
                rollout_id,
                submission.evaluation_id,
                submission.index,
                submission.changed,
                submission.warnings,
            )
            # A person's word may have ended the rollout meanwhile; what it wrote into the job is there all the same.
            deployed = await rows.write_deployed(connection, rollout_id)
            if target_id is not None:
                notices = await rows.deploying_notices(connection, rollout_id, deployed)
            await connection.execute(_TARGET_TROUBLE, claim.target_id, "")
            due_in = await _release(connection, claim, again_in=None, thorough=False, attempts=0)
        return Written(due_in=due_in, notice_ids=tuple(notices))

    async def put_off(self, claim: Claim, *, seconds: float, trouble: str) -> Written:
        """Look again later; the trouble is told once, however its words change, until it has passed."""
        notices: list[int] = []
        async with self._database.transaction() as connection:
            await _fence(connection, claim)
            if not trouble:
                await connection.execute(_TARGET_TROUBLE, claim.target_id, "")
            elif await connection.fetchval(_TELL_TROUBLE, claim.target_id, storable(trouble, MAX_DETAIL), _HICCUP):
                notices.append(await rows.trouble_notice(connection, claim, trouble))
            due_in = await _release(connection, claim, again_in=seconds, thorough=True, attempts=claim.attempts + 1)
        return Written(due_in=due_in, notice_ids=tuple(notices))

    async def refuse(self, claim: Claim, rollout_id: UUID, outcome: Outcome) -> Written:
        """End a rollout that Nomad refuses."""
        async with self._database.transaction() as connection:
            await _fence(connection, claim)
            notices = await rows.end_rollout(connection, rollout_id, outcome)
            due_in = await _release(connection, claim, again_in=0.0, thorough=True, attempts=0)
        return Written(due_in=due_in, notice_ids=tuple(notices))


async def _fence(connection: Connection, claim: Claim) -> None:
    if await connection.fetchval(_FENCE, claim.target_id, claim.token) is None:
        raise LeaseLost(claim.target_id)


async def _release(
    connection: Connection, claim: Claim, *, again_in: float | None, thorough: bool, attempts: int
) -> float | None:
    due_in: float | None = await connection.fetchval(
        _RELEASE, claim.target_id, claim.token, claim.mark, again_in, thorough, attempts
    )
    return due_in


async def _write_job(connection: Connection, claim: Claim, result: Result) -> None:
    job = result.job
    await connection.execute(
        _JOB_READ,
        claim.target_id,
        job.index if job else 0,
        job.create_index if job else 0,
        job.version if job else 0,
        result.foreign_progress,
    )


_SIGHTED = """
UPDATE watches SET tags = coalesce($2, tags),
  tags_read_at = CASE WHEN $2::text[] IS NULL THEN tags_read_at ELSE clock_timestamp() END,
  wanted_tag = $3, wanted_digest = $4, trouble = '', trouble_since = NULL
WHERE name = $1
  AND ($2::text[] IS NOT NULL AND ($2 <> tags OR tags_read_at IS NULL
       OR tags_read_at < clock_timestamp() - interval '5 minutes')
       OR wanted_tag <> $3 OR wanted_digest <> $4 OR trouble <> '')
"""

_TROUBLE = """
UPDATE watches SET trouble = $2, trouble_since = coalesce(trouble_since, clock_timestamp()) WHERE name = $1
"""

# A rollout may have failed while this look was under way: what the look did not know of is left for the next.
_REMEMBER = """
UPDATE watches SET running = $2, job_create_index = $3, digests = $4, first_highest = $5, expected = $6,
  adopt = adopt AND NOT $10, hand_changed_at = $7, hand_images = $8, digest_tags = $9
WHERE name = $1
"""

# A job that was purged and created again: what failed in the old one is no matter.
_FORGET_FAILURES = """
DELETE FROM failures WHERE watch_name = (
  SELECT name FROM watches WHERE name = $1 AND job_create_index NOT IN (0, $2))
"""

_SAME_DECISION = """
UPDATE decisions SET looks = looks + 1, last_at = clock_timestamp()
WHERE decision_id = (SELECT decision_id FROM watches WHERE name = $1)
  AND ($2::text IS NULL OR (kind, reason, words, tag, digest) = ($2, $3, $4, $5, $6)
       AND rollout_id IS NOT DISTINCT FROM $7)
RETURNING decision_id
"""

_NEW_DECISION = """
WITH made AS (
  INSERT INTO decisions (watch_name, kind, reason, words, tag, digest, rollout_id)
  VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING decision_id)
UPDATE watches SET decision_id = made.decision_id FROM made WHERE name = $1 RETURNING made.decision_id
"""

_ANSWER = """
UPDATE event_watches ew SET attempts = attempts + 1, answer = a.words, decision_id = $3,
  settled_at = CASE WHEN a.settled THEN clock_timestamp() END
FROM unnest($2::bigint[], $4::boolean[], $5::text[]) AS a (event_id, settled, words)
WHERE ew.watch_name = $1 AND ew.event_id = a.event_id
"""


async def _write_watch(
    connection: Connection, claim: Claim, result: WatchResult, launch: Launch | None
) -> Sequence[int]:
    if result.trouble:
        await connection.execute(_TROUBLE, result.watch, storable(result.trouble, MAX_DETAIL))
        return []
    sight = result.sight
    if sight is not None:
        tags = sorted(sight.tags) if sight.tags is not None else None
        await connection.execute(_SIGHTED, result.watch, tags, sight.tag, sight.digest)
    if result.decision is None:
        await connection.execute(_SAME_DECISION, result.watch, None, None, None, None, None, None)
        return []
    await _remember(connection, claim, result)
    rollout_id = launch.rollout_id if launch and any(item.watch == result.watch for item in launch.items) else None
    decision_id, new = await _write_decision(connection, result, rollout_id)
    if result.events:
        await connection.execute(
            _ANSWER,
            result.watch,
            [each.event_id for each in result.events],
            decision_id,
            [each.settled for each in result.events],
            [each.words for each in result.events],
        )
    if new and result.notify:
        return await _held_notice(connection, claim, result)
    return []


async def _remember(connection: Connection, claim: Claim, result: WatchResult) -> None:
    history = result.history
    if not result.running:
        return
    create_index = await connection.fetchval(
        "SELECT job_create_index FROM targets WHERE target_id = $1", claim.target_id
    )
    await connection.execute(_FORGET_FAILURES, result.watch, create_index)
    await connection.execute(
        _REMEMBER,
        result.watch,
        [dict(each) for each in result.running],
        create_index,
        dict(history.digests),
        history.first_highest,
        dict(history.expected),
        result.hand_changed_at,
        dict(result.hand_images),
        dict(history.tags),
        next(state.adopt for state in claim.watches if state.watch.name == result.watch),
    )


async def _write_decision(connection: Connection, result: WatchResult, rollout_id: UUID | None) -> tuple[int, bool]:
    decision = result.decision
    kind = "deploy" if isinstance(decision, Deploy) else "hold"
    reason = decision.reason.value if isinstance(decision, Hold) else "deploy"
    assert decision is not None  # the caller has set aside looks without one
    values = (result.watch, kind, reason, decision.words, decision.tag, decision.digest, rollout_id)
    same = await connection.fetchval(_SAME_DECISION, *values)
    if same is not None:
        return int(same), False
    return int(await connection.fetchval(_NEW_DECISION, *values)), True


# Holds that wait for a person, and so are told; the others pass by themselves or were told as a rollout's end.
_FOR_A_PERSON = frozenset(
    {
        HoldReason.UNUSABLE,
        HoldReason.AUTO_DEPLOY_OFF,
        HoldReason.OBSERVE_ONLY,
        HoldReason.CHANGED_OUTSIDE,
        HoldReason.DOWNGRADE,
        HoldReason.NOT_A_RELEASE,
    }
)


async def _held_notice(connection: Connection, claim: Claim, result: WatchResult) -> Sequence[int]:
    decision = result.decision
    if not isinstance(decision, Hold) or decision.reason not in _FOR_A_PERSON:
        return []
    return [
        await add_notice(
            connection,
            kind=NoticeKind.HELD,
            headline=f"{result.watch}: nothing is deployed",
            detail=decision.words,
            watch_names=(result.watch,),
            job_id=claim.place.job_id,
            namespace=claim.place.namespace,
        )
    ]
