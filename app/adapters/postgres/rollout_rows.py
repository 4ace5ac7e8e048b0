"""How a rollout is written down, what it leaves on its watches, and how it ends, each with its notices."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from app.adapters.postgres.notices import MAX_DETAIL, add_notice, storable
from app.adapters.postgres.pool import Connection, Row
from app.adapters.postgres.stored import StoredChange, read_diagnosis, write_changes
from app.domain.job import Diagnosis, Order, Source, Submission
from app.domain.notice import NoticeKind
from app.domain.rollout import Origin, Outcome, OutcomeKind, RolloutState
from app.services.target import Claim, Launch, LeaseLost

_END = """
UPDATE rollouts SET state = 'ended', outcome = $2, reason = $3, ended_at = clock_timestamp(), next_look_at = NULL,
  lease_token = NULL, lease_until = NULL
WHERE rollout_id = $1 AND ended_at IS NULL
RETURNING rollout_id, diagnosis, (SELECT job_id FROM targets t WHERE t.target_id = rollouts.target_id) AS job_id,
  (SELECT namespace FROM targets t WHERE t.target_id = rollouts.target_id) AS namespace,
  (SELECT array_agg(watch_name ORDER BY watch_name) FROM rollout_watches rw WHERE rw.rollout_id = $1) AS names,
  (SELECT string_agg(watch_name || ' ' || coalesce(nullif(tag, ''), digest), ', ' ORDER BY watch_name)
   FROM rollout_watches rw WHERE rw.rollout_id = $1) AS what
"""

_WHAT = """
SELECT job_id, namespace,
  (SELECT array_agg(watch_name ORDER BY watch_name) FROM rollout_watches rw WHERE rw.rollout_id = $1) AS names,
  (SELECT string_agg(watch_name || ' ' || coalesce(nullif(tag, ''), digest), ', ' ORDER BY watch_name)
   FROM rollout_watches rw WHERE rw.rollout_id = $1) AS what
FROM rollouts JOIN targets USING (target_id) WHERE rollout_id = $1
"""

_LINES_TOLD = 5

_NEW_ROLLOUT = """
INSERT INTO rollouts (rollout_id, target_id, intent, origin, expected_index, changes)
SELECT $1, $2, coalesce(max(intent), 0) + 1, $3, $4, $5 FROM rollouts WHERE target_id = $2
"""

_REUSE_ROLLOUT = """
UPDATE rollouts SET expected_index = $2, changes = $3
WHERE rollout_id = $1 AND state = 'requested' RETURNING 1
"""

# What a person asked for and this look did not find, or found running, is not part of what is registered.
_DROP_ITEMS = "DELETE FROM rollout_watches WHERE rollout_id = $1 AND watch_name <> ALL($2)"

_ITEM = """
INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced, from_images, words, from_tag, from_digest,
  asked_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, created_at FROM rollouts WHERE rollout_id = $1
ON CONFLICT (rollout_id, watch_name) DO UPDATE
SET tag = excluded.tag, digest = excluded.digest, from_images = excluded.from_images, words = excluded.words,
  from_tag = excluded.from_tag, from_digest = excluded.from_digest
"""

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
  hand_changed_at = NULL, hand_images = '{}', adopt = false
FROM rollout_watches rw JOIN rollouts r USING (rollout_id)
WHERE r.rollout_id = $1 AND rw.watch_name = w.name AND r.target_id = w.target_id AND w.expected_intent < r.intent
RETURNING w.name, rw.tag, rw.digest, rw.words, r.origin, r.asked_by
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

# The registration of an order is a fact about its rollout: recorded once, also when the lease was lost meanwhile and
# when a person's word has ended the rollout. An order that was replaced since is not this rollout's any more.
_SUBMITTED = """
UPDATE rollouts SET submitted_at = clock_timestamp(), evaluation_id = $2, submission_index = $3,
  submission_changed = $4, warnings = $5,
  state = CASE state WHEN 'requested' THEN 'submitted' ELSE state END,
  moved_at = clock_timestamp(),
  next_look_at = CASE state WHEN 'requested' THEN clock_timestamp() END, rung_at = clock_timestamp()
WHERE rollout_id = $1 AND submission_index IS NULL AND expected_index = $6
  AND (SELECT jsonb_object_agg(c->>'key', c->>'image') FROM jsonb_array_elements(changes) c) = $7
RETURNING state = 'submitted' AS under_way
"""


async def write_launch(connection: Connection, claimed: Claim, launch: Launch) -> None:
    """Write down exactly what is about to be registered. Raises LeaseLost when the open rollout was submitted since."""
    changes = write_changes(
        StoredChange(key=key, watch=launch.task_watches[key], identity=launch.identities[key], change=change)
        for key, change in launch.order.changes.items()
    )
    if launch.reuse:
        reused = await connection.fetchval(_REUSE_ROLLOUT, launch.rollout_id, launch.order.expected_index, changes)
        if reused is None:
            raise LeaseLost(claimed.target_id)
        await connection.execute(_DROP_ITEMS, launch.rollout_id, [item.watch for item in launch.items])
    else:
        await connection.execute(
            _NEW_ROLLOUT,
            launch.rollout_id,
            claimed.target_id,
            Origin.RULE.value,
            launch.order.expected_index,
            changes,
        )
    for item in launch.items:
        await connection.execute(
            _ITEM,
            launch.rollout_id,
            item.watch,
            item.tag,
            item.digest,
            item.forced,
            dict(launch.from_images[item.watch]),
            launch.words[item.watch],
            *launch.before[item.watch],
        )


async def may_still_come(connection: Connection, rollout_id: UUID) -> None:
    """The rollout's order is given up, and a worker may be registering it: remember what it would put into the job."""
    await connection.execute(_MAY_STILL_COME, rollout_id)


async def write_submitted(
    connection: Connection, rollout_id: UUID, order: Order, submission: Submission
) -> list[int] | None:
    """Record that Nomad has the order: on the rollout, and on the watches that no newer rollout has written on.

    Returns the notices; None when somebody else has recorded it, or when the rollout has another order by now.
    """
    images = {str(key): change.image for key, change in order.changes.items()}
    under_way = await connection.fetchval(
        _SUBMITTED,
        rollout_id,
        submission.evaluation_id,
        submission.index,
        submission.changed,
        submission.warnings,
        order.expected_index,
        images,
    )
    if under_way is None:
        return None
    deployed: Sequence[Row] = await connection.fetch(_DEPLOYED, rollout_id)
    if submission.source is not Source.NONE:  # what has no source tells nothing
        note = submission.source_note if submission.source is Source.STALE else ""
        await connection.execute(_SOURCE, [row["name"] for row in deployed], storable(note, MAX_DETAIL))
    return await deploying_notices(connection, rollout_id, deployed) if under_way else []


async def deploying_notices(connection: Connection, rollout_id: UUID, found: Sequence[Row]) -> list[int]:
    """Tell that the rollout is in Nomad; `found` are its watches, from `_DEPLOYED`."""
    place = await connection.fetchrow(
        "SELECT job_id, namespace FROM targets JOIN rollouts USING (target_id) WHERE rollout_id = $1", rollout_id
    )
    changed = [row for row in found if row["words"].startswith("the digest behind")]
    notices = []
    for kind, told in ((NoticeKind.DIGEST_CHANGED, changed), (NoticeKind.DEPLOYING, found)):
        if told:
            notices.append(
                await add_notice(
                    connection,
                    kind=kind,
                    headline=_headline(kind, told),
                    detail="; ".join(sorted({row["words"] for row in told if row["words"]})),
                    watch_names=tuple(row["name"] for row in told),
                    rollout_id=rollout_id,
                    job_id=place["job_id"],
                    namespace=place["namespace"],
                )
            )
    return notices


def _headline(kind: NoticeKind, told: Sequence[Row]) -> str:
    what = ", ".join(f"{row['name']} {row['tag'] or row['digest']}" for row in told)
    return f"{what}: the digest changed" if kind is NoticeKind.DIGEST_CHANGED else f"Deploying {what}"


_KINDS = {
    OutcomeKind.SUCCEEDED: NoticeKind.SUCCEEDED,
    OutcomeKind.FAILED: NoticeKind.FAILED,
    OutcomeKind.SUPERSEDED: NoticeKind.SUPERSEDED,
}


async def end_rollout(connection: Connection, rollout_id: UUID, outcome: Outcome) -> list[int]:
    """End the rollout, once, with its notice; nothing happens when it has ended already."""
    row = await connection.fetchrow(_END, rollout_id, outcome.kind.value, storable(outcome.reason, MAX_DETAIL))
    if row is None:
        return []
    words = outcome.kind.value.replace("_", " ")
    return [
        await add_notice(
            connection,
            kind=_KINDS.get(outcome.kind, NoticeKind.ENDED),
            headline=f"{row['what']}: {words}",
            detail="\n".join(
                [outcome.reason, *_explained(outcome.reason, read_diagnosis(row["diagnosis"]) or Diagnosis())]
            ),
            watch_names=tuple(row["names"] or ()),
            rollout_id=rollout_id,
            job_id=row["job_id"],
            namespace=row["namespace"],
        )
    ]


async def supersede(connection: Connection, rollout_id: UUID, reason: str) -> list[int]:
    """End the rollout since a person asked for another; what a worker may be registering of it may still come."""
    notices = await end_rollout(connection, rollout_id, Outcome(kind=OutcomeKind.SUPERSEDED, reason=reason))
    await may_still_come(connection, rollout_id)
    return notices


def _explained(reason: str, diagnosis: Diagnosis) -> Iterator[str]:
    """What was found out beyond the reason, and what the failed tasks wrote last, a few lines each."""
    yield from (finding for finding in diagnosis.findings if finding not in reason)
    for log in diagnosis.logs:
        yield "\n".join([f"{log.task} wrote last:", *log.text.splitlines()[-_LINES_TOLD:]])


async def canaries_notice(connection: Connection, rollout_id: UUID, note: str) -> list[int]:
    """Tell that the rollout's canaries wait for a person."""
    row = await connection.fetchrow(_WHAT, rollout_id)
    return [
        await add_notice(
            connection,
            kind=NoticeKind.AWAITS_PROMOTION,
            headline=f"{row['what']}: waiting for promotion",
            detail=note,
            watch_names=tuple(row["names"] or ()),
            rollout_id=rollout_id,
            job_id=row["job_id"],
            namespace=row["namespace"],
        )
    ]


async def overtaken(connection: Connection, claimed: Claim) -> bool:
    """Whether a person spoke, or the open rollout went another way, since the look began. Holds the target's row."""
    rollout = await connection.fetchrow(
        "SELECT rollout_id, state FROM rollouts WHERE target_id = $1 AND ended_at IS NULL", claimed.target_id
    )
    found = (rollout["rollout_id"], rollout["state"] == RolloutState.SUBMITTED.value) if rollout else None
    known = (claimed.rollout.rollout_id, claimed.rollout.submitted) if claimed.rollout else None
    words = await connection.fetch("SELECT name, word_at FROM watches WHERE target_id = $1", claimed.target_id)
    spoken = {row["name"]: row["word_at"] for row in words}
    paused = await connection.fetchval("SELECT paused FROM switches")
    return (
        found != known
        or (paused and not claimed.paused)
        or any(spoken.get(state.watch.name) != state.word_at for state in claimed.watches)
    )


async def trouble_notice(connection: Connection, claimed: Claim, trouble: str) -> int:
    """Tell of what keeps the target from being looked at."""
    return await add_notice(
        connection,
        kind=NoticeKind.TROUBLE,
        headline=f"{claimed.place}: waiting",
        detail=trouble,
        watch_names=tuple(state.watch.name for state in claimed.watches),
        job_id=claimed.place.job_id,
        namespace=claimed.place.namespace,
    )
