"""Insert a rollout and its items, and make its label. The caller has locked the target's row."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.adapters.postgres.database.pool import Connection
from app.domain.rollout import Origin

# `intent` numbers the rollouts of a target in the order of their requests.
_INSERT = """
INSERT INTO rollouts (rollout_id, target_id, intent, origin, requested_by, undoes, expected_index, changes)
SELECT $1, $2, coalesce(max(intent), 0) + 1, $3, $4, $5, $6, $7 FROM rollouts WHERE target_id = $2
"""

# When a patch is written again, each item keeps `forced` and `requested_at` of the request.
_INSERT_ITEM = """
INSERT INTO rollout_watches (rollout_id, watch_name, tag, digest, forced, from_images, message, from_tag, from_digest,
  digest_changed, requested_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, created_at FROM rollouts WHERE rollout_id = $1
ON CONFLICT (rollout_id, watch_name) DO UPDATE
SET tag = excluded.tag, digest = excluded.digest, from_images = excluded.from_images, message = excluded.message,
  from_tag = excluded.from_tag, from_digest = excluded.from_digest, digest_changed = excluded.digest_changed
"""

# The label of one row of rollout_watches, for people: "watch tag", or "watch digest" without a tag.
ITEM_LABEL = "rw.watch_name || ' ' || coalesce(nullif(rw.tag, ''), rw.digest)"

# The label of all rows of a group.
LABEL = f"coalesce(string_agg({ITEM_LABEL}, ', ' ORDER BY rw.watch_name), '')"


def label_of(rollout: str) -> str:
    """An SQL expression: the label of the rollout whose id is the SQL expression `rollout`."""
    return f"(SELECT {LABEL} FROM rollout_watches rw WHERE rw.rollout_id = {rollout})"


async def insert_rollout(
    connection: Connection,
    rollout_id: UUID,
    target_id: int,
    origin: Origin,
    *,
    by: str = "",
    undoes: UUID | None = None,
    expected_index: int | None = None,
    changes: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Insert the target's next rollout. Raises asyncpg.UniqueViolationError when a rollout with that id, or an active
    rollout of the target, exists."""
    await connection.execute(
        _INSERT, rollout_id, target_id, origin.value, by, undoes, expected_index, [dict(each) for each in changes]
    )


async def write_item(
    connection: Connection,
    rollout_id: UUID,
    *,
    watch: str,
    tag: str,
    digest: str,
    forced: bool = False,
    from_images: Mapping[str, str] | None = None,
    message: str = "",
    before: tuple[str, str] = ("", ""),
    digest_changed: bool = False,
) -> None:
    """Write the rollout's item of the watch; `before` is the tag and digest that ran, as far as known."""
    images = dict(from_images or {})
    await connection.execute(
        _INSERT_ITEM, rollout_id, watch, tag, digest, forced, images, message, *before, digest_changed
    )
