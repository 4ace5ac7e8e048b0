"""The store of what people asked for: a word is one transaction, and an active rollout gives way to it.

The target's row is locked before its watches and rollouts, in the order that looks lock them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

from app.adapters.postgres import claims, holds, rollout_rows
from app.adapters.postgres.due import make_due
from app.adapters.postgres.notices import add_notice
from app.adapters.postgres.pool import Connection, Database, Row
from app.domain.history import History
from app.domain.notice import NoticeKind
from app.domain.rollout import Origin, Outcome, OutcomeKind, RolloutState
from app.domain.rule import release
from app.domain.watch import JobPlace
from app.services.word import Errand, Released, Spoken, Standing, Word

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
SELECT auto_deploy FROM watches WHERE name = $1 AND target_id = $2 AND present FOR NO KEY UPDATE
"""

_SET = """
UPDATE watches SET pinned_tag = coalesce($2, pinned_tag), auto_deploy = coalesce($3, auto_deploy),
  word_at = clock_timestamp()
WHERE name = $1
"""

_ACTIVE = "SELECT rollout_id, origin, state FROM rollouts WHERE target_id = $1 AND ended_at IS NULL FOR UPDATE"

_ITEMS = "SELECT watch_name, tag, digest, forced FROM rollout_watches WHERE rollout_id = $1 ORDER BY watch_name"

_REQUEST = """
INSERT INTO rollouts (rollout_id, target_id, intent, origin, asked_by)
SELECT $1, $2, coalesce(max(intent), 0) + 1, $3, $4 FROM rollouts WHERE target_id = $2
"""

_ITEM = """
INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced, asked_at)
SELECT $1, $2, $3, $4, $5, created_at FROM rollouts WHERE rollout_id = $1
"""

_CHECK = """
UPDATE targets SET mark = mark + 1, thorough = true, due_at = clock_timestamp(), rung_at = clock_timestamp()
WHERE target_id = (SELECT target_id FROM watches WHERE name = $1 AND present) RETURNING target_id
"""

_SWITCH = """
UPDATE switches SET paused = $1, changed_by = $2, changed_at = clock_timestamp() WHERE paused <> $1 RETURNING 1
"""

_ALL_DUE = """
WITH chosen AS (
  SELECT target_id FROM targets t
  WHERE EXISTS (SELECT FROM watches w WHERE w.target_id = t.target_id AND w.present)
  ORDER BY target_id FOR NO KEY UPDATE)
UPDATE targets SET mark = mark + 1, thorough = true, due_at = clock_timestamp(), rung_at = clock_timestamp()
FROM chosen WHERE targets.target_id = chosen.target_id RETURNING targets.target_id
"""


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
        # A watch that moves to another job while we wait for its old one is found there the second time.
        return await self._speak(word) or await self._speak(word)

    async def _speak(self, word: Word) -> Spoken | None:
        async with self._database.transaction() as connection:
            target = await connection.fetchrow(_LOCK_TARGET, word.watch)
            before = target and await connection.fetchrow(_LOCK_WATCH, word.watch, target["target_id"])
            if before is None:
                return None
            await connection.execute(_SET, word.watch, word.pinned_tag, word.auto_deploy)
            notices = []
            if word.auto_deploy is not None and word.auto_deploy != before["auto_deploy"]:
                notices.append(await _toggled(connection, target, word))
            rollout_id = None
            if word.errand is not None:
                rollout_id, told = await _request(connection, target["target_id"], word)
                notices += told
            await make_due(connection, target["target_id"])
        return Spoken(target_id=target["target_id"], rollout_id=rollout_id, notice_ids=tuple(notices))

    async def release(self, name: str, *, by: str) -> Released | None:
        """Let the watch go, then make the other jobs of its repository due where a failure was let go."""
        if "\0" in name:
            return None
        released = await self._release(name, by) or await self._release(name, by)
        if released is None or not released.failed:
            return released
        async with self._database.connection() as connection:
            siblings = await holds.make_siblings_due(connection, name)
        return replace(released, due=(*released.due, *siblings))

    async def _release(self, name: str, by: str) -> Released | None:
        async with self._database.transaction() as connection:
            target = await connection.fetchrow(_LOCK_TARGET, name)
            if target is None or await connection.fetchval(_LOCK_WATCH, name, target["target_id"]) is None:
                return None
            released = await holds.let_go(connection, name, target["target_id"], by=by)
            if released.due:
                await make_due(connection, target["target_id"])
        return released

    async def check(self, name: str) -> int | None:
        """Make the watch's target due."""
        if "\0" in name:
            return None
        async with self._database.connection() as connection:
            target_id: int | None = await connection.fetchval(_CHECK, name)
        return target_id

    async def switch(self, *, paused: bool, by: str) -> Sequence[int] | None:
        """Turn the switch; what was held back by it is due when it is turned back."""
        async with self._database.transaction() as connection:
            if await connection.fetchval(_SWITCH, paused, by) is None:
                return None
            return [row["target_id"] for row in await connection.fetch(_ALL_DUE)]


async def _request(connection: Connection, target_id: int, word: Word) -> tuple[UUID, Sequence[int]]:
    """The rollout of a person's errand: the active one when it is the same, else a new one in its place."""
    errand = word.errand
    assert errand is not None  # the caller has set aside words without one
    active = await connection.fetchrow(_ACTIVE, target_id)
    items: dict[str, Errand] = {}
    notices: Sequence[int] = ()
    if active is not None:
        rows = await connection.fetch(_ITEMS, active["rollout_id"])
        if any(row["watch_name"] == word.watch and _is_same(active, row, errand) for row in rows):
            return active["rollout_id"], ()
        items = _left_over(active, rows)
        reason = f"{word.by or 'a person'} asked for {word.watch} {errand.tag}"
        outcome = Outcome(kind=OutcomeKind.SUPERSEDED, reason=reason)
        notices = await rollout_rows.end_rollout(connection, active["rollout_id"], outcome)
    items[word.watch] = errand
    rollout_id = uuid4()
    await connection.execute(_REQUEST, rollout_id, target_id, errand.origin.value, word.by)
    for name, item in items.items():
        await connection.execute(_ITEM, rollout_id, name, item.tag, item.digest, item.forced)
    return rollout_id, notices


def _is_same(active: Row, row: Row, errand: Errand) -> bool:
    """Whether the active rollout brings just this: what is not registered yet still follows its tag.

    A reset is content with any rollout that brings it; a deploy only with one that a person asked for, as strongly.
    """
    if row["tag"] != errand.tag:
        return False
    follows_its_tag = active["state"] == RolloutState.REQUESTED.value and not Origin(active["origin"]).goes_back
    if row["digest"] != errand.digest and not follows_its_tag:
        return False
    return not errand.forced or (Origin(active["origin"]).by_person and row["forced"])


def _left_over(active: Row, rows: Sequence[Row]) -> dict[str, Errand]:
    """What people asked for the target's other watches, and Nomad has not heard of yet.

    A rollback is not among it: it brings a digest whatever its tag shows now, and this rollout will follow tags.
    """
    origin = Origin(active["origin"])
    if not origin.by_person or origin.goes_back or active["state"] != RolloutState.REQUESTED.value:
        return {}
    return {
        row["watch_name"]: Errand(origin=origin, tag=row["tag"], digest=row["digest"], forced=row["forced"])
        for row in rows
    }


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


def running_tag(tasks: Sequence[Mapping[str, str]]) -> str | None:
    """The highest release among what the tasks ran at the last look: the one whose spelling counts."""
    releases = [found for found in (release(each["tag"]) for each in tasks) if found is not None]
    highest = max(releases, key=lambda each: each.version, default=None)
    return highest.tag if highest else None
