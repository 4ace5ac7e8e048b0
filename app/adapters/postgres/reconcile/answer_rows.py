"""Writes the answers to the events of a watch: of this pass, and of earlier ones whose tag was waiting."""

from app.adapters.postgres.database.pool import Connection, Row
from app.domain.answers import Outlook, PushedTag, answer_push
from app.domain.rollout import OutcomeKind
from app.services.reconcile.result import WatchResult

_ANSWER = """
UPDATE event_watches ew SET attempts = attempts + 1, answer = a.message, decision_id = $3,
  settled_at = CASE WHEN a.settled THEN clock_timestamp() END, pending = a.pending
FROM unnest($2::bigint[], $4::boolean[], $5::text[], $6::boolean[]) AS a (event_id, settled, message, pending)
WHERE ew.watch_name = $1 AND ew.event_id = a.event_id
"""

# The rollout of an event is the newest one of its tag since, if possible of its own digest. One of another digest
# counts only if it was requested after the event, and is no undo: an earlier one deploys what the tag was before.
_PENDING = """
SELECT ew.event_id, e.tag, r.rollout_id, r.outcome, r.reason, r.decision_id
FROM event_watches ew JOIN events e USING (event_id)
LEFT JOIN LATERAL (
  SELECT o.rollout_id, o.outcome, o.reason, (SELECT max(d.decision_id) FROM decisions d
    WHERE d.watch_name = ew.watch_name AND d.rollout_id = o.rollout_id AND d.first_at >= o.created_at) AS decision_id
  FROM rollout_watches rw JOIN rollouts o USING (rollout_id)
  WHERE rw.watch_name = ew.watch_name AND rw.tag = e.tag AND (o.ended_at IS NULL OR o.ended_at > ew.known_at)
    AND (e.digest IS NULL OR rw.digest = e.digest OR (rw.requested_at >= ew.known_at AND o.undoes IS NULL))
  ORDER BY rw.digest IS NOT DISTINCT FROM e.digest DESC, rw.requested_at DESC LIMIT 1) r ON true
WHERE ew.watch_name = $1 AND ew.pending AND ew.settled_at IS NOT NULL ORDER BY ew.event_id DESC LIMIT 2000
"""

_ANSWER_AGAIN = """
UPDATE event_watches ew SET answer = a.message, pending = a.pending, decision_id = coalesce(a.decision_id, $3)
FROM unnest($2::bigint[], $4::text[], $5::boolean[], $6::bigint[]) AS a (event_id, message, pending, decision_id)
WHERE ew.watch_name = $1 AND ew.event_id = a.event_id
"""


async def write_answers(connection: Connection, result: WatchResult, decision_id: int, *, is_new: bool) -> None:
    """Answer the events of this pass; after a new decision, also those that wait. Most passes write nothing."""
    if result.events:
        await connection.execute(
            _ANSWER,
            result.watch,
            [each.event_id for each in result.events],
            decision_id,
            [each.settled for each in result.events],
            [each.message for each in result.events],
            [each.pending for each in result.events],
        )
    if is_new and result.outlook is not None:
        await _answer_pending(connection, result, result.outlook, decision_id)


async def _answer_pending(connection: Connection, result: WatchResult, outlook: Outlook, decision_id: int) -> None:
    """Answer the events again whose tags were waiting: a new decision may tell what became of them."""
    answered = {event.event_id for event in result.events}
    rows = [row for row in await connection.fetch(_PENDING, result.watch) if row["event_id"] not in answered]
    if not rows:
        return
    answers = [answer_push(_pushed(row), outlook) for row in rows]
    await connection.execute(
        _ANSWER_AGAIN,
        result.watch,
        [row["event_id"] for row in rows],
        decision_id,
        [each.message for each in answers],
        [not each.is_final for each in answers],
        [row["decision_id"] for row in rows],
    )


def _pushed(row: Row) -> PushedTag:
    return PushedTag(
        tag=row["tag"],
        was_rolled_out=row["rollout_id"] is not None,
        outcome=OutcomeKind(row["outcome"]) if row["outcome"] else None,
        reason=row["reason"] or "",
    )
