"""The store of what people asked for: a word is one transaction, and an active rollout gives way to it.

The target's row is locked before its watches and rollouts, in the order that looks lock them.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import asyncpg

from app.adapters.postgres import claims, errands, holds, words
from app.adapters.postgres.due import make_due
from app.adapters.postgres.notices import add_notice
from app.adapters.postgres.pool import Connection, Database, Row
from app.adapters.postgres.stored import Stored, read_running
from app.domain.history import History
from app.domain.notice import NoticeKind
from app.domain.rule import release
from app.domain.watch import JobPlace
from app.services.said import Saying
from app.services.telling import sayings
from app.services.word import Asked, Released, Spoken, Standing, Word

_FIND = """
SELECT w.*, t.region, t.namespace, t.job_id,
  array(SELECT digest FROM failures f WHERE f.watch_name = w.name AND released_at IS NULL) AS failed,
  array(SELECT digest FROM failures f WHERE f.watch_name = w.name AND released_at IS NOT NULL) AS released
FROM watches w JOIN targets t USING (target_id)
WHERE w.name = $1 AND w.present
"""

_LOCK_TARGET = """
SELECT target_id, job_id, namespace FROM targets
WHERE target_id = (SELECT target_id FROM watches WHERE name = $1 AND present) FOR NO KEY UPDATE
"""

_LOCK_WATCH = """
SELECT pinned_tag, auto_deploy FROM watches WHERE name = $1 AND target_id = $2 AND present FOR NO KEY UPDATE
"""

_SET = """
UPDATE watches SET pinned_tag = coalesce($2, pinned_tag), auto_deploy = coalesce($3, auto_deploy),
  word_at = clock_timestamp()
WHERE name = $1
"""

_TARGET = "SELECT target_id FROM watches WHERE name = $1 AND present"

_SWITCH = """
UPDATE switches SET paused = $1, changed_by = $2, changed_at = clock_timestamp() WHERE paused <> $1 RETURNING 1
"""

_ALL = "SELECT DISTINCT target_id FROM watches WHERE present ORDER BY target_id"


class PostgresRules:
    """`Rules` on Postgres; the times are the database's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, name: str) -> Standing | None:
        """Read the watch, its rule and what runs."""
        if "\0" in name:  # no name holds it, and Postgres takes none
            return None
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_FIND, name)
        return None if row is None else _standing(row)

    async def speak(self, word: Word) -> Spoken | None:
        """Write the word with everything that follows from it."""
        # A watch that moves to another job while we wait for its old one is found there the second time; and so is an
        # id that another job's rollout took while we wrote ours.
        with suppress(asyncpg.UniqueViolationError):
            if spoken := await self._speak(word):
                return spoken
        return await self._speak(word)

    async def _speak(self, word: Word) -> Spoken | None:
        async with self._database.transaction() as connection:
            target = await connection.fetchrow(_LOCK_TARGET, word.watch)
            before = target and await connection.fetchrow(_LOCK_WATCH, word.watch, target["target_id"])
            if before is None:
                return None
            if word.once and (known := await words.asked(connection, word.once, target_id=target["target_id"])):
                return Spoken(target_id=target["target_id"], rollout_id=word.once, taken=not known.here)
            await connection.execute(_SET, word.watch, word.pinned_tag, word.auto_deploy)
            notices = []
            if word.auto_deploy is not None and word.auto_deploy != before["auto_deploy"]:
                notices.append(await _toggled(connection, target, word))
            rollout_id, brings = None, False
            if word.errand is not None:
                rollout_id, told, brings = await errands.request(connection, target["target_id"], word)
                notices += told
            was = {"pinned_before": before["pinned_tag"], "auto_before": before["auto_deploy"]}
            for saying, detail in sayings(word, brings=brings, **was):
                await words.tell(
                    connection, saying, by=word.by, watches=[word.watch], detail=detail, rollout_id=rollout_id
                )
            await make_due(connection, [target["target_id"]])
        return Spoken(target_id=target["target_id"], rollout_id=rollout_id, notice_ids=tuple(notices))

    async def asked(self, name: str, once: UUID) -> Asked | None:
        """Read the rollout of that id beside the watch's target."""
        if "\0" in name:
            return None
        async with self._database.connection() as connection:
            target_id = await connection.fetchval(_TARGET, name)
            if target_id is None:
                return None
            return await words.asked(connection, once, target_id=target_id, watch=name)

    async def release(self, name: str, *, by: str) -> Released | None:
        """Let the watch go, then make the other jobs of its repository due where a failure was let go."""
        if "\0" in name:
            return None
        return await self._release(name, by) or await self._release(name, by)

    async def _release(self, name: str, by: str) -> Released | None:
        async with self._database.transaction() as connection:
            target = await connection.fetchrow(_LOCK_TARGET, name)
            if target is None or await connection.fetchval(_LOCK_WATCH, name, target["target_id"]) is None:
                return None
            released = await holds.let_go(connection, name, target["target_id"], by=by)
            if released.due:
                detail = "; ".join(released.told)
                await words.tell(connection, Saying.RELEASE, by=by, watches=[name], detail=detail)
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
                await words.tell(connection, Saying.CHECK, by=by, watches=[name], detail="looks at it now")
        return target_id

    async def switch(self, *, paused: bool, by: str) -> Sequence[int] | None:
        """Turn the switch; what was held back by it is due when it is turned back."""
        async with self._database.transaction() as connection:
            if await connection.fetchval(_SWITCH, paused, by) is None:
                return None
            saying = Saying.PAUSE if paused else Saying.RESUME
            detail = "nothing is deployed by itself" if paused else "what is wanted is deployed again"
            await words.tell(connection, saying, by=by, detail=detail)
            due = [row["target_id"] for row in await connection.fetch(_ALL)]
            await make_due(connection, due)
        return due


async def _toggled(connection: Connection, target: Row, word: Word) -> int:
    state = "on" if word.auto_deploy else "off"
    return await add_notice(
        connection,
        kind=NoticeKind.AUTO_DEPLOY_TOGGLED,
        headline=f"Turned {state} auto deployment for repo {word.watch}",
        detail=f"by {word.by}" if word.by else "",
        watch_names=(word.watch,),
        job_id=target["job_id"],
        namespace=target["namespace"],
    )


def _standing(row: Row) -> Standing:
    place = JobPlace(region=row["region"], namespace=row["namespace"], job_id=row["job_id"])
    return Standing(
        watch=claims.watch(row, place),
        pinned_tag=row["pinned_tag"],
        auto_deploy=row["auto_deploy"],
        running_tag=running_tag(row["running"]),
        history=History(
            digests=row["digests"],
            tags=row["digest_tags"],
            failed=frozenset(row["failed"]),
            released=frozenset(row["released"]),
        ),
    )


def running_tag(tasks: Sequence[Stored]) -> str | None:
    """The highest release among what the tasks ran at the last look: the one whose spelling counts."""
    releases = [found for found in (release(each.tag) for each in read_running(tasks)) if found is not None]
    highest = max(releases, key=lambda each: each.version, default=None)
    return highest.tag if highest else None
