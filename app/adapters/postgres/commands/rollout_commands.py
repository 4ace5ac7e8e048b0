"""The store of commands about rollouts: for its canaries, and rollbacks.

The target's row is locked before its watches and rollouts, in the same order as by a reconcile.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import asyncpg

from app.adapters.postgres.commands import audit
from app.adapters.postgres.database import targets
from app.adapters.postgres.database.places import place
from app.adapters.postgres.database.pool import Database, Row
from app.adapters.postgres.database.rollouts import label_of
from app.adapters.postgres.database.stored import read_deployment, read_specified
from app.adapters.postgres.database.targets import make_due
from app.adapters.postgres.notify.notifications import MAX_DETAIL, storable
from app.adapters.postgres.reconcile import claim_rows
from app.adapters.postgres.rollout import requests
from app.domain.rollout import Origin, OutcomeKind, RolloutState
from app.domain.undo import Reversal, running_digest, undone_by_rollout
from app.domain.watch import JobPlace
from app.services.commands import audit_entries
from app.services.commands.rollout_commands import (
    Destination,
    RevertibleItem,
    RevertibleRollout,
    RollbackRequested,
    Underway,
    rollback,
)
from app.services.commands.watch_commands import KnownRequest
from app.services.rollout.rollouts import CanaryCommand

_UNDERWAY = f"SELECT r.*, {label_of('r.rollout_id')} AS what FROM rollouts r WHERE rollout_id = $1"

_COMMAND_CANARIES = """
WITH before AS (
  SELECT rollout_id, canary_command FROM rollouts WHERE rollout_id = $1 AND state = 'submitted' FOR UPDATE)
UPDATE rollouts r SET canary_command = $2, canary_command_by = $3,
  follow_at = clock_timestamp(), woken_at = clock_timestamp()
FROM before WHERE r.rollout_id = before.rollout_id RETURNING before.canary_command
"""

_NEWEST = """
SELECT rollout_id FROM rollouts WHERE target_id = $1 AND submitted_at IS NOT NULL ORDER BY intent DESC LIMIT 1
"""

_REVERTIBLE = f"""
SELECT r.*, {label_of("r.rollout_id")} AS what, t.region, t.namespace, t.job_id, newest.rollout_id AS newest,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('rollout_id', b.rollout_id, 'origin', b.origin, 'intent', b.intent,
      'ended', b.ended_at IS NOT NULL, 'label', {label_of("b.rollout_id")})), '[]')
   FROM rollouts b WHERE b.target_id = r.target_id AND b.undoes = r.rollout_id) AS reversals
FROM rollouts r
JOIN targets t USING (target_id)
LEFT JOIN LATERAL ({_NEWEST.replace("$1", "r.target_id")}) newest ON true
WHERE r.rollout_id = $1
"""

_ITEMS = """
SELECT rw.watch_name, rw.tag AS item_tag, rw.digest AS item_digest, rw.from_tag, rw.from_digest,
  w.present AND w.target_id = t.target_id AS here, w.*,
  t.job_read_at > (SELECT max(coalesce(o.ended_at, 'infinity')) FROM rollouts o
    WHERE o.target_id = t.target_id AND o.submitted_at IS NOT NULL) AS read_since,
  array(SELECT digest FROM failures f WHERE f.watch_name = w.name) AS failed,
  newest.from_digest AS former_digest, newest.from_images AS former
FROM rollout_watches rw
JOIN rollouts r USING (rollout_id)
JOIN targets t USING (target_id)
JOIN watches w ON w.name = rw.watch_name
LEFT JOIN rollout_watches newest ON newest.rollout_id = $2 AND newest.watch_name = rw.watch_name
WHERE rw.rollout_id = $1 ORDER BY rw.watch_name
"""

_NAMES = "SELECT watch_name FROM rollout_watches WHERE rollout_id = $1 ORDER BY watch_name"

_TARGET = "SELECT target_id FROM rollouts WHERE rollout_id = $1"

_HOLD_ROLLED_BACK = """
UPDATE watches SET rolled_back_at = clock_timestamp(), rolled_back_by = $2, rolled_back_reason = $3 WHERE name = ANY($1)
"""


class PostgresRolloutCommands:
    """`RolloutCommands` on Postgres; the times are the database's."""

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
            canary_command=CanaryCommand(row["canary_command"]) if row["canary_command"] else None,
        )

    async def command_canaries(
        self, rollout_id: UUID, canary_command: CanaryCommand, *, by: str, reason: str = ""
    ) -> bool:
        """Store the command; a repeated one is not logged again."""
        async with self._database.transaction() as connection:
            before = await connection.fetchval(_COMMAND_CANARIES, rollout_id, canary_command.value, by)
            if before is None:
                return False
            if entry := audit_entries.canary_entry(canary_command, before=CanaryCommand(before) if before else None):
                action, detail = entry
                names = [row["watch_name"] for row in await connection.fetch(_NAMES, rollout_id)]
                await audit.record(
                    connection, action, by=by, watches=names, detail=detail, reason=reason, rollout_id=rollout_id
                )
        return True

    async def revertible(self, rollout_id: UUID) -> RevertibleRollout | None:
        """Read the rollout and its watches, in two statements."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_REVERTIBLE, rollout_id)
            if row is None:
                return None
            items = await connection.fetch(_ITEMS, rollout_id, row["newest"])
        reversal = undone_by_rollout(map(_reversal, row["reversals"]), row["newest"])
        return RevertibleRollout(
            rollout_id=rollout_id,
            target_id=row["target_id"],
            what=row["what"],
            origin=Origin(row["origin"]),
            registered=row["submitted_at"] is not None,
            outcome=OutcomeKind(row["outcome"]) if row["outcome"] else None,
            newest=row["newest"],
            undone_by_rollout=reversal.rollout_id if reversal else None,
            undone_by_us=reversal is not None and reversal.origin is Origin.UNDO,
            undoing=reversal.label if reversal and not reversal.ended else "",
            items=tuple(_item(each, place(row)) for each in items),
        )

    async def known_request(self, rollout_id: UUID, idempotency_key: UUID) -> KnownRequest | None:
        """Read the request of the key, and compare it with the rollout's target."""
        async with self._database.connection() as connection:
            target_id = await connection.fetchval(_TARGET, rollout_id)
            return await audit.known_request(connection, idempotency_key, target_id=target_id)

    async def roll_back(
        self,
        revertible: RevertibleRollout,
        destinations: Sequence[Destination],
        *,
        by: str,
        reason: str = "",
        idempotency_key: UUID | None = None,
    ) -> RollbackRequested | None:
        """Write the rollback, its audit log and its holds in one transaction."""
        # The second try finds a key that a rollout of another job took while we wrote ours.
        with suppress(asyncpg.UniqueViolationError):
            return await self._roll_back(
                revertible, destinations, by=by, reason=reason, idempotency_key=idempotency_key
            )
        return await self._roll_back(revertible, destinations, by=by, reason=reason, idempotency_key=idempotency_key)

    async def _roll_back(
        self,
        revertible: RevertibleRollout,
        destinations: Sequence[Destination],
        *,
        by: str,
        reason: str,
        idempotency_key: UUID | None,
    ) -> RollbackRequested | None:
        async with self._database.transaction() as connection:
            await targets.lock(connection, revertible.target_id)
            if idempotency_key and (
                known := await audit.known_request(connection, idempotency_key, target_id=revertible.target_id)
            ):
                return RollbackRequested(rollout_id=idempotency_key, key_conflict=not known.same_target)
            if await connection.fetchval(_NEWEST, revertible.target_id) != revertible.newest:
                return None
            request = rollback(revertible, destinations, by=by)
            started = await requests.start(connection, revertible.target_id, request, idempotency_key=idempotency_key)
            if not started.is_new:
                return RollbackRequested(rollout_id=started.rollout_id)
            for each in destinations:
                action, detail = audit_entries.rollback_entry(each)
                await audit.record(
                    connection,
                    action,
                    by=by,
                    watches=[each.watch.name],
                    detail=detail,
                    reason=reason,
                    rollout_id=started.rollout_id,
                )
            names = [each.watch.name for each in destinations]
            await connection.execute(_HOLD_ROLLED_BACK, names, storable(by, MAX_DETAIL), reason)
            await make_due(connection, [revertible.target_id])
        return RollbackRequested(
            rollout_id=started.rollout_id, notification_delivery_ids=tuple(started.notification_delivery_ids)
        )


def _item(row: Row, at: JobPlace) -> RevertibleItem:
    return RevertibleItem(
        name=row["watch_name"],
        watch=claim_rows.watch(row, at) if row["here"] else None,
        tag=row["item_tag"],
        digest=row["item_digest"],
        from_tag=row["from_tag"],
        from_digest=row["from_digest"],
        running=running_digest(
            {each.digest for each in read_specified(row["specified"])},
            row["failed"],
            read_since=bool(row["read_since"]),
        ),
        failed=frozenset(row["failed"]),
        former=row["former"] or {},
        former_digest=row["former_digest"] or "",
    )


def _reversal(each: Mapping[str, Any]) -> Reversal:
    return Reversal(
        rollout_id=UUID(each["rollout_id"]),
        origin=Origin(each["origin"]),
        intent=each["intent"],
        ended=each["ended"],
        label=each["label"],
    )
