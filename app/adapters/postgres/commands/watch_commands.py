"""The store of commands about watches: a command is one transaction, and supersedes an active rollout.

The target's row is locked before its watches and rollouts, in the same order as by a reconcile.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import asyncpg

from app.adapters.postgres.commands import audit, holds
from app.adapters.postgres.database import targets
from app.adapters.postgres.database.places import place
from app.adapters.postgres.database.pool import Database, Row
from app.adapters.postgres.database.stored import read_specified
from app.adapters.postgres.database.targets import make_due
from app.adapters.postgres.notify.notifications import MAX_DETAIL, add_notifications, storable
from app.adapters.postgres.reconcile import claim_rows
from app.adapters.postgres.rollout import requests
from app.domain.history import History
from app.domain.notification import Subject, of_auto_deploy
from app.domain.rule import highest_tag
from app.services.commands import audit_entries
from app.services.commands.audit import AuditAction
from app.services.commands.watch_commands import Command, CommandResult, CurrentRule, KnownRequest, Released

_FIND = """
SELECT w.*, t.region, t.namespace, t.job_id,
  array(SELECT digest FROM failures f WHERE f.watch_name = w.name AND released_at IS NULL) AS failed,
  array(SELECT digest FROM failures f WHERE f.watch_name = w.name AND released_at IS NOT NULL) AS released
FROM watches w JOIN targets t USING (target_id)
WHERE w.name = $1 AND w.present
"""

_LOCK_WATCH = """
SELECT pinned_tag, auto_deploy FROM watches WHERE name = $1 AND target_id = $2 AND present FOR NO KEY UPDATE
"""

_SET = """
UPDATE watches SET pinned_tag = coalesce($2, pinned_tag), auto_deploy = coalesce($3, auto_deploy),
  pinned_by = CASE WHEN $4 THEN $6 ELSE pinned_by END, pinned_reason = CASE WHEN $4 THEN $7 ELSE pinned_reason END,
  pinned_at = CASE WHEN $4 THEN clock_timestamp() ELSE pinned_at END,
  switched_by = CASE WHEN $5 THEN $6 ELSE switched_by END,
  switched_reason = CASE WHEN $5 THEN $7 ELSE switched_reason END,
  switched_at = CASE WHEN $5 THEN clock_timestamp() ELSE switched_at END,
  commanded_at = clock_timestamp()
WHERE name = $1
"""

_TARGET = "SELECT target_id FROM watches WHERE name = $1 AND present"

_SWITCH = """
UPDATE switches SET paused = $1, changed_by = $2, changed_at = clock_timestamp(), reason = $3
WHERE paused <> $1 RETURNING 1
"""

_ALL = "SELECT DISTINCT target_id FROM watches WHERE present ORDER BY target_id"


class PostgresWatchCommands:
    """`WatchCommands` on Postgres; the times are the database's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, name: str) -> CurrentRule | None:
        """Read the watch, its rule and its running tag."""
        if "\0" in name:  # no name has it, and Postgres refuses it
            return None
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_FIND, name)
        return None if row is None else _current_rule(row)

    async def execute(self, command: Command) -> CommandResult | None:
        """Write the command, its rollout, its notifications and its audit log."""
        # The second try finds a watch that moved to another job while we waited for the lock of its former one. It also
        # finds a key that a rollout of another job took while we wrote ours.
        with suppress(asyncpg.UniqueViolationError):
            if result := await self._execute(command):
                return result
        return await self._execute(command)

    async def _execute(self, command: Command) -> CommandResult | None:
        async with self._database.transaction() as connection:
            target = await targets.lock_of_watch(connection, command.watch)
            before = target and await connection.fetchrow(_LOCK_WATCH, command.watch, target["target_id"])
            if before is None:
                return None
            if command.idempotency_key and (
                known := await audit.known_request(connection, command.idempotency_key, target_id=target["target_id"])
            ):
                return CommandResult(
                    target_id=target["target_id"],
                    rollout_id=command.idempotency_key,
                    key_conflict=not known.same_target,
                )
            await connection.execute(
                _SET,
                command.watch,
                command.pinned_tag,
                command.auto_deploy,
                command.pins_anew(before["pinned_tag"]),
                command.switches_anew(before["auto_deploy"]),
                storable(command.by, MAX_DETAIL),
                command.reason,
            )
            toggled = of_auto_deploy(
                command.watch,
                before=before["auto_deploy"],
                after=command.auto_deploy,
                actor=command.by,
                reason=command.reason,
                subject=Subject(watch_names=(command.watch,), job_id=target["job_id"], namespace=target["namespace"]),
            )
            notifications = await add_notifications(connection, toggled)
            rollout_id, is_new_rollout = None, False
            if (request := command.request) is not None:
                started = await requests.start(
                    connection, target["target_id"], request, idempotency_key=command.idempotency_key
                )
                rollout_id, is_new_rollout = started.rollout_id, started.is_new
                notifications += started.notification_delivery_ids
            former = {"pinned_before": before["pinned_tag"], "auto_before": before["auto_deploy"]}
            for action, detail in audit_entries.audit_entries(command, is_new_rollout=is_new_rollout, **former):
                await audit.record(
                    connection,
                    action,
                    by=command.by,
                    watches=[command.watch],
                    detail=detail,
                    reason=command.reason,
                    rollout_id=rollout_id,
                )
            await make_due(connection, [target["target_id"]])
        return CommandResult(
            target_id=target["target_id"], rollout_id=rollout_id, notification_delivery_ids=tuple(notifications)
        )

    async def known_request(self, name: str, idempotency_key: UUID) -> KnownRequest | None:
        """Read the request of the key, and compare it with the watch's target."""
        if "\0" in name:
            return None
        async with self._database.connection() as connection:
            target_id = await connection.fetchval(_TARGET, name)
            if target_id is None:
                return None
            return await audit.known_request(connection, idempotency_key, target_id=target_id, watch=name)

    async def release(self, name: str, *, by: str, reason: str = "") -> Released | None:
        """Release the watch; if a failure was released, make the other jobs of its repository due too."""
        if "\0" in name:
            return None
        return await self._release(name, by, reason) or await self._release(name, by, reason)

    async def _release(self, name: str, by: str, reason: str) -> Released | None:
        async with self._database.transaction() as connection:
            target = await targets.lock_of_watch(connection, name)
            if target is None or await connection.fetchval(_LOCK_WATCH, name, target["target_id"]) is None:
                return None
            released = await holds.release(connection, name, target["target_id"], by=by)
            if released.due:
                detail = "; ".join(released.messages)
                await audit.record(connection, AuditAction.RELEASE, by=by, watches=[name], detail=detail, reason=reason)
                await make_due(connection, [target["target_id"]])
            siblings = await holds.make_siblings_due(connection, name) if released.failed else ()
        return replace(released, due=(*released.due, *siblings))

    async def check(self, name: str, *, by: str) -> int | None:
        """Make the watch's target due."""
        if "\0" in name:
            return None
        async with self._database.transaction() as connection:
            target_id: int | None = await connection.fetchval(_TARGET, name)
            if target_id is not None:
                await make_due(connection, [target_id])
                action, detail = audit_entries.CHECK_ENTRY
                await audit.record(connection, action, by=by, watches=[name], detail=detail)
        return target_id

    async def switch(self, *, paused: bool, by: str, reason: str = "") -> Sequence[int] | None:
        """Pause or resume everything, and make all targets due."""
        async with self._database.transaction() as connection:
            if await connection.fetchval(_SWITCH, paused, storable(by, MAX_DETAIL), reason) is None:
                return None
            action, detail = audit_entries.pause_entry(paused=paused)
            await audit.record(connection, action, by=by, detail=detail, reason=reason)
            due = [row["target_id"] for row in await connection.fetch(_ALL)]
            await make_due(connection, due)
        return due


def _current_rule(row: Row) -> CurrentRule:
    return CurrentRule(
        watch=claim_rows.watch(row, place(row)),
        pinned_tag=row["pinned_tag"],
        auto_deploy=row["auto_deploy"],
        specified_tag=highest_tag(each.tag for each in read_specified(row["specified"])),
        history=History(
            digests=row["digests"],
            tags=row["digest_tags"],
            failed=frozenset(row["failed"]),
            released=frozenset(row["released"]),
        ),
    )
