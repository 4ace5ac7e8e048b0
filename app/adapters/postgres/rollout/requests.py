"""Write a requested rollout, which supersedes the target's active one. The caller has locked the target's row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from app.adapters.postgres.database.pool import Connection
from app.adapters.postgres.database.rollouts import insert_rollout, write_item
from app.adapters.postgres.rollout import endings
from app.domain.rollout import Origin, RolloutState
from app.domain.supersede import ActiveRollout, Request, RequestedItem, replacement

_ACTIVE = """
SELECT rollout_id, origin, state, undoes FROM rollouts WHERE target_id = $1 AND ended_at IS NULL FOR UPDATE
"""

_ITEMS = "SELECT watch_name, tag, digest, forced FROM rollout_watches WHERE rollout_id = $1 ORDER BY watch_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The rollout of a request, whether it is new, and the notifications of the one that it superseded."""

    rollout_id: UUID
    is_new: bool
    notification_delivery_ids: Sequence[int] = ()


async def start(
    connection: Connection, target_id: int, request: Request, *, idempotency_key: UUID | None = None
) -> Started:
    """Insert the request's rollout, with `idempotency_key` as its id if given, unless the active rollout is the same.

    Raises asyncpg.UniqueViolationError when another rollout has that id.
    """
    active = await _active(connection, target_id)
    items, notifications = request.items, list[int]()
    if active is not None:
        new = replacement(active, request)
        if new is None:
            return Started(rollout_id=active.rollout_id, is_new=False)
        items = new.items
        notifications = await endings.supersede(connection, active.rollout_id, new.reason)
    rollout_id = await insert(connection, target_id, request, items, rollout_id=idempotency_key)
    return Started(rollout_id=rollout_id, is_new=True, notification_delivery_ids=tuple(notifications))


async def insert(
    connection: Connection,
    target_id: int,
    request: Request,
    items: Iterable[RequestedItem],
    *,
    rollout_id: UUID | None = None,
) -> UUID:
    """Insert a rollout of the items when none is active; returns its id."""
    identifier = rollout_id or uuid4()
    await insert_rollout(connection, identifier, target_id, request.origin, by=request.by, undoes=request.undoes)
    for item in items:
        await write_item(connection, identifier, watch=item.watch, tag=item.tag, digest=item.digest, forced=item.forced)
    return identifier


async def _active(connection: Connection, target_id: int) -> ActiveRollout | None:
    row = await connection.fetchrow(_ACTIVE, target_id)
    if row is None:
        return None
    items = await connection.fetch(_ITEMS, row["rollout_id"])
    return ActiveRollout(
        rollout_id=row["rollout_id"],
        origin=Origin(row["origin"]),
        submitted=row["state"] != RolloutState.REQUESTED.value,
        undoes=row["undoes"],
        items=tuple(
            RequestedItem(watch=each["watch_name"], tag=each["tag"], digest=each["digest"], forced=each["forced"])
            for each in items
        ),
    )
