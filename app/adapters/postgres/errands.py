"""The rollout of a person's errand, in the transaction of their word: the active one is it already, or gives way.

The target's row is locked by the caller.
"""

from collections.abc import Sequence
from uuid import UUID, uuid4

from app.adapters.postgres import rollout_rows
from app.adapters.postgres.pool import Connection, Row
from app.domain.rollout import Origin, RolloutState
from app.services.word import Errand, Word

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


async def request(connection: Connection, target_id: int, word: Word) -> tuple[UUID, Sequence[int], bool]:
    """The rollout of a person's errand: the active one when it is the same, else a new one in its place; its
    notifications, and whether it is new."""
    errand = word.errand
    assert errand is not None  # the caller has set aside words without one
    active = await connection.fetchrow(_ACTIVE, target_id)
    items: dict[str, Errand] = {}
    notifications: Sequence[int] = ()
    if active is not None:
        rows = await connection.fetch(_ITEMS, active["rollout_id"])
        if any(row["watch_name"] == word.watch and _is_same(active, row, errand) for row in rows):
            return active["rollout_id"], (), False
        items = _left_over(active, rows)
        reason = f"{word.by or 'a person'} asked for {word.watch} {errand.tag}"
        notifications = await rollout_rows.supersede(connection, active["rollout_id"], reason)
    items[word.watch] = errand
    rollout_id = word.once or uuid4()
    await connection.execute(_REQUEST, rollout_id, target_id, errand.origin.value, word.by)
    for name, item in items.items():
        await connection.execute(_ITEM, rollout_id, name, item.tag, item.digest, item.forced)
    return rollout_id, notifications, True


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
